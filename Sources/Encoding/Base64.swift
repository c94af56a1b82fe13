// SPDX-License-Identifier: Apache-2.0

/// Base64 (RFC 4648 §4), always with its padding, read and written in place.
///
/// For secrets too: what a digit is comes from arithmetic alone, since a branch or a look-up at a place that the secret
/// decides shows in time and in caches.
package enum Base64 {
    /// Digits and padding of so many bytes.
    package static func encodedLength(of bytes: Int) -> Int { (bytes + 2) / 3 * 4 }

    /// The bytes that a text stands for, by its length and its padding; nil where no text of this form has that length.
    package static func decodedLength(of text: Span<UInt8>) -> Int? {
        guard text.count.isMultiple(of: 4) else { return nil }
        guard !text.isEmpty else { return 0 }
        return text.count / 4 * 3 - padding(of: text)
    }

    /// Writes the text from a place of `target` on, which has room for it.
    package static func encode(_ bytes: Span<UInt8>, into target: inout MutableSpan<UInt8>, at start: Int = 0) {
        precondition(
            start + encodedLength(of: bytes.count) <= target.count,
            "base64 of \(bytes.count) bytes has no room"
        )
        var place = start
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let length = min(3, bytes.count - start)
            var group: Int32 = 0
            for offset in 0..<3 { group = group << 8 | (offset < length ? Int32(bytes[start + offset]) : 0) }
            for offset in 0..<4 {
                target[place + offset] =
                    offset <= length ? digit(group >> Int32(18 - 6 * offset) & 63) : UInt8(ascii: "=")
            }
            place += 4
        }
    }

    /// Writes the bytes to the beginning of `target`; how many they are. Nil where there is no room for them, or the text is
    /// not base64, or not in the one form that these bytes have; what was written then means nothing.
    package static func decode(_ text: Span<UInt8>, into target: inout MutableSpan<UInt8>) -> Int? {
        guard let length = decodedLength(of: text), length <= target.count else { return nil }
        let digits = text.count - padding(of: text)
        var (group, bits, written): (Int32, Int32, Int) = (0, 0, 0)
        // Bad digits are noticed at the end: which one it was is nobody's business.
        var all: Int32 = 0
        for place in 0..<digits {
            let value = value(of: text[place])
            all |= value
            group = (group << 6 | value & 63) & 0xfff
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            target[written] = UInt8(truncatingIfNeeded: group >> bits)
            written += 1
        }
        // What is left of the last digit has to be zero, or several texts would stand for the same bytes.
        return all >= 0 && group & (1 << bits - 1) == 0 ? length : nil
    }

    /// The text, for what is no secret.
    package static func encode(_ bytes: [UInt8]) -> String {
        var text = [UInt8](repeating: 0, count: encodedLength(of: bytes.count))
        var target = text.mutableSpan
        encode(bytes.span, into: &target)
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, for what is no secret; nil where the text is not base64.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard let length = decodedLength(of: text) else { return nil }
        var bytes = [UInt8](repeating: 0, count: length)
        var target = bytes.mutableSpan
        return decode(text, into: &target) == nil ? nil : bytes
    }

    private static func padding(of text: Span<UInt8>) -> Int {
        guard text.count >= 4, text[text.count - 1] == UInt8(ascii: "=") else { return 0 }
        return text[text.count - 2] == UInt8(ascii: "=") ? 2 : 1
    }

    /// The digit of a value from 0 to 63: `A`, and for each range that the value is past, the distance to the next.
    private static func digit(_ value: Int32) -> UInt8 {
        var digit = value + 65
        digit += (25 - value) >> 8 & 6
        digit -= (51 - value) >> 8 & 75
        digit -= (61 - value) >> 8 & 15
        digit += (62 - value) >> 8 & 3
        return UInt8(truncatingIfNeeded: digit)
    }

    /// The value of a digit, negative for what is none: −1, and the value plus one where the digit lies within a range.
    private static func value(of digit: UInt8) -> Int32 {
        let digit = Int32(digit)
        /// All ones where the digit is one of these, else zero.
        func within(_ first: Int32, _ last: Int32) -> Int32 { ((first - 1 - digit) & (digit - last - 1)) >> 8 }
        var value: Int32 = -1
        value += within(65, 90) & (digit - 64)
        value += within(97, 122) & (digit - 70)
        value += within(48, 57) & (digit + 5)
        value += within(43, 43) & 63
        value += within(47, 47) & 64
        return value
    }
}
