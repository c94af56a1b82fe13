// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import Secrets
package import SignerState

/// Finds the token in the value of an `Authorization` field: `Bearer TOKEN` (RFC 6750 §2.1), or `Basic` with the token as
/// password and any user name (RFC 7617 §2), so that `http://any:TOKEN@host` works in clients that know no tokens.
///
/// Only the digest leaves it. What is decoded on the way lies on the stack and is wiped.
package final class TokenReader: Sendable {
    private let key: TokenKey

    package init(_ key: consuming TokenKey) { self.key = key }

    /// A digest for everything that has the form of a token; whether it is one the directory knows.
    package func read(_ value: Span<UInt8>) -> Bearer {
        let value = value.trimmed
        guard let blank = value.indices.first(where: { value[$0] == UInt8(ascii: " ") }) else { return .unreadable }
        let scheme = value.extracting(0..<blank)
        let rest = value.extracting((blank + 1)...).trimmed
        if scheme.isEqualIgnoringCase("bearer") { return bearer(rest) }
        if scheme.isEqualIgnoringCase("basic") { return basic(rest) }
        return .unreadable
    }

    /// What stands for a new token. Computing it fails only where the process has no memory left.
    package func digest(of secret: borrowing TokenSecret) -> TokenDigest {
        secret.withText { text in
            do throws(CryptoError) { return try key.digest(of: text) } catch {
                preconditionFailure("a token cannot be digested: \(error)")
            }
        }
    }

    /// Tags a message for another purpose than tokens: HMAC-SHA256 under the same key, with a label in front that no token
    /// begins with.
    package func tag(_ label: StaticString, _ message: [UInt8]) -> Bytes<32> {
        precondition(
            TokenSecret.Prefix.allCases.allSatisfy { !label.description.hasPrefix($0.rawValue) },
            "a label that is the beginning of a token"
        )
        let text = Array(label.description.utf8) + [0] + message
        return digest(ofText: text.span)
    }

    private func digest(ofText text: Span<UInt8>) -> Bytes<32> {
        do throws(CryptoError) { return try key.digest(of: text).bytes } catch {
            preconditionFailure("a message cannot be tagged: \(error)")
        }
    }

    /// With the key that a state holds; nil where it holds none yet.
    package static func stored(in state: any StateStore) async throws(StateError) -> TokenReader? {
        let row = try await state.rows(after: 0).rows.first { $0.name == AccessRows.key && $0.body != nil }
        guard let row else { return nil }
        return TokenReader(try AccessRows.readKey(row))
    }

    private func bearer(_ text: Span<UInt8>) -> Bearer {
        guard TokenSecret.hasForm(text), let digest = try? key.digest(of: text) else { return .unreadable }
        return .token(digest)
    }

    private func basic(_ text: Span<UInt8>) -> Bearer {
        guard text.count <= Decoded.mostDigits else { return .unreadable }
        var decoded = Decoded()
        defer { decoded.wipe() }
        guard decoded.decode(text), let colon = decoded.firstColon else { return .unreadable }
        return bearer(decoded.span.extracting((colon + 1)...))
    }
}

/// Base64 on the stack.
private struct Decoded {
    /// Of a user name of some hundred bytes and a token.
    static let mostDigits = 400
    private var bytes = InlineArray<300, UInt8>(repeating: 0)
    private var count = 0

    var span: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(0..<count) }
    }

    /// The user name has none (RFC 7617 §2).
    var firstColon: Int? { (0..<count).first { bytes[$0] == UInt8(ascii: ":") } }

    /// False where the text is not base64 with its padding.
    mutating func decode(_ text: Span<UInt8>) -> Bool {
        var target = bytes.mutableSpan
        guard let length = Base64.decode(text, into: &target) else { return false }
        count = length
        return true
    }

    mutating func wipe() {
        var span = bytes.mutableSpan
        Secrets.wipe(&span)
        count = 0
    }
}

extension Span<UInt8> {
    fileprivate var trimmed: Span<UInt8> {
        @_lifetime(copy self) get {
            var range = 0..<count
            while let first = range.first, self[first] == 0x20 || self[first] == 0x09 { range.removeFirst() }
            while let last = range.last, self[last] == 0x20 || self[last] == 0x09 { range.removeLast() }
            return extracting(range)
        }
    }

    /// `name` is in lower case.
    fileprivate func isEqualIgnoringCase(_ name: StaticString) -> Bool {
        let name = name.description.utf8
        guard count == name.count else { return false }
        for (place, expected) in name.enumerated() where self[place] | 0x20 != expected { return false }
        return true
    }
}
