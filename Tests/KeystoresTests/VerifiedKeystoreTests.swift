// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Encoding
import Foundation
import Keystores
import Secrets
import Testing

@Suite struct VerifiedKeystoreTests {
    private let arena = SecretArena()

    private func written(
        _ key: TestKey,
        _ password: String,
        derivation: Keystore.Derivation = .pbkdf2(iterations: 1)
    ) throws -> VerifiedKeystore {
        try VerifiedKeystore(
            of: key.secretBytes(),
            password: .of(password),
            derivation: derivation,
            path: .signing(validator: 3),
            note: "a note",
            arena: arena
        )
    }

    @Test(arguments: [
        Keystore.Derivation.pbkdf2(iterations: 3), .scrypt(ScryptParameters(n: 4, r: 2, p: 1)), .standardScrypt,
        .standardPBKDF2,
    ])
    func `what is given out opens to the key`(_ derivation: Keystore.Derivation) throws {
        let file = try written(TestKey(7), "päss", derivation: derivation)
        let key = try TestKey(7).secretKey().publicKey
        #expect(file.publicKey == key)
        let keystore = try Keystore(json: file.json)
        #expect(keystore.derivation == derivation)
        #expect(keystore.derivedLength == 32 && keystore.salt.count == 32)
        #expect(keystore.publicKey == key)
        #expect(keystore.path == "m/12381/3600/3/0/0")
        #expect(keystore.note == "a note")
        #expect(try keystore.secretKey(.of("päss"), arena: arena).publicKey == key)
        #expect(arena.occupied == 0)
    }

    @Test(arguments: ["", "\n", "\u{7F}"])
    func `nothing is written under an empty password`(_ password: String) {
        #expect(throws: KeystoreError.emptyPassword) { _ = try written(TestKey(7), password) }
    }

    @Test(arguments: [0, 31, 33])
    func `what is no key is not written`(_ count: Int) throws {
        #expect(throws: KeystoreError.secretLength(bytes: count)) {
            _ = try VerifiedKeystore(of: SecretBytes(random: count), password: .of("p"), arena: arena)
        }
        #expect(throws: KeystoreError.notAScalar) { _ = try written(TestKey(0), "p") }
        #expect(arena.occupied == 0)
    }

    private func verify(_ json: Data, _ key: TestKey, of publicKey: PublicKey, _ password: String) throws {
        _ = try VerifiedKeystore(
            verifying: json,
            holds: key.secretBytes(),
            of: publicKey,
            password: .of(password),
            arena: arena
        )
    }

    @Test func `a file that does not open to the key is not given out`() throws {
        let (seven, eight) = try (TestKey(7).secretKey().publicKey, TestKey(8).secretKey().publicKey)
        let json = try written(TestKey(7), "right").json
        try verify(json, TestKey(7), of: seven, "right")
        #expect(throws: KeystoreError.wrongPassword) { try verify(json, TestKey(7), of: seven, "wrong") }
        // Another secret, another stated key, and a key that is stated and given but not the secret's.
        #expect(throws: KeystoreError.notVerified) { try verify(json, TestKey(8), of: seven, "right") }
        #expect(throws: KeystoreError.notVerified) { try verify(json, TestKey(7), of: eight, "right") }
        let misnamed = try TestKey(7).keystore("right", publicKey: eight).json()
        #expect(throws: KeystoreError.notVerified) { try verify(misnamed, TestKey(7), of: eight, "right") }
        let nameless = try TestKey(7).keystore("right").json()
        #expect(throws: KeystoreError.notVerified) { try verify(nameless, TestKey(7), of: seven, "right") }
        #expect(throws: KeystoreError.self) { try verify(json.dropLast(), TestKey(7), of: seven, "right") }
    }

    @Test func `a file that was damaged is not given out`() throws {
        var keystore = try TestKey(7).keystore("right", publicKey: TestKey(7).secretKey().publicKey)
        keystore.encryptedSecret[31] ^= 1
        #expect(throws: KeystoreError.wrongPassword) {
            try verify(keystore.json(), TestKey(7), of: TestKey(7).secretKey().publicKey, "right")
        }
        keystore.encryptedSecret[31] ^= 1
        // The checksum does not cover the vector.
        keystore.initializationVector[0] ^= 1
        #expect(throws: KeystoreError.notVerified) {
            try verify(keystore.json(), TestKey(7), of: TestKey(7).secretKey().publicKey, "right")
        }
    }
}
