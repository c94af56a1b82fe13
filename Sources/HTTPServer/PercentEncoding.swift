// SPDX-License-Identifier: Apache-2.0

/// Decodes a path once, and only paths that have one reading.
enum PathSegments {
    /// Splits at `/` and decodes each segment once. Nil where the path does not begin with `/`, where a segment is
    /// empty (doubled or trailing slash), is `.` or `..` (encoded or not), has a bad percent sign, or decodes to a
    /// slash, a backslash, a control character or something that is not UTF-8. The path `/` has no segments.
    static func decode(_ path: ArraySlice<UInt8>) -> [String]? {
        guard path.first == UInt8(ascii: "/") else { return nil }
        if path.count == 1 { return [] }
        var segments: [String] = []
        for part in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let segment = segment(part) else { return nil }
            segments.append(segment)
        }
        return segments
    }

    /// Whether nothing in the path is encoded and no program would take part of it for a separator.
    static func isPlain(_ path: ArraySlice<UInt8>) -> Bool {
        !path.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "\\") }
    }

    /// One decoded segment; nil as above.
    static func segment(_ part: ArraySlice<UInt8>) -> String? {
        guard !part.isEmpty, let bytes = PercentEncoding.decode(part) else { return nil }
        guard bytes.allSatisfy({ $0 > 0x1f && $0 != 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") }),
            let text = String(validating: bytes, as: UTF8.self), text != ".", text != ".."
        else { return nil }
        return text
    }
}

/// RFC 3986 §2.1.
enum PercentEncoding {
    /// Decodes `%XX` once; nil where a percent sign is not followed by two hex digits.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.contains(UInt8(ascii: "%")) else { return Array(text) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var position = text.startIndex
        while position < text.endIndex {
            guard text[position] == UInt8(ascii: "%") else {
                decoded.append(text[position])
                position += 1
                continue
            }
            guard position + 2 < text.endIndex, let high = digit(text[position + 1]),
                let low = digit(text[position + 2])
            else { return nil }
            decoded.append(high << 4 | low)
            position += 3
        }
        return decoded
    }

    /// `a=1&b=2` as pairs, in order.
    static func query(_ text: String) -> [(name: String, value: String)] {
        text.utf8.split(separator: UInt8(ascii: "&")).map { pair in
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (lenient(parts[0]), parts.count > 1 ? lenient(parts[1]) : "")
        }
    }

    private static func lenient(_ part: Substring.UTF8View) -> String {
        let bytes = part.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }
        return String(decoding: decode(bytes[...]) ?? bytes, as: UTF8.self)
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
