// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import Secrets

/// AES with a 128-bit key in counter mode (NIST SP 800-38A §6.5): the cipher of EIP-2335 keystores. It hides, it does not
/// protect against change; the format around it must carry a checksum.
package enum AES128CTR {
    /// Encrypts or decrypts, which is the same: the key stream is added to `text`. The result may be the secret, so it goes
    /// into secret memory. A key and initialisation vector must never be used for two texts.
    package static func apply(
        key: Span<UInt8>,
        initializationVector: Span<UInt8>,
        to text: Span<UInt8>
    ) throws(CryptoError) -> SecretBytes {
        guard key.count == 16 else { throw .wrongLength(of: "AES key", bytes: key.count, expected: 16) }
        guard initializationVector.count == 16 else {
            throw .wrongLength(of: "initialisation vector", bytes: initializationVector.count, expected: 16)
        }
        guard let length = Int32(exactly: text.count) else {
            throw .wrongLength(of: "text", bytes: text.count, expected: Int(Int32.max))
        }
        // The context holds the expanded key; EVP_CIPHER_CTX_free wipes it.
        guard let context = unsafe EVP_CIPHER_CTX_new() else { throw .outOfMemory }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        let started = unsafe key.withUnsafeBufferPointer { key in
            unsafe initializationVector.withUnsafeBufferPointer { vector in
                unsafe EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), nil, key.baseAddress, vector.baseAddress)
            }
        }
        guard started == 1 else { throw CryptoError.last("EVP_EncryptInit_ex") }
        return try SecretBytes(count: text.count) { target throws(CryptoError) in
            var written: Int32 = 0
            let done = unsafe text.withUnsafeBufferPointer { text in
                unsafe target.withUnsafeMutableBytes { target in
                    unsafe EVP_EncryptUpdate(
                        context,
                        target.bindMemory(to: UInt8.self).baseAddress,
                        &written,
                        text.baseAddress,
                        length
                    )
                }
            }
            guard done == 1, written == length else { throw CryptoError.last("EVP_EncryptUpdate") }
        }
    }
}
