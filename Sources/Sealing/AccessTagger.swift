// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import Secrets

/// Tags the rows of policies, tokens and bound certificates, and the catalogue of them, under one master key
/// (docs/formats.md). Holds the two keys that are derived for it, and they end with it: it is let go of when the chamber
/// closes.
package final class AccessTagger: Sendable {
    package let identity: MasterKeyIdentity
    private let rowKey: SecretBytes
    private let catalogueKey: SecretBytes

    package init(_ master: MasterKey) throws(SealingError) {
        identity = master.identity
        rowKey = try master.key(for: .accessRow)
        catalogueKey = try master.key(for: .accessCatalogue)
    }

    /// The tag of a row.
    package func tag(row message: [UInt8]) -> Bytes<32> { Self.tag(message, under: rowKey) }

    /// The tag of the catalogue: under a key of its own, so that no row can stand in its place.
    package func tag(catalogue message: [UInt8]) -> Bytes<32> { Self.tag(message, under: catalogueKey) }

    private static func tag(_ message: [UInt8], under key: borrowing SecretBytes) -> Bytes<32> {
        do throws(CryptoError) {
            return try key.withSpan { (key) throws(CryptoError) in try HMAC.sha256(key: key, message.span) }
        } catch {
            preconditionFailure("a row cannot be tagged: \(error)")
        }
    }
}
