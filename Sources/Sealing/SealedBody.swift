// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
package import Secrets

/// A secret under the master key (docs/formats.md): a byte for the version of the form, 12 random bytes of nonce, the
/// AES-256-GCM ciphertext with its tag.
///
/// The key is derived for the purpose and the place, and both are authenticated with it: what is moved to another place
/// cannot be opened. A key serves one place, so random nonces do not repeat.
package enum SealedBody {
    package static let version: UInt8 = 1
    /// Bytes more than the secret has.
    package static let overhead = 1 + AEAD.nonceLength + AEAD.tagLength

    /// - Parameter place: where the body will lie, such as the public key of its row.
    package static func seal(
        _ secret: Span<UInt8>,
        under master: MasterKey,
        _ purpose: KeyPurpose,
        place: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        let key = try master.key(for: purpose, place: place)
        let nonce = Random.bytes(AEAD.nonceLength)
        let bound = [version] + purpose.label(master.identity, place: place)
        do throws(CryptoError) {
            let sealed = try AEAD.aes256GCM.seal(
                secret,
                key: key.span,
                nonce: nonce.span,
                associatedData: bound.span
            )
            return [version] + nonce + sealed
        } catch { throw SealingError(error) }
    }

    /// - Throws: `.notAuthentic` where the body was changed, moved, or lies under another master key.
    package static func open(
        _ body: [UInt8],
        under master: MasterKey,
        _ purpose: KeyPurpose,
        place: [UInt8]
    ) throws(SealingError) -> SecretBytes {
        guard body.count >= overhead else { throw .notAuthentic }
        guard body[0] == version else { throw .newerForm(version: body[0]) }
        let key = try master.key(for: purpose, place: place)
        let bound = [version] + purpose.label(master.identity, place: place)
        let span = body.span
        do throws(CryptoError) {
            return try AEAD.aes256GCM.open(
                span.extracting((1 + AEAD.nonceLength)...),
                key: key.span,
                nonce: span.extracting(1..<(1 + AEAD.nonceLength)),
                associatedData: bound.span
            )
        } catch { throw SealingError(error) }
    }
}
