// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import Encoding

/// SHA-2 through libcrypto, for files and formats. (The hashes of SSZ trees are in `BLS`, where a short input costs less.)
package enum Digest {
    /// FIPS 180-4.
    package static func sha256(_ message: Span<UInt8>) throws(CryptoError) -> Bytes<32> {
        var digest = Bytes<32>()
        var out = digest.mutableSpan
        try unsafe hash(message, EVP_sha256(), into: &out)
        return digest
    }

    /// The same into 32 bytes of the caller's, for a digest that tells something of a secret.
    package static func sha256(
        _ message: Span<UInt8>,
        into digest: inout MutableSpan<UInt8>
    ) throws(CryptoError) {
        guard digest.count == 32 else { throw .wrongLength(of: "digest", bytes: digest.count, expected: 32) }
        try unsafe hash(message, EVP_sha256(), into: &digest)
    }

    /// FIPS 180-4.
    package static func sha512(_ message: Span<UInt8>) throws(CryptoError) -> Bytes<64> {
        var digest = Bytes<64>()
        var out = digest.mutableSpan
        try unsafe hash(message, EVP_sha512(), into: &out)
        return digest
    }

    private static func hash(
        _ message: Span<UInt8>,
        _ algorithm: OpaquePointer?,
        into digest: inout MutableSpan<UInt8>
    ) throws(CryptoError) {
        let code = unsafe message.withUnsafeBytes { message in
            unsafe digest.withUnsafeMutableBufferPointer { digest in
                unsafe EVP_Digest(message.baseAddress, message.count, digest.baseAddress, nil, algorithm, nil)
            }
        }
        guard code == 1 else { throw CryptoError.last("EVP_Digest") }
    }
}

/// HMAC (RFC 2104). The result is a tag, which may be stored and shown; where it is itself a key it must not go through
/// here.
package enum HMAC {
    package static func sha256(key: Span<UInt8>, _ message: Span<UInt8>) throws(CryptoError) -> Bytes<32> {
        var tag = Bytes<32>()
        var out = tag.mutableSpan
        // libcrypto takes a null key for "the key of last time": an empty key is given as a pointer to nothing read.
        var none: UInt8 = 0
        let written = unsafe key.withUnsafeBytes { key in
            unsafe message.withUnsafeBufferPointer { message in
                unsafe out.withUnsafeMutableBufferPointer { out in
                    unsafe withUnsafePointer(to: &none) { none in
                        unsafe COpenSSL.HMAC(
                            EVP_sha256(),
                            key.baseAddress ?? UnsafeRawPointer(none),
                            Int32(key.count),
                            message.baseAddress,
                            message.count,
                            out.baseAddress,
                            nil
                        )
                    }
                }
            }
        }
        guard unsafe written != nil else { throw CryptoError.last("HMAC") }
        return tag
    }
}
