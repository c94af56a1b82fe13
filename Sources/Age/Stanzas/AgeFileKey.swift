// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
package import Secrets

/// The 128-bit key of one file ("File key"). Everything in the file hangs on it, so each file has its own.
package struct AgeFileKey: ~Copyable {
    private let bytes: SecretBytes

    package static let length = 16
    /// Bytes of a wrapped file key.
    static let wrappedLength = length + AEAD.tagLength
    /// The key that wraps is never used twice, because a fresh share or salt goes into each: the nonce may be fixed.
    private static let wrapNonce = Bytes<12>()

    /// A new one.
    package init() { bytes = SecretBytes(random: Self.length) }

    package init(_ bytes: consuming SecretBytes) {
        precondition(bytes.count == Self.length, "a file key has 16 bytes")
        self.bytes = bytes
    }

    func wrapped(under key: borrowing SecretBytes) throws(CryptoError) -> [UInt8] {
        try AEAD.chaCha20Poly1305.seal(
            bytes.span,
            key: key.span,
            nonce: Self.wrapNonce.span,
            associatedData: Span()
        )
    }

    /// The file key in the body of a stanza; nil where it was wrapped under another key.
    ///
    /// - Parameter body: exactly `wrappedLength` bytes. Longer ones could be made so that they open under many keys, and
    ///   who may ask which ones do finds a passphrase faster (partitioning oracle, eprint 2020/1491).
    static func unwrapped(_ body: [UInt8], under key: borrowing SecretBytes) throws(CryptoError) -> AgeFileKey? {
        precondition(body.count == wrappedLength, "a wrapped file key has 32 bytes")
        do throws(CryptoError) {
            let bytes = try AEAD.chaCha20Poly1305.open(
                body.span,
                key: key.span,
                nonce: wrapNonce.span,
                associatedData: Span()
            )
            return AgeFileKey(bytes)
        } catch {
            guard error == .notAuthentic else { throw error }
            return nil
        }
    }

    /// The MAC over a header ("Header MAC").
    func mac(of header: Span<UInt8>) throws(AgeError) -> Bytes<32> {
        let key = try derive("header", salt: Span())
        do throws(CryptoError) { return try HMAC.sha256(key: key.span, header) } catch { throw .crypto(error) }
    }

    /// The key of all chunks of the content.
    func payloadKey(nonce: Span<UInt8>) throws(AgeError) -> SecretBytes { try derive("payload", salt: nonce) }

    private func derive(_ purpose: String, salt: Span<UInt8>) throws(AgeError) -> SecretBytes {
        do throws(CryptoError) {
            return try HKDF.sha256(bytes.span, salt: salt, info: Array(purpose.utf8).span, count: AEAD.keyLength)
        } catch {
            throw .crypto(error)
        }
    }
}
