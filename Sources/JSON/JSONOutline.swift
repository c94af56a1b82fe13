// SPDX-License-Identifier: Apache-2.0

/// Where things stand in a text in JSON that must not be copied, because it holds a secret. As strict as ``JSONDocument``;
/// it keeps places and kinds, nothing of the text, so the text has to be shown again for every look.
package struct JSONOutline: Sendable {
    private let nodes: [JSONNode]

    /// - Parameter maximumNodes: values and names; what holds a secret is a small answer.
    package init(of text: Span<UInt8>, maximumNodes: Int = 256) throws(JSONError) {
        var reader = JSONReader(text, maximumNodes: maximumNodes)
        nodes = try reader.read()
    }

    /// How many bytes of `text` lie between the quotes of the string under a name in the outermost object.
    /// Nil where there is none. What the string says is not longer.
    package func length(ofString name: StaticString, in text: Span<UInt8>) -> Int? {
        string(name, in: text).map { $0.range.count }
    }

    /// Writes what that string says, its escapes undone, to the beginning of `target`; how many bytes it says, or nil where
    /// there is no such string or the target is too short for it.
    package func copy(
        string name: StaticString,
        of text: Span<UInt8>,
        into target: inout MutableSpan<UInt8>
    ) -> Int? {
        guard let node = string(name, in: text) else { return nil }
        let source = text.extracting(node.range)
        var (position, written) = (0, 0)
        while position < source.count {
            guard written < target.count else { return nil }
            guard source[position] == UInt8(ascii: "\\") else {
                target[written] = source[position]
                (position, written) = (position + 1, written + 1)
                continue
            }
            guard let escape = try? JSONEscape(in: source, at: position), let encoded = UTF8.encode(escape.scalar),
                encoded.count <= target.count - written
            else { return nil }
            for byte in encoded {
                target[written] = byte
                written += 1
            }
            position = escape.end
        }
        return written
    }

    private func string(_ name: StaticString, in text: Span<UInt8>) -> JSONNode? {
        guard nodes[0].kind == .object else { return nil }
        let wanted = Array(name.description.utf8)
        var place = 1
        while place < nodes.count {
            if Self.says(wanted, text.extracting(nodes[place].range)) {
                return nodes[place + 1].kind == .string ? nodes[place + 1] : nil
            }
            place = Int(nodes[place + 1].next)
        }
        return nil
    }

    /// Names with escapes are other names: nobody writes these so.
    private static func says(_ wanted: [UInt8], _ name: Span<UInt8>) -> Bool {
        guard name.count == wanted.count else { return false }
        for place in 0..<name.count where name[place] != wanted[place] { return false }
        return true
    }
}
