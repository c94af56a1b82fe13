// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Foundation
import Keystores
import Secrets
import Testing

/// A change to the scrypt vector of EIP-2335, and what it must lead to.
struct JSONCase: Sendable {
    let find: String
    let replacement: String
    let reason: KeystoreError
}

@Suite struct KeystoreJSONTests {
    private func failure(_ json: String) -> KeystoreError? {
        do throws(KeystoreError) {
            _ = try Keystore(json: Data(json.utf8))
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        JSONCase(find: "\"version\": 4", replacement: "\"version\": 3", reason: .unsupportedVersion(3)),
        JSONCase(
            find: ",\n    \"version\": 4",
            replacement: "",
            reason: .malformed(field: "version", reason: "is missing")
        ),
        JSONCase(
            find: "\"version\": 4",
            replacement: "\"version\": \"4\"",
            reason: .malformed(field: "version", reason: "has another type than EIP-2335 says")
        ),
        JSONCase(
            find: "\"scrypt\"",
            replacement: "\"argon2id\"",
            reason: .unsupportedFunction(part: "kdf", name: "argon2id")
        ),
        JSONCase(
            find: "\"scrypt\"",
            replacement: "\"pbkdf2\"",
            reason: .malformed(field: "crypto.kdf.params.prf", reason: "is missing")
        ),
        JSONCase(
            find: "\"aes-128-ctr\"",
            replacement: "\"aes-256-gcm\"",
            reason: .unsupportedFunction(part: "cipher", name: "aes-256-gcm")
        ),
        JSONCase(
            find: "\"sha256\"",
            replacement: "\"keccak256\"",
            reason: .unsupportedFunction(part: "checksum", name: "keccak256")
        ),
        JSONCase(
            find: "\"dklen\": 32",
            replacement: "\"dklen\": 31",
            reason: .malformed(field: "crypto.kdf.params.dklen", reason: "is 31; at least 32 bytes are needed")
        ),
        JSONCase(
            find: "\"dklen\": 32",
            replacement: "\"dklen\": -32",
            reason: .malformed(field: "crypto.kdf.params.dklen", reason: "is -32; at least 32 bytes are needed")
        ),
        JSONCase(
            find: "\"n\": 262144,",
            replacement: "",
            reason: .malformed(field: "crypto.kdf.params.n", reason: "is missing")
        ),
        JSONCase(
            find: "\"r\": 8",
            replacement: "\"r\": null",
            reason: .malformed(field: "crypto.kdf.params.r", reason: "is missing")
        ),
        JSONCase(
            find: "d4e56740",
            replacement: "d4e5674",
            reason: .malformed(field: "crypto.kdf.params.salt", reason: "has an odd number of hexadecimal digits")
        ),
        JSONCase(
            find: "264daa3f",
            replacement: "264daa",
            reason: .malformed(field: "crypto.cipher.params.iv", reason: "has 15 bytes where 16 are needed")
        ),
        JSONCase(
            find: "d2217fe5",
            replacement: "d2217fe500",
            reason: .malformed(field: "crypto.checksum.message", reason: "has 33 bytes where 32 are needed")
        ),
        JSONCase(
            find: "06ae90d5",
            replacement: "zzzzzzzz",
            reason: .malformed(
                field: "crypto.cipher.message",
                reason: "contains a character that is not a hexadecimal digit"
            )
        ),
        JSONCase(
            find: "9612d7a7",
            replacement: "",
            reason: .malformed(field: "pubkey", reason: "has 44 bytes where 48 are needed")
        ),
        JSONCase(
            find: "\"params\": {\"iv\": \"264daa3f303d7259501c93d997d84fe6\"}",
            replacement: "\"params\": []",
            reason: .malformed(field: "crypto.cipher.params", reason: "has another type than EIP-2335 says")
        ),
    ])
    func `what is wrong with a keystore is named by its field`(_ change: JSONCase) throws {
        let json = Vector.scrypt.replacing(change.find, with: change.replacement)
        try #require(json != Vector.scrypt)
        #expect(failure(json) == change.reason)
    }

    @Test(arguments: [
        "\"n\": 1e400", "\"n\": 99999999999999999999999", "\"n\": 0.5", "\"n\": \"262144\"", "\"n\": true",
    ])
    func `a number that is none is refused`(_ n: String) {
        guard
            case .malformed = failure(
                Vector.scrypt.replacing("\"n\": 262144", with: n)
            )
        else {
            Issue.record(
                "\(n) led to \(String(describing: failure(Vector.scrypt.replacing("\"n\": 262144", with: n))))"
            )
            return
        }
    }

    @Test(arguments: [
        "", " ", "null", "4", "[]", "{}", "\"text\"", "{\"crypto\":{}}", "\u{FEFF}", "[[[[", "{\"version\":4}",
    ])
    func `what is no keystore is refused`(_ json: String) {
        guard case .malformed = failure(json) else {
            Issue.record("\(json) led to \(String(describing: failure(json)))")
            return
        }
    }

    @Test func `every truncation is refused`() {
        let bytes = Array(Vector.pbkdf2.utf8)
        for length in 0..<bytes.count {
            let error = failure(String(decoding: bytes[..<length], as: UTF8.self))
            guard case .malformed = error else {
                Issue.record("\(length) bytes led to \(String(describing: error))")
                return
            }
        }
    }

    @Test func `unknown fields, and optional ones that are absent, change nothing`() throws {
        var json = Vector.scrypt.replacing(
            "\"version\": 4",
            with: "\"version\": 4, \"name\": \"prysm\", \"x\": {\"y\": [1]}"
        )
        #expect(try Keystore(json: Data(json.utf8)) == Keystore(json: Data(Vector.scrypt.utf8)))
        for field in ["description", "pubkey", "path", "uuid"] {
            json = json.replacing("\"\(field)\"", with: "\"_\(field)\"")
        }
        let bare = try Keystore(json: Data(json.utf8))
        #expect(bare.publicKey == nil && bare.path == nil && bare.uuid == nil && bare.note == nil)
    }

    @Test func `hexadecimal text may have a prefix and capitals`() throws {
        let json = Vector.scrypt.replacing("\"9612d7a7", with: "\"0x9612D7A7").replacing("\"d4e567", with: "\"0xD4E567")
        #expect(try Keystore(json: Data(json.utf8)) == Keystore(json: Data(Vector.scrypt.utf8)))
    }

    @Test func `mutated keystores are refused or open, and nothing else happens`() throws {
        let key = try TestKey(5).secretKey().publicKey
        let original = Array(try TestKey(5).keystore("p", publicKey: key, path: "m/0").json())
        let password = try Password.of("p")
        var limits = DerivationLimits()
        (limits.memory, limits.scryptSteps, limits.pbkdf2Steps) = (1 << 20, 1 << 12, 1 << 12)
        let tokens = [
            "{", "}", "[", "]", "\"", ":", ",", "0", "9999999999", "null", "\\u0000", "\u{FF}", "-1", "scrypt", "n",
        ]
        .map { Array($0.utf8) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            var bytes = original
            for _ in 0...Int.random(in: 0...3, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: position)
                case 2: bytes.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: position)
                default: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            do throws(KeystoreError) {
                let keystore = try Keystore(json: Data(bytes))
                let opened = try keystore.secretKey(password, arena: SecretArena(), limits: limits)
                // The checksum of EIP-2335 does not cover the initialisation vector: a file that has lost its public
                // key as well opens to another key.
                #expect(opened.publicKey == key || keystore.publicKey == nil)
            } catch { #expect(!error.description.isEmpty) }
        }
    }

    @Test func `nesting without end is refused`() async throws {
        let directory = try TemporaryDirectory()
        for (number, pair) in [("[", "]"), ("{\"a\":", "}")].enumerated() {
            let open = String(repeating: pair.0, count: 100_000)
            try directory.write(
                "\(number).json",
                "{\"crypto\":" + open + "1" + String(repeating: pair.1, count: 100_000) + "}"
            )
        }
        let password = try directory.write("password.txt", "p")
        let loaded = try await load([.keystores(directory: directory.path, passwords: .file(password))])
        #expect(loaded.failures.count == 2)
    }
}
