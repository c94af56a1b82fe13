// SPDX-License-Identifier: Apache-2.0
package import Crypto
package import Encoding
package import Secrets

/// The secret of a token: `cc_token_`, `cc-setup-` for the one that initialises a chamber, or `cc-enrol-` for one
/// that registers an operator, and 64 hexadecimal digits,
/// 256 random bits. Shown once, when it is made.
package struct TokenSecret: ~Copyable, Sendable {
    /// What it begins with; nine characters each.
    package enum Prefix: String, CaseIterable, Sendable {
        case token = "cc_token_"
        case setup = "cc-setup-"
        case registration = "cc-enrol-"
    }
    package static let length = 9 + 64

    private let text: SecretBytes

    /// A new one.
    package init(_ prefix: Prefix = .token) {
        let random = SecretBytes(random: 32)
        text = SecretBytes(count: Self.length) { target in
            for (place, byte) in prefix.rawValue.utf8.enumerated() {
                target.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
            }
            for place in 0..<32 {
                let byte = random.span[place]
                target.storeBytes(of: Self.digit(byte >> 4), toByteOffset: 9 + 2 * place, as: UInt8.self)
                target.storeBytes(of: Self.digit(byte & 15), toByteOffset: 10 + 2 * place, as: UInt8.self)
            }
        }
    }

    /// Without a table: no access to memory depends on the secret.
    private static func digit(_ value: UInt8) -> UInt8 {
        let isLetter = UInt8(truncatingIfNeeded: (Int16(9) - Int16(value)) >> 8)
        return UInt8(ascii: "0") + value + (isLetter & (UInt8(ascii: "a") - UInt8(ascii: "0") - 10))
    }

    /// The text, to be shown.
    package borrowing func withText<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try text.withSpan(body)
    }

    /// Whether a text has the form of a token. Says nothing of its being one; the form is no secret, but the digits are:
    /// a branch on each would be foretold better the nearer a guess is to a token that is often shown.
    package static func hasForm(_ text: Span<UInt8>) -> Bool {
        guard text.count == length, Prefix.allCases.contains(where: { begins(text, with: $0) }) else { return false }
        var others: UInt16 = 0
        for place in 9..<length { others |= ~isDigit(text[place]) }
        return others == 0
    }

    private static func begins(_ text: Span<UInt8>, with prefix: Prefix) -> Bool {
        for (place, byte) in prefix.rawValue.utf8.enumerated() where text[place] != byte { return false }
        return true
    }

    /// All bits where a byte is `0` to `9` or `a` to `f`, else none.
    private static func isDigit(_ byte: UInt8) -> UInt16 {
        let byte = UInt16(byte)
        let isDecimal = isBelow(byte &- 0x30, 10)
        let isLetter = isBelow(byte &- 0x61, 6)
        return isDecimal | isLetter
    }

    /// All bits where one number is below another, else none: the borrow of the subtraction in 16 bits.
    private static func isBelow(_ value: UInt16, _ limit: UInt16) -> UInt16 {
        let borrow = (~value & limit | (~value | limit) & (value &- limit)) >> 15
        return 0 &- borrow
    }
}

/// What stands for a token wherever it is kept or compared: HMAC-SHA256 of its text under the chamber's token key. Whoever
/// reads it cannot make the token of it, and without the key nobody can tell beforehand what the digest of a guess is, so
/// looking it up in a table betrays nothing.
package struct TokenDigest: Hashable, Sendable {
    package let bytes: Bytes<32>

    package init(_ bytes: Bytes<32>) { self.bytes = bytes }

    /// How the token is called where it must not be shown: the first 16 hexadecimal digits.
    package var identifier: TokenIdentifier { TokenIdentifier(of: self) }
}

/// The truncated hash by which tokens are listed, revoked and audited: 16 lower-case hexadecimal digits.
package struct TokenIdentifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    init(of digest: TokenDigest) { text = String(Hex.encode(digest.bytes.span, prefix: false).prefix(16)) }

    /// Nil where the text is none.
    package init?(_ text: String) {
        guard text.utf8.count == 16, let bytes = try? Hex.decode(text) else { return nil }
        self.text = Hex.encode(bytes, prefix: false)
    }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
    package var description: String { text }
}

/// The key under which tokens are digested: 32 random bytes that all instances of a chamber share. Kept in the state
/// backend, not under the master key, so that a sealed chamber can tell tokens apart too.
package struct TokenKey: ~Copyable, Sendable {
    private let key: SecretBytes

    package init(_ key: consuming SecretBytes) {
        precondition(key.count == 32, "a token key has 32 bytes")
        self.key = key
    }

    package func digest(of text: Span<UInt8>) throws(CryptoError) -> TokenDigest {
        try key.withSpan { key throws(CryptoError) in TokenDigest(try HMAC.sha256(key: key, text)) }
    }

    package borrowing func withBytes<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try key.withSpan(body)
    }
}
