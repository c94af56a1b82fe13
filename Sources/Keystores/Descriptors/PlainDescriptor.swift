// SPDX-License-Identifier: Apache-2.0

/// A `file-raw` descriptor in the form that everybody writes: a line each for `type`, `keyType` and `privateKey`. Found
/// in place, in the bytes of the file, so that ten thousand of them cost neither a tree nor a `String`; every other form
/// goes to the YAML parser.
struct PlainDescriptor: Equatable {
    enum KeyType { case bls, secp256k1 }

    /// Where in the file the 64 digits of the key stand.
    let digits: Range<Int>
    let keyType: KeyType

    /// The descriptors of a file, one a document; nil where anything in it is not of the plain form.
    static func parse(_ text: Span<UInt8>) -> [PlainDescriptor]? {
        var found: [PlainDescriptor] = []
        var current = Fields()
        var start = 0
        var isFirst = true
        while start < text.count {
            var end = start
            while end < text.count, text[end] != newline { end += 1 }
            let line = trimmed(text, start..<end)
            start = end + 1
            if line.isEmpty { continue }
            if text[line.lowerBound] == UInt8(ascii: "#") {
                guard line.allSatisfy({ (0x20...0x7E).contains(text[$0]) }) else { return nil }
                continue
            }
            if text.isEqual(line, "---") {
                // Before the first document the mark says nothing; after it, it ends one.
                if !isFirst || !current.isEmpty {
                    guard let descriptor = current.descriptor else { return nil }
                    found.append(descriptor)
                    current = Fields()
                }
                isFirst = false
            } else {
                guard current.read(line, of: text) else { return nil }
            }
        }
        guard let descriptor = current.descriptor else { return nil }
        found.append(descriptor)
        return found
    }

    private static let newline = UInt8(ascii: "\n")

    /// Without spaces and a carriage return at its end.
    private static func trimmed(_ text: Span<UInt8>, _ line: Range<Int>) -> Range<Int> {
        var end = line.upperBound
        if end > line.lowerBound, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        while end > line.lowerBound, text[end - 1] == UInt8(ascii: " ") { end -= 1 }
        return line.lowerBound..<end
    }
}

/// What a document has said so far.
private struct Fields {
    var type: Range<Int>?
    var key: Range<Int>?
    var keyType: PlainDescriptor.KeyType?

    var isEmpty: Bool { type == nil && key == nil && keyType == nil }

    var descriptor: PlainDescriptor? {
        guard type != nil, let key else { return nil }
        return PlainDescriptor(digits: key, keyType: keyType ?? .bls)
    }

    /// Takes one `name: value`; false where it is not one of ours, comes twice, or is not written plainly.
    mutating func read(_ line: Range<Int>, of text: Span<UInt8>) -> Bool {
        guard let colon = line.first(where: { text[$0] == UInt8(ascii: ":") }), colon + 1 < line.upperBound,
            text[colon + 1] == UInt8(ascii: " "), let value = Self.value(text, colon + 1..<line.upperBound)
        else { return false }
        let name = line.lowerBound..<colon
        if text.isEqual(name, "privateKey"), key == nil {
            let start = value.lowerBound + SecretHex.start(text.extracting(value))
            key = start..<value.upperBound
            return value.upperBound - start == 64
        }
        if text.isEqual(name, "type"), type == nil {
            type = value
            return text.isEqualIgnoringCase(value, "file-raw")
        }
        if text.isEqual(name, "keyType"), keyType == nil {
            if text.isEqualIgnoringCase(value, "bls") { keyType = .bls }
            if text.isEqualIgnoringCase(value, "secp256k1") { keyType = .secp256k1 }
            return keyType != nil
        }
        return false
    }

    /// A value without its quotes. Only letters, digits and hyphens: nothing that could mean anything to YAML.
    private static func value(_ text: Span<UInt8>, _ rest: Range<Int>) -> Range<Int>? {
        var start = rest.lowerBound
        var end = rest.upperBound
        while start < end, text[start] == UInt8(ascii: " ") { start += 1 }
        guard start < end else { return nil }
        let quote = text[start]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            guard end - start >= 2, text[end - 1] == quote else { return nil }
            start += 1
            end -= 1
        }
        for position in start..<end {
            switch text[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"):
                continue
            default: return nil
            }
        }
        return start..<end
    }
}

extension Span<UInt8> {
    fileprivate func isEqual(_ range: Range<Int>, _ expected: String) -> Bool {
        compare(range, expected) { $0 }
    }

    /// `expected` in lower case.
    fileprivate func isEqualIgnoringCase(_ range: Range<Int>, _ expected: String) -> Bool {
        compare(range, expected) { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }

    private func compare(_ range: Range<Int>, _ expected: String, _ map: (UInt8) -> UInt8) -> Bool {
        guard range.count == expected.utf8.count else { return false }
        var position = range.lowerBound
        for byte in expected.utf8 {
            if map(self[position]) != byte { return false }
            position += 1
        }
        return true
    }
}
