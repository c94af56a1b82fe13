// SPDX-License-Identifier: Apache-2.0

extension JSONDocument {
    /// The place of the value under a name in the object at `container`.
    func member(of container: Int, named name: Span<UInt8>) -> Int? {
        let (bytes, nodes) = (bytes, nodes)
        guard nodes[container].kind == .object else { return nil }
        let end = Int(nodes[container].next)
        var place = container + 1
        while place < end {
            let node = nodes[place]
            if node.isEscaped {
                if Self.isEqual(escaped: bytes.span.extracting(node.range), name) { return place + 1 }
            } else if node.count == name.count, Self.isEqual(bytes.span.extracting(node.range), name) {
                return place + 1
            }
            place = Int(nodes[place + 1].next)
        }
        return nil
    }

    /// Both have the same length.
    private static func isEqual(_ text: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        for place in 0..<text.count where text[place] != name[place] { return false }
        return true
    }

    /// Without a copy: a hostile object may have hundreds of thousands of such names, looked at for every field.
    private static func isEqual(escaped text: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        var position = 0
        var place = 0
        while position < text.count, place < name.count {
            if text[position] != UInt8(ascii: "\\") {
                guard text[position] == name[place] else { return false }
                position += 1
                place += 1
                continue
            }
            guard let escape = try? JSONEscape(in: text, at: position), let encoded = UTF8.encode(escape.scalar) else {
                return false
            }
            for byte in encoded {
                guard place < name.count, name[place] == byte else { return false }
                place += 1
            }
            position = escape.end
        }
        return position == text.count && place == name.count
    }
}
