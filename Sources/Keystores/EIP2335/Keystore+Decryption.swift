// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Crypto
internal import Encoding
package import Secrets

extension Keystore {
    /// Derives, checks the checksum, decrypts: the order of EIP-2335, so that a wrong password never yields a "secret".
    package func decrypt(
        _ password: Password,
        limits: DerivationLimits = DerivationLimits()
    ) throws(KeystoreError) -> SecretBytes {
        let derived = try derive(password, limits)
        let expected = try Self.checksum(derived.span, encryptedSecret.span)
        guard ConstantTime.areEqual(expected.span, checksum.span) else { throw .wrongPassword }
        do throws(CryptoError) {
            return try AES128CTR.apply(
                key: derived.span.extracting(0..<16),
                initializationVector: initializationVector.span,
                to: encryptedSecret.span
            )
        } catch { throw .derivation(error) }
    }

    /// Decrypts a validator's key into the arena and holds it against the public key that the file states.
    package func secretKey(
        _ password: Password,
        arena: SecretArena,
        limits: DerivationLimits = DerivationLimits()
    ) throws(KeystoreError) -> SecretKey {
        let key = try Self.secretKey(try decrypt(password, limits: limits), arena: arena)
        if let publicKey, publicKey != key.publicKey {
            throw .publicKeyMismatch(derived: key.publicKey, stated: publicKey)
        }
        return key
    }

    /// The key that a decrypted secret is.
    static func secretKey(
        _ secret: borrowing SecretBytes,
        arena: SecretArena
    ) throws(KeystoreError) -> SecretKey {
        guard secret.count == 32 else { throw .secretLength(bytes: secret.count) }
        do throws(SecretKey.Failure) {
            return try secret.withBytes { bytes throws(SecretKey.Failure) in
                try SecretKey(bigEndian: bytes, arena: arena)
            }
        } catch { throw .notAScalar }
    }

    /// The key that the password becomes under this file's salt: what decrypts, and behind it what goes into the checksum.
    func derive(_ password: Password, _ limits: DerivationLimits) throws(KeystoreError) -> SecretBytes {
        do throws(CryptoError) {
            return try password.withBytes { password throws(CryptoError) in
                switch derivation {
                case .scrypt(let parameters):
                    try KeyDerivation.scrypt(
                        password: password,
                        salt: salt.span,
                        parameters,
                        count: derivedLength,
                        limits: limits
                    )
                case .pbkdf2(let iterations):
                    try KeyDerivation.pbkdf2SHA256(
                        password: password,
                        salt: salt.span,
                        iterations: iterations,
                        count: derivedLength,
                        limits: limits
                    )
                }
            }
        } catch { throw .derivation(error) }
    }

    /// The part of the derived key in it is secret, so the two are joined in secret memory.
    static func checksum(
        _ derived: Span<UInt8>,
        _ encrypted: Span<UInt8>
    ) throws(KeystoreError) -> Bytes<32> {
        var joined = SecretBytes(count: 16 + encrypted.count) { _ in }
        var target = joined.mutableSpan
        for position in 0..<16 { target[position] = derived[16 + position] }
        for position in encrypted.indices { target[16 + position] = encrypted[position] }
        do throws(CryptoError) { return try Digest.sha256(joined.span) } catch { throw .derivation(error) }
    }
}
