// SPDX-License-Identifier: Apache-2.0

/// The lines of a text where they stand, which may be secret memory.
struct Lines: ~Copyable, ~Escapable {
    private let text: Span<UInt8>
    /// Where the next line begins.
    private(set) var position = 0
    /// Lines so far.
    private(set) var count = 0
    /// Whether the last line ended with a line feed and not with the text.
    private(set) var wasEnded = true

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) { self.text = text }

    /// The next line without its line feed; nil behind the last. Behind a line feed at the end of the text there is none.
    @_lifetime(copy self)
    mutating func next() -> Span<UInt8>? {
        guard position < text.count else { return nil }
        let start = position
        let end = (start..<text.count).first { text[$0] == UInt8(ascii: "\n") }
        wasEnded = end != nil
        position = end.map { $0 + 1 } ?? text.count
        count += 1
        return text.extracting(start..<(end ?? text.count))
    }
}

extension Span<UInt8> {
    /// A line without the CR of a line end CRLF.
    var withoutCarriageReturn: Span<UInt8> {
        @_lifetime(copy self) get {
            !isEmpty && self[count - 1] == UInt8(ascii: "\r") ? extracting(0..<count - 1) : self
        }
    }

    /// Without blanks, tabs and line ends at its beginning and end.
    var trimmed: Span<UInt8> {
        @_lifetime(copy self) get {
            var (start, end) = (0, count)
            while start < end, Self.isSpace(self[start]) { start += 1 }
            while end > start, Self.isSpace(self[end - 1]) { end -= 1 }
            return extracting(start..<end)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): true
        default: false
        }
    }

    /// Not in constant time.
    func isEqual(to other: [UInt8]) -> Bool { count == other.count && begins(with: other) }

    /// Not in constant time.
    func begins(with other: [UInt8]) -> Bool {
        count >= other.count && other.indices.allSatisfy { self[$0] == other[$0] }
    }
}
