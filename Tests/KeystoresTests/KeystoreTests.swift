// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Encoding
import Foundation
import Keystores
import Secrets
import Testing

/// The two test vectors of EIP-2335.
enum Vector {
    static let password = "𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑"
    static let secret = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    static let publicKey =
        "0x9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07"

    static let scrypt = """
        {
            "crypto": {
                "kdf": {
                    "function": "scrypt",
                    "params": {
                        "dklen": 32,
                        "n": 262144,
                        "p": 1,
                        "r": 8,
                        "salt": "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
                    },
                    "message": ""
                },
                "checksum": {
                    "function": "sha256",
                    "params": {},
                    "message": "d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484"
                },
                "cipher": {
                    "function": "aes-128-ctr",
                    "params": {"iv": "264daa3f303d7259501c93d997d84fe6"},
                    "message": "06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f"
                }
            },
            "description": "This is a test keystore that uses scrypt to secure the secret.",
            "pubkey": "9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07",
            "path": "m/12381/60/3141592653/589793238",
            "uuid": "1d85ae20-35c5-4611-98e8-aa14a633906f",
            "version": 4
        }
        """

    static let pbkdf2 = """
        {
            "crypto": {
                "kdf": {
                    "function": "pbkdf2",
                    "params": {
                        "dklen": 32,
                        "c": 262144,
                        "prf": "hmac-sha256",
                        "salt": "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
                    },
                    "message": ""
                },
                "checksum": {
                    "function": "sha256",
                    "params": {},
                    "message": "8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1"
                },
                "cipher": {
                    "function": "aes-128-ctr",
                    "params": {"iv": "264daa3f303d7259501c93d997d84fe6"},
                    "message": "cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad"
                }
            },
            "description": "This is a test keystore that uses PBKDF2 to secure the secret.",
            "pubkey": "9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07",
            "path": "m/12381/60/0/0",
            "uuid": "64625def-3331-4eea-ab6f-782f3ed16a83",
            "version": 4
        }
        """
}

@Suite struct EIP2335VectorTests {
    @Test(arguments: [Vector.scrypt, Vector.pbkdf2])
    func `the vectors of EIP-2335 decrypt`(_ json: String) throws {
        let keystore = try Keystore(json: Data(json.utf8))
        let secret = try keystore.decrypt(.of(Vector.password))
        #expect(Hex.encode(secret.span, prefix: false) == Vector.secret)
        let key = try keystore.secretKey(.of(Vector.password), arena: SecretArena())
        #expect(key.publicKey.description == Vector.publicKey)
    }

    @Test func `the fields around the secret are read`() throws {
        let keystore = try Keystore(json: Data(Vector.scrypt.utf8))
        #expect(keystore.derivation == .standardScrypt)
        #expect(keystore.derivation.memory > 256 << 20)
        #expect(keystore.path == "m/12381/60/3141592653/589793238")
        #expect(keystore.uuid == "1d85ae20-35c5-4611-98e8-aa14a633906f")
        #expect(keystore.note == "This is a test keystore that uses scrypt to secure the secret.")
        #expect(try Keystore(json: Data(Vector.pbkdf2.utf8)).derivation == .standardPBKDF2)
    }
}

@Suite struct KeystoreDecryptionTests {
    @Test func `another password is refused`() throws {
        let keystore = try TestKey(7).keystore("right")
        #expect(throws: KeystoreError.wrongPassword) { _ = try keystore.decrypt(.of("wrong")) }
    }

    @Test func `an altered checksum or ciphertext is refused before anything is decrypted`() throws {
        let keystore = try TestKey(7).keystore("right")
        var altered = keystore
        altered.checksum[31] ^= 1
        #expect(throws: KeystoreError.wrongPassword) { _ = try altered.decrypt(.of("right")) }
        altered = keystore
        altered.encryptedSecret[0] ^= 0x80
        #expect(throws: KeystoreError.wrongPassword) { _ = try altered.decrypt(.of("right")) }
        altered = keystore
        altered.encryptedSecret.removeLast()
        #expect(throws: KeystoreError.wrongPassword) { _ = try altered.decrypt(.of("right")) }
    }

    @Test func `a stated public key that is not the secret's is refused with both`() throws {
        let (own, other) = try (TestKey(7).secretKey().publicKey, TestKey(8).secretKey().publicKey)
        let keystore = try TestKey(7).keystore("right", publicKey: other)
        #expect(throws: KeystoreError.publicKeyMismatch(derived: own, stated: other)) {
            _ = try keystore.secretKey(.of("right"), arena: SecretArena())
        }
    }

    @Test func `the stated public key is compared, and may be absent`() throws {
        let own = try TestKey(7).secretKey().publicKey
        for stated in [nil, own] {
            let keystore = try TestKey(7).keystore("right", publicKey: stated)
            #expect(try keystore.secretKey(.of("right"), arena: SecretArena()).publicKey == own)
        }
    }

    @Test(arguments: [
        String(repeating: "00", count: 32),
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
        String(repeating: "ff", count: 32),
    ])
    func `zero and scalars above the order are no keys, and leave nothing in the arena`(_ hex: String) throws {
        let bytes = try Hex.decode(hex)
        let secret = SecretBytes(count: 32) { target in
            for position in 0..<32 { target.storeBytes(of: bytes[position], toByteOffset: position, as: UInt8.self) }
        }
        let keystore = try Keystore(
            encrypting: secret,
            publicKey: nil,
            password: .of("p"),
            derivation: .pbkdf2(iterations: 1)
        )
        let arena = SecretArena()
        #expect(throws: KeystoreError.notAScalar) { _ = try keystore.secretKey(.of("p"), arena: arena) }
        #expect(arena.occupied == 0)
    }

    @Test(arguments: [0, 31, 33, 64])
    func `a secret of another length is no validator key`(_ count: Int) throws {
        let keystore = try Keystore(
            encrypting: SecretBytes(random: count),
            publicKey: nil,
            password: .of("p"),
            derivation: .pbkdf2(iterations: 1)
        )
        #expect(throws: KeystoreError.secretLength(bytes: count)) {
            _ = try keystore.secretKey(.of("p"), arena: SecretArena())
        }
    }

    @Test func `parameters that would take 64 GiB are refused`() throws {
        let json = Vector.scrypt.replacing("\"n\": 262144", with: "\"n\": 67108864")
        #expect(throws: KeystoreError.derivation(.tooMuchMemory(bytes: 1024 * ((1 << 26) + 3), limit: 1 << 30))) {
            _ = try Keystore(json: Data(json.utf8)).decrypt(.of("p"))
        }
    }

    @Test func `iterations that would take hours are refused`() throws {
        let json = Vector.pbkdf2.replacing("\"c\": 262144", with: "\"c\": 9000000000")
        #expect(throws: KeystoreError.derivation(.tooManySteps(count: 9_000_000_000, limit: 1 << 25))) {
            _ = try Keystore(json: Data(json.utf8)).decrypt(.of("p"))
        }
    }

    @Test(arguments: ["\"n\": 262143", "\"n\": 0", "\"n\": -8"])
    func `an n that is no power of two is refused`(_ n: String) throws {
        let keystore = try Keystore(json: Data(Vector.scrypt.replacing("\"n\": 262144", with: n).utf8))
        let error = #expect(throws: KeystoreError.self) { _ = try keystore.decrypt(.of("p")) }
        guard case .derivation(.undefinedParameter) = error else {
            Issue.record("refused for another reason: \(String(describing: error))")
            return
        }
    }
}
