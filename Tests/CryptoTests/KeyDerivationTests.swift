// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Secrets
import Testing

/// One published answer of a derivation.
struct DerivationCase: Sendable {
    let password: String
    let salt: String
    let cost: [Int]
    let expected: String
}

@Suite struct KeyDerivationTests {
    @Test(arguments: [
        DerivationCase(
            password: "",
            salt: "",
            cost: [16, 1, 1],
            expected: "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                + "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
        ),
        DerivationCase(
            password: "password",
            salt: "NaCl",
            cost: [1024, 8, 16],
            expected: "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                + "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        ),
        DerivationCase(
            password: "pleaseletmein",
            salt: "SodiumChloride",
            cost: [16384, 8, 1],
            expected: "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                + "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        ),
    ])
    func `scrypt gives the answers of RFC 7914`(_ vector: DerivationCase) throws {
        let key = try KeyDerivation.scrypt(
            password: Array(vector.password.utf8).span,
            salt: Array(vector.salt.utf8).span,
            ScryptParameters(n: vector.cost[0], r: vector.cost[1], p: vector.cost[2]),
            count: 64
        )
        #expect(Hex.encode(key.span, prefix: false) == vector.expected)
    }

    @Test(arguments: [
        DerivationCase(
            password: "passwd",
            salt: "salt",
            cost: [1],
            expected: "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                + "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
        ),
        DerivationCase(
            password: "Password",
            salt: "NaCl",
            cost: [80000],
            expected: "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
                + "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d"
        ),
    ])
    func `PBKDF2 over SHA-256 gives the answers of RFC 7914`(_ vector: DerivationCase) throws {
        let key = try KeyDerivation.pbkdf2SHA256(
            password: Array(vector.password.utf8).span,
            salt: Array(vector.salt.utf8).span,
            iterations: vector.cost[0],
            count: 64
        )
        #expect(Hex.encode(key.span, prefix: false) == vector.expected)
    }

    @Test(arguments: [
        DerivationCase(
            password: "password",
            salt: "salt",
            cost: [1],
            expected: "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"
                + "c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce"
        ),
        DerivationCase(
            password: "password",
            salt: "salt",
            cost: [4096],
            expected: "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5"
                + "143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5"
        ),
    ])
    func `PBKDF2 over SHA-512 gives the known answers`(_ vector: DerivationCase) throws {
        let key = try KeyDerivation.pbkdf2SHA512(
            password: Array(vector.password.utf8).span,
            salt: Array(vector.salt.utf8).span,
            iterations: vector.cost[0],
            count: 64
        )
        #expect(Hex.encode(key.span, prefix: false) == vector.expected)
    }
}

@Suite struct DerivationLimitTests {
    private func scrypt(_ n: Int, _ r: Int, _ p: Int, count: Int = 32) -> CryptoError? {
        do {
            _ = try KeyDerivation.scrypt(
                password: [1].span,
                salt: [2].span,
                ScryptParameters(n: n, r: r, p: p),
                count: count
            )
            return nil
        } catch { return error }
    }

    private func pbkdf2(_ iterations: Int, count: Int = 32) -> CryptoError? {
        do {
            _ = try KeyDerivation.pbkdf2SHA256(
                password: [1].span,
                salt: [2].span,
                iterations: iterations,
                count: count
            )
            return nil
        } catch { return error }
    }

    @Test func `64 GiB of scrypt memory are refused without being asked of the system`() {
        #expect(scrypt(1 << 26, 8, 1) == .tooMuchMemory(bytes: 128 * 8 * ((1 << 26) + 3), limit: 1 << 30))
    }

    @Test func `numbers that overflow are refused like large ones`() {
        #expect(scrypt(1 << 62, 8, 1) == .tooMuchMemory(bytes: .max, limit: 1 << 30))
        #expect(scrypt(16, .max, 1) == .tooMuchMemory(bytes: .max, limit: 1 << 30))
        #expect(scrypt(16, 1, .max) == .tooMuchMemory(bytes: .max, limit: 1 << 30))
        #expect(pbkdf2(.max) == .tooManySteps(count: .max, limit: 1 << 25))
        #expect(pbkdf2(.max, count: 64) == .tooManySteps(count: .max, limit: 1 << 25))
    }

    @Test func `scrypt within the memory but for hours is refused`() {
        #expect(scrypt(1 << 18, 8, 4096) == .tooManySteps(count: 1 << 33, limit: 1 << 25))
    }

    @Test(arguments: [(0, 8, 1), (1, 8, 1), (-2, 8, 1), (6, 8, 1), (.min, 8, 1), (16, 0, 1), (16, 8, 0), (16, -1, 1)])
    func `scrypt outside its definition is refused`(_ n: Int, _ r: Int, _ p: Int) {
        guard case .undefinedParameter = scrypt(n, r, p) else {
            Issue.record("n \(n), r \(r), p \(p) was accepted")
            return
        }
    }

    @Test func `scrypt refuses an n that its r does not carry`() {
        guard case .undefinedParameter = scrypt(1 << 16, 1, 1) else {
            Issue.record("n = 2^16 with r = 1 was accepted")
            return
        }
        #expect(scrypt(1 << 15, 1, 1) == nil)
    }

    @Test func `PBKDF2 without an iteration is refused`() {
        #expect(pbkdf2(0) == .undefinedParameter("PBKDF2's iteration count is 0"))
        #expect(pbkdf2(-1) == .undefinedParameter("PBKDF2's iteration count is -1"))
    }

    @Test func `PBKDF2's output counts as work`() {
        #expect(pbkdf2(1 << 25, count: 33) == .tooManySteps(count: 1 << 26, limit: 1 << 25))
    }

    @Test func `an output of no bytes or of very many is refused`() {
        #expect(scrypt(16, 1, 1, count: 0) == .undefinedParameter("a derived key of 0 bytes was asked for"))
        #expect(pbkdf2(1, count: -1) == .undefinedParameter("a derived key of -1 bytes was asked for"))
        #expect(scrypt(16, 1, 1, count: 1025) == .outputTooLong(bytes: 1025, limit: 1024))
        #expect(pbkdf2(1, count: .max) == .outputTooLong(bytes: .max, limit: 1024))
    }

    @Test func `the memory limit is exact`() throws {
        let parameters = ScryptParameters(n: 1024, r: 8, p: 1)
        var limits = DerivationLimits()
        limits.memory = parameters.memory
        _ = try KeyDerivation.scrypt(
            password: [1].span,
            salt: [2].span,
            parameters,
            count: 32,
            limits: limits
        )
        limits.memory -= 1
        #expect(throws: CryptoError.tooMuchMemory(bytes: parameters.memory, limit: parameters.memory - 1)) {
            _ = try KeyDerivation.scrypt(password: [1].span, salt: [2].span, parameters, count: 32, limits: limits)
        }
    }

    @Test func `a password of a megabyte is refused`() {
        let password = [UInt8](repeating: 65, count: (1 << 20) + 1)
        #expect(throws: CryptoError.wrongLength(of: "password", bytes: (1 << 20) + 1, expected: 1 << 20)) {
            _ = try KeyDerivation.pbkdf2SHA256(password: password.span, salt: [2].span, iterations: 1, count: 32)
        }
    }
}
