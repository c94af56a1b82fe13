// SPDX-License-Identifier: Apache-2.0
import Encoding
import Sealing
import Secrets

/// The vectors of docs/formats.md. They were computed by another implementation.
enum QuorumVectors {
    static let salt = Bytes<16>((0..<16).map { UInt8($0) }) ?? Bytes<16>()
    static let challenge = Bytes<32>((0..<32).map { UInt8($0) }) ?? Bytes<32>()
    static let chamber = ChamberIdentifier(Bytes<16>(repeatElement(0xaa, count: 16)) ?? Bytes<16>())
    static let ceremony = CeremonyIdentifier(Bytes<16>(repeatElement(0xbb, count: 16)) ?? Bytes<16>())
    static let serverKey = Bytes<32>(repeatElement(0xcc, count: 32)) ?? Bytes<32>()
    static let serverChallenge = [UInt8](repeating: 0xdd, count: 32)
    static let passphrase = "correct horse battery staple"
    static let response = "7bf167b4a4cb028ef78be29b3baadccb1e1b865a"
    static let identifier = "0123456789abcdef"

    static func secret(_ text: String) -> SecretBytes {
        let bytes = Array(text.utf8)
        return SecretBytes(copying: bytes.span)
    }

    static func secret(hex: String) throws -> SecretBytes {
        let bytes: [UInt8] = try Hex.decode(hex)
        return SecretBytes(copying: bytes.span)
    }

    static func passphraseKeys(_ text: String = passphrase) throws -> CredentialKeys {
        let passphrase = secret(text)
        return try CredentialKeys(passphrase: passphrase, .least, salt: salt)
    }

    static func passphraseCredential() throws -> OperatorCredential {
        let keys = try passphraseKeys()
        return try keys.credential(
            identifier: identifier,
            label: "paper",
            method: .passphrase(.least, salt: salt),
            blind: nil
        )
    }

    static func yubiKeyKeys() throws -> CredentialKeys {
        let answer = try secret(hex: response)
        return try CredentialKeys(response: answer, challenge: challenge)
    }

    static func yubiKeyCredential() throws -> OperatorCredential {
        let keys = try yubiKeyKeys()
        return try keys.credential(
            identifier: identifier,
            label: "paper",
            method: .yubiKey(slot: 2, challenge: challenge),
            blind: nil
        )
    }

    static var resting: [UInt8] {
        QuorumMessage.restingShare(chamber: chamber, ceremony: ceremony, operator: "alice", credential: identifier)
    }
}
