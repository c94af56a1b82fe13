// SPDX-License-Identifier: Apache-2.0

/// The UTF-8 of a string, or the digits of a number: in the document itself where they stand there as they are, a copy
/// where there were escapes.
package struct JSONText: Sendable {
    private let bytes: [UInt8]
    private let range: Range<Int>

    init(in bytes: [UInt8], _ node: JSONNode) {
        guard node.isEscaped else {
            self.bytes = bytes
            range = node.range
            return
        }
        self.bytes = Self.unescaped(bytes.span.extracting(node.range))
        range = 0..<self.bytes.count
    }

    /// The bytes for reading in place.
    package var span: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(range) }
    }

    /// Whether it says exactly what these bytes of UTF-8 say, escapes undone.
    package func says(_ name: [UInt8]) -> Bool {
        let text = span
        guard text.count == name.count else { return false }
        for place in 0..<text.count where text[place] != name[place] { return false }
        return true
    }

    package var string: String { String(decoding: bytes[range], as: UTF8.self) }

    /// Replaces the escapes of a text that the reader has checked.
    private static func unescaped(_ text: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var position = 0
        while position < text.count {
            guard text[position] == UInt8(ascii: "\\") else {
                bytes.append(text[position])
                position += 1
                continue
            }
            guard let escape = try? JSONEscape(in: text, at: position) else {
                preconditionFailure("an escape that the reader should have refused")
            }
            bytes.append(contentsOf: String(escape.scalar).utf8)
            position = escape.end
        }
        return bytes
    }
}

extension JSONText: Equatable {
    /// Byte for byte: two forms of the same letter differ, as they do for every reader of JSON.
    package static func == (left: Self, right: Self) -> Bool {
        left.bytes[left.range] == right.bytes[right.range]
    }
}
