// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import Encoding
package import Secrets

/// Key agreement on Curve25519 (RFC 7748 §6.1).
package enum X25519 {
    /// Bytes of a secret key, a public key and what two agree on.
    package static let keyLength = 32

    /// The public key of a secret key: any 32 bytes are one.
    package static func publicKey(of secret: Span<UInt8>) throws(CryptoError) -> Bytes<32> {
        try RawKey(secret: secret, .x25519).publicKey()
    }

    /// What both sides come to. It is not a key yet: derive one from it and both public keys.
    ///
    /// - Throws: `.weakPublicKey` where it would be all zeros.
    package static func agree(_ secret: Span<UInt8>, with publicKey: Bytes<32>) throws(CryptoError) -> SecretBytes {
        let own = try RawKey(secret: secret, .x25519)
        let other = try RawKey(publicKey: publicKey, .x25519)
        return try own.agree(with: other)
    }
}

/// Signatures on Curve25519 (RFC 8032 §5.1).
package enum Ed25519 {
    /// The public key of a 32-byte seed.
    package static func publicKey(of seed: Span<UInt8>) throws(CryptoError) -> Bytes<32> {
        try RawKey(secret: seed, .ed25519).publicKey()
    }

    package static func sign(_ message: Span<UInt8>, seed: Span<UInt8>) throws(CryptoError) -> Bytes<64> {
        try RawKey(secret: seed, .ed25519).sign(message)
    }

    package static func isValid(
        _ signature: Bytes<64>,
        of message: Span<UInt8>,
        by publicKey: Bytes<32>
    ) throws(CryptoError) -> Bool {
        try RawKey(publicKey: publicKey, .ed25519).verifies(signature, message)
    }
}

/// A key of one of the curves that libcrypto takes as 32 plain bytes. It keeps a secret in its own secure memory or wipes
/// it when the key is freed.
@safe private struct RawKey: ~Copyable {
    enum Curve {
        case x25519, ed25519

        var identifier: Int32 {
            switch self {
            case .x25519: EVP_PKEY_X25519
            case .ed25519: EVP_PKEY_ED25519
            }
        }
    }

    private let key: OpaquePointer

    init(secret: Span<UInt8>, _ curve: Curve) throws(CryptoError) {
        guard secret.count == 32 else { throw .wrongLength(of: "secret key", bytes: secret.count, expected: 32) }
        let key = unsafe secret.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_private_key(curve.identifier, nil, $0.baseAddress, $0.count)
        }
        guard let key = unsafe key else { throw CryptoError.last("EVP_PKEY_new_raw_private_key") }
        unsafe self.key = key
    }

    init(publicKey: Bytes<32>, _ curve: Curve) throws(CryptoError) {
        let key = unsafe publicKey.span.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_public_key(curve.identifier, nil, $0.baseAddress, $0.count)
        }
        guard let key = unsafe key else { throw CryptoError.last("EVP_PKEY_new_raw_public_key") }
        unsafe self.key = key
    }

    deinit { unsafe EVP_PKEY_free(key) }

    borrowing func publicKey() throws(CryptoError) -> Bytes<32> {
        var bytes = Bytes<32>()
        var length = 32
        var target = bytes.mutableSpan
        let code = unsafe target.withUnsafeMutableBufferPointer {
            unsafe EVP_PKEY_get_raw_public_key(key, $0.baseAddress, &length)
        }
        guard code == 1, length == 32 else { throw CryptoError.last("EVP_PKEY_get_raw_public_key") }
        return bytes
    }

    borrowing func agree(with other: borrowing RawKey) throws(CryptoError) -> SecretBytes {
        guard let context = unsafe EVP_PKEY_CTX_new(key, nil) else { throw .outOfMemory }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_derive_init(context) == 1, unsafe EVP_PKEY_derive_set_peer(context, other.key) == 1 else {
            throw CryptoError.last("EVP_PKEY_derive_set_peer")
        }
        return try SecretBytes(count: X25519.keyLength) { target throws(CryptoError) in
            var length = X25519.keyLength
            let code = unsafe target.withUnsafeMutableBytes {
                unsafe EVP_PKEY_derive(context, $0.bindMemory(to: UInt8.self).baseAddress, &length)
            }
            // libcrypto refuses a result of zeros by itself; nothing else of this call can fail.
            guard code == 1 else {
                _ = CryptoError.last("EVP_PKEY_derive")
                throw .weakPublicKey
            }
        }
    }

    borrowing func sign(_ message: Span<UInt8>) throws(CryptoError) -> Bytes<64> {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .outOfMemory }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1 else {
            throw CryptoError.last("EVP_DigestSignInit")
        }
        var signature = Bytes<64>()
        var length = 64
        var target = signature.mutableSpan
        let code = unsafe message.withUnsafeBufferPointer { message in
            unsafe target.withUnsafeMutableBufferPointer {
                unsafe EVP_DigestSign(context, $0.baseAddress, &length, message.baseAddress, message.count)
            }
        }
        guard code == 1, length == 64 else { throw CryptoError.last("EVP_DigestSign") }
        return signature
    }

    borrowing func verifies(_ signature: Bytes<64>, _ message: Span<UInt8>) throws(CryptoError) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .outOfMemory }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else {
            throw CryptoError.last("EVP_DigestVerifyInit")
        }
        let code = unsafe message.withUnsafeBufferPointer { message in
            unsafe signature.span.withUnsafeBufferPointer {
                unsafe EVP_DigestVerify(context, $0.baseAddress, $0.count, message.baseAddress, message.count)
            }
        }
        // 0 is a signature that does not fit, below that one that is none; both leave words in the error queue.
        if code != 1 { _ = CryptoError.last("EVP_DigestVerify") }
        return code == 1
    }
}
