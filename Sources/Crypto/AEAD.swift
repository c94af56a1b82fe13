// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import Secrets

/// Authenticated encryption with associated data, in the two forms of RFC 5116 and RFC 8439 that our formats use. A key
/// and nonce must never be used for two texts; whoever calls says where its nonces come from.
package enum AEAD: String, Hashable, Sendable {
    /// AES-256 in Galois/counter mode (NIST SP 800-38D).
    case aes256GCM = "AES-256-GCM"
    /// ChaCha20 with Poly1305 (RFC 8439): the cipher of age.
    case chaCha20Poly1305 = "ChaCha20-Poly1305"

    /// Bytes of a key.
    package static let keyLength = 32
    /// Bytes of a nonce.
    package static let nonceLength = 12
    /// Bytes of the tag, which stands behind the ciphertext.
    package static let tagLength = 16

    /// The ciphertext with its tag: `tagLength` bytes longer than the text.
    package func seal(
        _ text: Span<UInt8>,
        key: Span<UInt8>,
        nonce: Span<UInt8>,
        associatedData: Span<UInt8>
    ) throws(CryptoError) -> [UInt8] {
        let context = try AEADContext()
        try context.start(self, encrypts: true, key: key, nonce: nonce)
        try context.authenticate(associatedData)
        return try context.sealed(text)
    }

    /// The text, if nothing about it was changed.
    ///
    /// - Throws: `.notAuthentic` where the ciphertext, its tag, the key, the nonce or the associated data is another. No
    ///   byte of the text is given out then.
    package func open(
        _ ciphertext: Span<UInt8>,
        key: Span<UInt8>,
        nonce: Span<UInt8>,
        associatedData: Span<UInt8>
    ) throws(CryptoError) -> SecretBytes {
        guard ciphertext.count >= Self.tagLength else { throw .notAuthentic }
        let context = try AEADContext()
        try context.start(self, encrypts: false, key: key, nonce: nonce)
        try context.authenticate(associatedData)
        let length = ciphertext.count - Self.tagLength
        return try context.opened(
            ciphertext.extracting(0..<length),
            tag: ciphertext.extracting(length..<ciphertext.count)
        )
    }

    fileprivate var cipher: OpaquePointer? {
        switch self {
        case .aes256GCM: unsafe EVP_aes_256_gcm()
        case .chaCha20Poly1305: unsafe EVP_chacha20_poly1305()
        }
    }
}

/// One text under one key and nonce. libcrypto keeps the expanded key in its context and wipes it when that is freed.
@safe private struct AEADContext: ~Copyable {
    private let context: OpaquePointer

    init() throws(CryptoError) {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { throw .outOfMemory }
        unsafe self.context = context
    }

    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    borrowing func start(
        _ algorithm: AEAD,
        encrypts: Bool,
        key: Span<UInt8>,
        nonce: Span<UInt8>
    ) throws(CryptoError) {
        guard key.count == AEAD.keyLength else {
            throw .wrongLength(of: "\(algorithm.rawValue) key", bytes: key.count, expected: AEAD.keyLength)
        }
        guard nonce.count == AEAD.nonceLength else {
            throw .wrongLength(of: "\(algorithm.rawValue) nonce", bytes: nonce.count, expected: AEAD.nonceLength)
        }
        let started = unsafe key.withUnsafeBufferPointer { key in
            unsafe nonce.withUnsafeBufferPointer { nonce in
                unsafe EVP_CipherInit_ex(
                    context,
                    algorithm.cipher,
                    nil,
                    key.baseAddress,
                    nonce.baseAddress,
                    encrypts ? 1 : 0
                )
            }
        }
        guard started == 1 else { throw CryptoError.last("EVP_CipherInit_ex") }
    }

    borrowing func authenticate(_ associatedData: Span<UInt8>) throws(CryptoError) {
        let length = try Self.length(associatedData, "associated data")
        guard length > 0 else { return }
        var written: Int32 = 0
        let done = unsafe associatedData.withUnsafeBufferPointer {
            unsafe EVP_CipherUpdate(context, nil, &written, $0.baseAddress, length)
        }
        guard done == 1 else { throw CryptoError.last("EVP_CipherUpdate") }
    }

    borrowing func sealed(_ text: Span<UInt8>) throws(CryptoError) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: text.count + AEAD.tagLength)
        var target = output.mutableSpan
        let body = text.count
        try unsafe target.withUnsafeMutableBufferPointer { buffer throws(CryptoError) in
            let base = buffer.baseAddress
            try unsafe run(text, into: base)
            let tag = unsafe base.map { unsafe $0 + body }
            guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(AEAD.tagLength), tag) == 1 else {
                throw CryptoError.last("EVP_CIPHER_CTX_ctrl")
            }
        }
        return output
    }

    borrowing func opened(_ ciphertext: Span<UInt8>, tag: Span<UInt8>) throws(CryptoError) -> SecretBytes {
        // Before the last step, which compares: what is not authentic is wiped with the memory that it was written to.
        let isSet = unsafe tag.withUnsafeBufferPointer { tag in
            unsafe EVP_CIPHER_CTX_ctrl(
                context,
                EVP_CTRL_AEAD_SET_TAG,
                Int32(tag.count),
                UnsafeMutablePointer(mutating: tag.baseAddress)
            )
        }
        guard isSet == 1 else { throw CryptoError.last("EVP_CIPHER_CTX_ctrl") }
        return try SecretBytes(count: ciphertext.count) { target throws(CryptoError) in
            try unsafe target.withUnsafeMutableBytes { target throws(CryptoError) in
                do throws(CryptoError) {
                    try unsafe run(ciphertext, into: target.bindMemory(to: UInt8.self).baseAddress)
                } catch {
                    guard case .openSSL(function: "EVP_CipherFinal_ex", _) = error else { throw error }
                    throw .notAuthentic
                }
            }
        }
    }

    /// Moves the whole text; with the last step libcrypto makes the tag, or compares it.
    private borrowing func run(_ text: Span<UInt8>, into target: UnsafeMutablePointer<UInt8>?) throws(CryptoError) {
        let length = try Self.length(text, "text")
        var written: Int32 = 0
        if length > 0 {
            let done = unsafe text.withUnsafeBufferPointer {
                unsafe EVP_CipherUpdate(context, target, &written, $0.baseAddress, length)
            }
            guard done == 1, written == length else { throw CryptoError.last("EVP_CipherUpdate") }
        }
        // Neither mode writes anything here; a text of no bytes still needs a place that is not null.
        var none: UInt8 = 0
        guard unsafe EVP_CipherFinal_ex(context, &none, &written) == 1 else {
            throw CryptoError.last("EVP_CipherFinal_ex")
        }
    }

    private static func length(_ input: Span<UInt8>, _ name: String) throws(CryptoError) -> Int32 {
        guard let length = Int32(exactly: input.count) else {
            throw .wrongLength(of: name, bytes: input.count, expected: Int(Int32.max))
        }
        return length
    }
}
