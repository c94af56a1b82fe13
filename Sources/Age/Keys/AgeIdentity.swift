// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Secrets

/// Opens files that were encrypted to its recipient: an X25519 secret key, as text `AGE-SECRET-KEY-1…`.
package final class AgeIdentity: Sendable {
    private let secret: SecretBytes
    package let recipient: AgeRecipient

    /// Characters of its text, without a line feed.
    package static let textLength = Bech32.identity.length

    private init(secret: consuming SecretBytes) throws(AgeError) {
        do throws(CryptoError) {
            recipient = AgeRecipient(publicKey: try X25519.publicKey(of: secret.span))
        } catch {
            throw .crypto(error)
        }
        self.secret = secret
    }

    /// A new one.
    package static func generate() throws(AgeError) -> AgeIdentity {
        try AgeIdentity(secret: SecretBytes(random: X25519.keyLength))
    }

    /// Reads `AGE-SECRET-KEY-1…`, upper case and nothing around it.
    package convenience init(text: Span<UInt8>) throws(AgeError) { try self.init(text: text, line: nil) }

    convenience init(text: Span<UInt8>, line: Int?) throws(AgeError) {
        var secret = SecretBytes(count: X25519.keyLength) { _ in }
        do throws(AgeKeyFlaw) {
            try secret.withMutableSpan { bytes throws(AgeKeyFlaw) in try Bech32.identity.decode(text, into: &bytes) }
        } catch {
            throw .identity(error, line: line)
        }
        try self.init(secret: secret)
    }

    /// Its text. Whoever has it can open every file that was ever encrypted to the recipient.
    package var text: SecretBytes {
        var text = SecretBytes(count: Self.textLength) { _ in }
        text.withMutableSpan { write(into: &$0) }
        return text
    }

    /// Writes `textLength` characters.
    func write(into text: inout MutableSpan<UInt8>) {
        secret.withSpan { Bech32.identity.encode($0, into: &text) }
    }

    /// The secret key, for the time of the borrow.
    func withSecret<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try secret.withSpan(body)
    }
}
