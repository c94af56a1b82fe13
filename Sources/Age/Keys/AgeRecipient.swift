// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding

/// Who can open a file: the public key of an X25519 identity, as text `age1…`.
package struct AgeRecipient: Hashable, Sendable {
    package let key: Bytes<32>

    /// The public key of an identity, which is canonical and not weak.
    init(publicKey: Bytes<32>) { key = publicKey }

    /// Reads `age1…`, lower case and nothing around it.
    ///
    /// - Throws: `.recipient`, also for keys that no identity has: one of small order, to which everybody could open the
    ///   file, and other ways of writing a number (RFC 7748 §5 takes them), which would let one recipient pass for two.
    package init(_ text: String) throws(AgeError) { try self.init(text, number: nil) }

    fileprivate init(_ text: String, number: Int?) throws(AgeError) {
        var text = text
        text.makeContiguousUTF8()
        var key = Bytes<32>()
        var bytes = key.mutableSpan
        do throws(AgeKeyFlaw) {
            try Bech32.recipient.decode(text.utf8.span, into: &bytes)
        } catch {
            throw .recipient(error, number: number)
        }
        guard Self.isCanonical(key) else { throw .recipient(.notCanonical, number: number) }
        guard try !Self.isWeak(key) else { throw .recipient(.weak, number: number) }
        self.key = key
    }

    /// Below 2²⁵⁵ - 19, little-endian.
    private static func isCanonical(_ key: Bytes<32>) -> Bool {
        guard key[31] < 0x80 else { return false }
        return key[31] != 0x7f || key[0] < 0xed || (1..<31).contains { key[$0] != 0xff }
    }

    /// Every secret key is a multiple of eight (RFC 7748 §5): it agrees on zero with a point of small order, and with no
    /// other. So any one shows it.
    private static func isWeak(_ key: Bytes<32>) throws(AgeError) -> Bool {
        do throws(CryptoError) {
            _ = try X25519.agree(Bytes<32>().span, with: key)
            return false
        } catch {
            guard error == .weakPublicKey else { throw .crypto(error) }
            return true
        }
    }
}

extension AgeRecipient: CustomStringConvertible {
    /// `age1…`.
    package var description: String {
        var text = [UInt8](repeating: 0, count: Bech32.recipient.length)
        var target = text.mutableSpan
        Bech32.recipient.encode(key.span, into: &target)
        return String(decoding: text, as: UTF8.self)
    }
}

/// Everybody who can open a file: one or more, in the order in which they were given, none twice.
package struct AgeRecipients: Hashable, Sendable {
    package let list: [AgeRecipient]

    /// Recipients of a file, written or read. Each is a key agreement for whoever opens it.
    package static let limit = 256

    package init(_ list: [AgeRecipient]) throws(AgeError) {
        guard !list.isEmpty else { throw .noRecipients }
        guard list.count <= Self.limit else { throw .tooManyRecipients(count: list.count, limit: Self.limit) }
        var known: Set<AgeRecipient> = []
        for (place, recipient) in list.enumerated() where !known.insert(recipient).inserted {
            throw .duplicateRecipient(recipient, number: place + 1)
        }
        self.list = list
    }

    /// Reads a list of `age1…`.
    package init(texts: [String]) throws(AgeError) {
        var list: [AgeRecipient] = []
        for (place, text) in texts.enumerated() { list.append(try AgeRecipient(text, number: place + 1)) }
        try self.init(list)
    }
}
