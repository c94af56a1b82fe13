// SPDX-License-Identifier: Apache-2.0

/// Base64 (RFC 4648 §4), of which every content has one form: unused bits are zero (§3.5), and there is padding either
/// always, as in armor, or never, as in headers. For what is public: in a file everything is that.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    static func encode(_ bytes: Span<UInt8>, padded: Bool) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for place in 0..<3 { group = group << 8 | (place < count ? UInt32(bytes[start + place]) : 0) }
            for place in 0...count { text.append(digits[Int(group >> UInt32(18 - 6 * place) & 63)]) }
            if padded { for _ in count..<3 { text.append(padding) } }
        }
        return text
    }

    /// A text without padding.
    static func text(_ bytes: Span<UInt8>) -> String {
        String(decoding: encode(bytes, padded: false), as: UTF8.self)
    }

    /// Adds the content of a text to `bytes`. Where it is false, what was added means nothing.
    static func decode(_ text: Span<UInt8>, padded: Bool, into bytes: inout [UInt8]) -> Bool {
        var count = text.count
        if padded {
            guard count.isMultiple(of: 4) else { return false }
            for _ in 0..<2 where count > 0 && text[count - 1] == padding { count -= 1 }
        }
        var group: UInt32 = 0
        for position in 0..<count {
            guard let value = value(of: text[position]) else { return false }
            group = group << 6 | value
            guard position % 4 == 3 else { continue }
            append(group, 3, to: &bytes)
            group = 0
        }
        switch count % 4 {
        case 0: return true
        case 2 where group & 0xf == 0: append(group << 12, 1, to: &bytes)
        case 3 where group & 0x3 == 0: append(group << 6, 2, to: &bytes)
        default: return false
        }
        return true
    }

    /// The content of a text without padding.
    static func decode(_ text: String) -> [UInt8]? {
        var text = text
        text.makeContiguousUTF8()
        var bytes: [UInt8] = []
        return decode(text.utf8.span, padded: false, into: &bytes) ? bytes : nil
    }

    private static func append(_ group: UInt32, _ count: Int, to bytes: inout [UInt8]) {
        for place in 0..<count { bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * place))) }
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
