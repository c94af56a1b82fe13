// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Sealing
import Secrets
import Testing

@Suite struct OperatorCredentialTests {
    // MARK: Known answers

    @Test func `a passphrase gives the keys that another implementation derives`() throws {
        let credential = try QuorumVectors.passphraseCredential()
        #expect(
            credential.exchangeKey.description
                == "0x6d9fb0053f6e4161c1db99a0a3cc2c1b66738b1ed93350c5c1e1364cdc3ce342"
        )
        #expect(
            credential.signingKey.description
                == "0xf8436773383f8893afe095255213c7706445fc8ac5504154a8b3f308c903ece5"
        )
    }

    @Test func `a YubiKey's answer gives the keys that another implementation derives`() throws {
        let credential = try QuorumVectors.yubiKeyCredential()
        #expect(
            credential.exchangeKey.description
                == "0x70c52b973d17ed6b507612f216e44a1cca5d6a3112ffc1cbced042210796ed47"
        )
        #expect(
            credential.signingKey.description
                == "0x55a2126939a516d6468d2afb962485be44baa5b7838220eed273c43ee085ef83"
        )
    }

    @Test func `another passphrase, another salt and another cost give other keys`() throws {
        let right = try QuorumVectors.passphraseCredential()
        let passphrase = QuorumVectors.secret(QuorumVectors.passphrase)
        let salted = try CredentialKeys(passphrase: passphrase, .least, salt: Bytes<16>())
        let dearer = Argon2id(passes: 4, memory: 64 << 10)
        let costly = try CredentialKeys(passphrase: passphrase, dearer, salt: QuorumVectors.salt)
        let longer = try QuorumVectors.passphraseKeys(QuorumVectors.passphrase + " ")
        let others = [
            try longer.credential(identifier: right.identifier, label: right.label, method: right.method, blind: nil),
            try salted.credential(identifier: right.identifier, label: right.label, method: right.method, blind: nil),
            try costly.credential(identifier: right.identifier, label: right.label, method: right.method, blind: nil),
        ]
        for other in others {
            #expect(other.exchangeKey != right.exchangeKey)
            #expect(other.signingKey != right.signingKey)
        }
        #expect(Set(others.map(\.signingKey)).count == 3)
    }

    @Test(arguments: [
        Argon2id(passes: 2, memory: 64 << 10), Argon2id(passes: 3, memory: (64 << 10) - 1),
        Argon2id(passes: 17, memory: 64 << 10), Argon2id(passes: 3, memory: (2 << 20) + 1),
        Argon2id(passes: 0, memory: 0), Argon2id(passes: .max, memory: .max),
    ])
    func `a derivation that costs too little or too much is refused before it runs`(parameters: Argon2id) throws {
        let passphrase = QuorumVectors.secret(QuorumVectors.passphrase)
        #expect(throws: OperatorCredentialError.costs(parameters)) {
            _ = try CredentialKeys(passphrase: passphrase, parameters, salt: QuorumVectors.salt)
        }
        var hint = try QuorumVectors.passphraseCredential().hint
        hint.passes = parameters.passes
        hint.memoryKiB = parameters.memory
        #expect(throws: OperatorCredentialError.costs(parameters)) { try hint.method() }
    }

    @Test func `nothing is derived of no passphrase, or of an answer that is too short or too long`() {
        #expect(throws: OperatorCredentialError.emptyPassphrase) { _ = try QuorumVectors.passphraseKeys("") }
        for count in [0, 6, 16, 19, 21, 32] {
            let response = SecretBytes(random: count)
            #expect(throws: OperatorCredentialError.response(bytes: count)) {
                _ = try CredentialKeys(response: response, challenge: QuorumVectors.challenge)
            }
        }
    }

    // MARK: The document

    @Test func `a credential goes through its document and back`() throws {
        for credential in [try QuorumVectors.passphraseCredential(), try QuorumVectors.yubiKeyCredential()] {
            let text = try JSONEncoder().encode(credential.document)
            let read = try JSONDecoder().decode(OperatorCredential.Document.self, from: text)
            #expect(try OperatorCredential(read) == credential)
        }
    }

    @Test func `the hint has all that derives the secret half, and no public key`() throws {
        for credential in [try QuorumVectors.passphraseCredential(), try QuorumVectors.yubiKeyCredential()] {
            #expect(try credential.hint.method() == credential.method)
            let text = String(decoding: try JSONEncoder().encode(credential.hint), as: UTF8.self)
            #expect(!text.contains(Hex.encode(credential.exchangeKey.span, prefix: false)))
            #expect(!text.contains(Hex.encode(credential.signingKey.span, prefix: false)))
        }
    }

    /// Fields of a good document, one of them changed.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let isYubiKey: Bool
        let error: OperatorCredentialError
        let apply: @Sendable (inout OperatorCredential.Document) -> Void

        init(
            _ name: String,
            yubiKey: Bool = false,
            _ error: OperatorCredentialError,
            _ apply: @escaping @Sendable (inout OperatorCredential.Document) -> Void
        ) {
            testDescription = name
            isYubiKey = yubiKey
            self.error = error
            self.apply = apply
        }
    }

    static let changes = [
        Change("short identifier", .identifier) { $0.id = "0123456789abcde" },
        Change("capital identifier", .identifier) { $0.id = "0123456789ABCDEF" },
        Change("prefixed identifier", .identifier) { $0.id = "0x0123456789abcd" },
        Change("no label", .label) { $0.label = "" },
        Change("label of 65 characters", .label) { $0.label = String(repeating: "a", count: 65) },
        Change("label with a line", .label) { $0.label = "a\nb" },
        Change("label that turns the order", .label) { $0.label = "a\u{202e}b" },
        Change("label of a blank", .label) { $0.label = " " },
        Change("label with marks without end", .label) { $0.label = "a" + String(repeating: "\u{301}", count: 64) },
        Change("another kind", .kind) { $0.kind = "fido2" },
        Change("no passes", .field("passes")) { $0.passes = nil },
        Change("no memory", .field("memory_kib")) { $0.memoryKiB = nil },
        Change("no salt", .field("salt")) { $0.salt = nil },
        Change("short salt", .field("salt")) { $0.salt = String(repeating: "0", count: 30) },
        Change("prefixed salt", .field("salt")) { $0.salt = "0x" + String(repeating: "0", count: 32) },
        Change("capital salt", .field("salt")) { $0.salt = String(repeating: "A", count: 32) },
        Change("salt that is not hexadecimal", .field("salt")) { $0.salt = String(repeating: "g", count: 32) },
        Change("slot of a passphrase", .field("slot")) { $0.slot = 2 },
        Change("challenge of a passphrase", .field("challenge")) { $0.challenge = $0.exchangeKey },
        Change("no exchange key", .field("exchange_key")) { $0.exchangeKey = "" },
        Change("long signing key", .field("signing_key")) { $0.signingKey += "00" },
        Change("slot 0", yubiKey: true, .field("slot")) { $0.slot = 0 },
        Change("slot 3", yubiKey: true, .field("slot")) { $0.slot = 3 },
        Change("no slot", yubiKey: true, .field("slot")) { $0.slot = nil },
        Change("no challenge", yubiKey: true, .field("challenge")) { $0.challenge = nil },
        Change("salt of a YubiKey", yubiKey: true, .field("salt")) { $0.salt = String(repeating: "0", count: 32) },
        Change("passes of a YubiKey", yubiKey: true, .field("passes")) { $0.passes = 3 },
        Change("memory of a YubiKey", yubiKey: true, .field("memory_kib")) { $0.memoryKiB = 65_536 },
    ]

    @Test(arguments: changes)
    func `a document that is not in its one form is refused`(change: Change) throws {
        let credential =
            try change.isYubiKey ? QuorumVectors.yubiKeyCredential() : QuorumVectors.passphraseCredential()
        var document = credential.document
        change.apply(&document)
        #expect(throws: change.error) { try OperatorCredential(document) }
    }

    // MARK: Public keys that are none

    /// The points of small order on Curve25519 (RFC 7748 §6.1; https://cr.yp.to/ecdh.html#validate).
    @Test(arguments: [
        String(repeating: "00", count: 32), "01" + String(repeating: "00", count: 31),
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
    func `an exchange key of small order is refused`(key: String) throws {
        var document = try QuorumVectors.passphraseCredential().document
        document.exchangeKey = key
        #expect(throws: OperatorCredentialError.weakKey("exchange_key")) { try OperatorCredential(document) }
    }

    /// All zeros; the neutral point; points of order 2, 4 and 8; no point at all; a good point in a second form.
    @Test(arguments: [
        String(repeating: "00", count: 32), "01" + String(repeating: "00", count: 31),
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        String(repeating: "00", count: 31) + "80",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0200000000000000000000000000000000000000000000000000000000000000",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
    func `a signing key that is no public key of a seed is refused`(key: String) throws {
        var document = try QuorumVectors.passphraseCredential().document
        document.signingKey = key
        #expect(throws: OperatorCredentialError.weakKey("signing_key")) { try OperatorCredential(document) }
    }

    @Test func `a label has all that can be shown`() {
        for label in ["YubiKey 5 (blue)", "Schlüssel", "紙", String(repeating: "a", count: 64)] {
            #expect(OperatorCredential.isLabel(label))
        }
    }

    @Test func `identifiers are new each time`() {
        let identifiers = Set((0..<100).map { _ in OperatorCredential.newIdentifier() })
        #expect(identifiers.count == 100)
        #expect(identifiers.allSatisfy(OperatorCredential.isIdentifier))
    }
}
