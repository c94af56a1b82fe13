// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
package import Secrets

/// The master key under the operators' key, which is what the KMS keys hold the shares of where there is a quorum
/// (docs/formats.md): a byte for the version of the form, 12 random bytes of nonce, the AES-256-GCM ciphertext with its tag.
/// So neither the KMS keys nor the operators know anything of the master key alone.
package enum QuorumEnvelope {
    static let version: UInt8 = 1
    static let length = 1 + AEAD.nonceLength + MasterKey.length + AEAD.tagLength
    private static let label = "containment-chamber/quorum-envelope/v1"

    static func seal(_ master: MasterKey, under unsealKey: borrowing SecretBytes) throws(SealingError) -> SecretBytes {
        let secret = try master.copy()
        let key = try key(unsealKey, master.identity)
        let nonce = Random.bytes(AEAD.nonceLength)
        let bound = master.identity.bound(label)
        do throws(CryptoError) {
            let sealed = try AEAD.aes256GCM.seal(
                secret.span,
                key: key.span,
                nonce: nonce.span,
                associatedData: bound.span
            )
            let envelope = [version] + nonce + sealed
            return SecretBytes(copying: envelope.span)
        } catch { throw SealingError(error) }
    }

    package static func open(
        _ envelope: borrowing SecretBytes,
        with unsealKey: borrowing SecretBytes,
        _ identity: MasterKeyIdentity
    ) throws(SealingError) -> MasterKey {
        guard envelope.count == length else { throw .notAuthentic }
        let first = envelope.span[0]
        guard first == version else { throw .newerForm(version: first) }
        let key = try key(unsealKey, identity)
        let bound = identity.bound(label)
        let span = envelope.span
        let secret: SecretBytes
        do throws(CryptoError) {
            secret = try AEAD.aes256GCM.open(
                span.extracting((1 + AEAD.nonceLength)...),
                key: key.span,
                nonce: span.extracting(1..<(1 + AEAD.nonceLength)),
                associatedData: bound.span
            )
        } catch { throw SealingError(error) }
        return try MasterKey(secret, identity)
    }

    private static func key(
        _ unsealKey: borrowing SecretBytes,
        _ identity: MasterKeyIdentity
    ) throws(SealingError) -> SecretBytes {
        let info = identity.bound(label)
        do throws(CryptoError) {
            return try HKDF.sha256(
                unsealKey.span,
                salt: identity.chamber.bytes.span,
                info: info.span,
                count: AEAD.keyLength
            )
        } catch { throw SealingError(error) }
    }
}
