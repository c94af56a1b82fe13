// SPDX-License-Identifier: Apache-2.0

/// Hexadecimal digits of a secret, read without a branch or a table that depends on them.
enum SecretHex {
    /// Fills `bytes` from exactly twice as many digits; false, with zeros in `bytes`, where a character is no digit.
    static func decode(_ digits: Span<UInt8>, into bytes: inout MutableSpan<UInt8>) -> Bool {
        guard digits.count == bytes.count * 2 else { return false }
        var wrong: Int32 = 0
        for position in bytes.indices {
            let high = value(digits[position * 2], &wrong)
            let low = value(digits[position * 2 + 1], &wrong)
            bytes[position] = UInt8(truncatingIfNeeded: high << 4 | low)
        }
        guard wrong == 0 else {
            bytes.update(repeating: 0)
            return false
        }
        return true
    }

    /// Where the digits begin: after `0x`, where there is one.
    static func start(_ text: Span<UInt8>) -> Int {
        text.count >= 2 && text[0] == UInt8(ascii: "0") && text[1] | 0x20 == UInt8(ascii: "x") ? 2 : 0
    }

    /// The digit's value. The masks are all ones where the character is between `0` and `9`, or `a` and `f`.
    private static func value(_ character: UInt8, _ wrong: inout Int32) -> Int32 {
        let digit = Int32(character) - 48
        let isDigit = ~((digit | (9 - digit)) >> 31)
        let letter = Int32(character | 0x20) - 97
        let isLetter = ~((letter | (5 - letter)) >> 31)
        wrong |= ~(isDigit | isLetter)
        return digit & isDigit | (letter + 10) & isLetter
    }
}
