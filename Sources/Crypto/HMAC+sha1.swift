// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import Secrets

extension HMAC {
    /// What the slot of a YubiKey computes (FIPS 198-1 over SHA-1), which leaves no choice of the hash. The result is a secret:
    /// keys are derived from it. As a message authentication code HMAC-SHA1 still holds; for anything new take `sha256`.
    package static func sha1(key: Span<UInt8>, _ message: Span<UInt8>) throws(CryptoError) -> SecretBytes {
        guard !key.isEmpty else { throw .undefinedParameter("a key of no bytes authenticates nothing") }
        return try SecretBytes(count: 20) { target throws(CryptoError) in
            let written = unsafe key.withUnsafeBytes { key in
                unsafe message.withUnsafeBufferPointer { message in
                    unsafe target.withUnsafeMutableBytes { target in
                        unsafe COpenSSL.HMAC(
                            EVP_sha1(),
                            key.baseAddress,
                            Int32(key.count),
                            message.baseAddress,
                            message.count,
                            target.bindMemory(to: UInt8.self).baseAddress,
                            nil
                        )
                    }
                }
            }
            guard unsafe written != nil else { throw CryptoError.last("HMAC") }
        }
    }
}
