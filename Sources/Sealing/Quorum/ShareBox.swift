// SPDX-License-Identifier: Apache-2.0
package import Crypto
package import Encoding
package import Secrets

/// A secret for the holder of one X25519 key (docs/formats.md): a byte for its form, the public key that was made for this
/// box alone, the nonce, AES-256-GCM ciphertext with its tag. The key comes from what both agree on, with both public keys
/// as salt, so that a box fits one pair; the context goes into the key and into the tag.
package enum ShareBox {
    static let version: UInt8 = 1
    private static let label = Array("containment-chamber/share-box/v1".utf8)
    private static let nonceStart = 1 + X25519.keyLength
    private static let ciphertextStart = nonceStart + AEAD.nonceLength

    /// Bytes that a box has more than what is in it.
    package static let overhead = ciphertextStart + AEAD.tagLength

    /// - Parameter context: what the box is for; it opens with the same one only.
    package static func seal(
        _ secret: Span<UInt8>,
        to recipient: Bytes<32>,
        context: [UInt8]
    ) throws(ShareBoxError) -> [UInt8] {
        do throws(CryptoError) {
            let ours = SecretBytes(random: X25519.keyLength)
            let ephemeral = try X25519.publicKey(of: ours.span)
            let shared = try X25519.agree(ours.span, with: recipient)
            let info = info(context)
            let key = try key(shared, ephemeral, recipient, info)
            // The key is for one box, so any nonce would do; a random one leaves nothing to explain.
            let nonce = Random.bytes(AEAD.nonceLength)
            let sealed = try AEAD.aes256GCM.seal(
                secret,
                key: key.span,
                nonce: nonce.span,
                associatedData: info.span
            )
            return [version] + ephemeral.array + nonce + sealed
        } catch { throw .failed(error) }
    }

    /// - Parameter secret: the X25519 secret key of the recipient.
    package static func open(
        _ box: [UInt8],
        with secret: Span<UInt8>,
        context: [UInt8]
    ) throws(ShareBoxError) -> SecretBytes {
        guard box.count >= overhead else { throw .malformed("it has only \(box.count) bytes") }
        guard box[0] != 0 else { throw .malformed("its form has the version 0") }
        guard box[0] == version else { throw .newerForm(version: box[0]) }
        let bytes = box.span
        let ephemeral = Bytes<32>(copying: bytes.extracting(1..<nonceStart))
        do throws(CryptoError) {
            let shared = try X25519.agree(secret, with: ephemeral)
            let info = info(context)
            let key = try key(shared, ephemeral, X25519.publicKey(of: secret), info)
            return try AEAD.aes256GCM.open(
                bytes.extracting(ciphertextStart..<box.count),
                key: key.span,
                nonce: bytes.extracting(nonceStart..<ciphertextStart),
                associatedData: info.span
            )
        } catch { throw ShareBoxError(error) }
    }

    private static func info(_ context: [UInt8]) -> [UInt8] { label + [0] + context }

    private static func key(
        _ shared: borrowing SecretBytes,
        _ ephemeral: Bytes<32>,
        _ recipient: Bytes<32>,
        _ info: [UInt8]
    ) throws(CryptoError) -> SecretBytes {
        let salt = ephemeral.array + recipient.array
        return try HKDF.sha256(shared.span, salt: salt.span, info: info.span, count: AEAD.keyLength)
    }
}

/// Why a box was not made or not opened.
package enum ShareBoxError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(String)
    /// The key is another one, or the context is: which of both cannot be told.
    case notForThisKey
    case newerForm(version: UInt8)
    case failed(CryptoError)

    init(_ error: CryptoError) {
        switch error {
        case .notAuthentic: self = .notForThisKey
        case .weakPublicKey: self = .malformed("its public key is one that agrees with everybody")
        default: self = .failed(error)
        }
    }

    package var description: String {
        switch self {
        case .malformed(let reason): "this is no sealed share: \(reason)"
        case .notForThisKey:
            "the share does not open: it was sealed to another credential, for another chamber or another ceremony, or was changed"
        case .newerForm(let version): "its form has the version \(version), which a newer program made"
        case .failed(let error): "\(error)"
        }
    }
}
