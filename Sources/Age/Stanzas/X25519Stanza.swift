// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
internal import Secrets

/// The file key, wrapped for one recipient ("X25519 recipient stanza").
struct X25519Stanza {
    static let kind = "X25519"

    /// The public key that was made for this stanza alone.
    private let share: Bytes<32>
    private let body: [UInt8]

    /// Nil for stanzas of another kind.
    init?(_ stanza: AgeStanza) throws(AgeError) {
        guard stanza.kind == Self.kind else { return nil }
        guard stanza.arguments.count == 2, let bytes = Base64.decode(stanza.arguments[1]),
            let share = Bytes<32>(bytes), stanza.body.count == AgeFileKey.wrappedLength
        else { throw .header(.x25519) }
        self.share = share
        body = stanza.body
    }

    static func wrap(_ fileKey: borrowing AgeFileKey, to recipient: AgeRecipient) throws(AgeError) -> AgeStanza {
        do throws(CryptoError) {
            let secret = SecretBytes(random: X25519.keyLength)
            let share = try X25519.publicKey(of: secret.span)
            let shared = try X25519.agree(secret.span, with: recipient.key)
            let body = try fileKey.wrapped(under: wrapKey(shared, share, recipient))
            return AgeStanza(arguments: [kind, Base64.text(share.span)], body: body)
        } catch {
            throw .crypto(error)
        }
    }

    /// The file key, or nil where the stanza is for another recipient.
    func unwrap(_ identity: AgeIdentity) throws(AgeError) -> AgeFileKey? {
        do throws(CryptoError) {
            let shared = try identity.withSecret { secret throws(CryptoError) in try X25519.agree(secret, with: share) }
            return try AgeFileKey.unwrapped(body, under: Self.wrapKey(shared, share, identity.recipient))
        } catch {
            throw error == .weakPublicKey ? .header(.weakShare) : .crypto(error)
        }
    }

    private static let info = Array("age-encryption.org/v1/X25519".utf8)

    private static func wrapKey(
        _ shared: borrowing SecretBytes,
        _ share: Bytes<32>,
        _ recipient: AgeRecipient
    ) throws(CryptoError) -> SecretBytes {
        let salt = share.array + recipient.key.array
        return try HKDF.sha256(shared.span, salt: salt.span, info: info.span, count: AEAD.keyLength)
    }
}
