// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import Secrets

/// HKDF over SHA-256 (RFC 5869): a key for one purpose out of a secret that is random already. For passphrases there is
/// `KeyDerivation`.
package enum HKDF {
    /// `count` bytes of at most 8,160 (255 blocks, RFC 5869 §2.3).
    ///
    /// - Parameter info: what the key is for; two purposes must never have the same.
    package static func sha256(
        _ secret: Span<UInt8>,
        salt: Span<UInt8>,
        info: Span<UInt8>,
        count: Int
    ) throws(CryptoError) -> SecretBytes {
        guard count >= 1 else { throw .undefinedParameter("a derived key of \(count) bytes was asked for") }
        guard count <= 255 * 32 else { throw .outputTooLong(bytes: count, limit: 255 * 32) }
        guard let function = unsafe EVP_KDF_fetch(nil, "HKDF", nil) else { throw CryptoError.last("EVP_KDF_fetch") }
        defer { unsafe EVP_KDF_free(function) }
        // The context copies its inputs and wipes the copies when it is freed.
        guard let context = unsafe EVP_KDF_CTX_new(function) else { throw .outOfMemory }
        defer { unsafe EVP_KDF_CTX_free(context) }
        return try SecretBytes(count: count) { target throws(CryptoError) in
            let code = unsafe secret.withUnsafeBufferPointer { secret in
                unsafe salt.withUnsafeBufferPointer { salt in
                    unsafe info.withUnsafeBufferPointer { info in
                        unsafe target.withUnsafeMutableBytes { target in
                            unsafe chamber_openssl_hkdf_sha256(
                                context,
                                secret.baseAddress,
                                secret.count,
                                salt.baseAddress,
                                salt.count,
                                info.baseAddress,
                                info.count,
                                target.bindMemory(to: UInt8.self).baseAddress,
                                target.count
                            )
                        }
                    }
                }
            }
            guard code == 1 else { throw CryptoError.last("EVP_KDF_derive") }
        }
    }
}
