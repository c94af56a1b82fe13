// SPDX-License-Identifier: Apache-2.0

// Digits read where they stand, in UTF-8, without a string. Not generic: in a release build a generic function of
// another module runs unspecialised.

extension Hex {
    /// Writes the lower-case digits to the beginning of `target`, which has room for them.
    package static func encode(_ bytes: Span<UInt8>, into target: inout MutableSpan<UInt8>) {
        precondition(bytes.count * 2 <= target.count, "two digits a byte of \(bytes.count) have no room")
        for position in 0..<bytes.count {
            target[position * 2] = digit(bytes[position] >> 4)
            target[position * 2 + 1] = digit(bytes[position] & 15)
        }
    }

    /// Any number of bytes. An optional `0x` or `0X` is skipped.
    package static func decode(_ text: Span<UInt8>) throws(Failure) -> [UInt8] {
        let digits = digits(text)
        guard digits.count.isMultiple(of: 2) else { throw .oddDigits }
        var bytes = [UInt8](repeating: 0, count: digits.count / 2)
        var target = bytes.mutableSpan
        try fill(&target, from: 0, with: digits)
        return bytes
    }

    /// Exactly as many bytes as `target` has. After an error its content means nothing.
    package static func decode(_ text: Span<UInt8>, into target: inout MutableSpan<UInt8>) throws(Failure) {
        let digits = digits(text)
        guard digits.count == target.count * 2 else {
            if !digits.count.isMultiple(of: 2) { throw .oddDigits }
            throw .wrongLength(bytes: digits.count / 2, expected: target.count)
        }
        try fill(&target, from: 0, with: digits)
    }

    /// At most as many bytes as `target` has, at its end; what stands before them is left as it is.
    package static func decodeLeftPadded(_ text: Span<UInt8>, into target: inout MutableSpan<UInt8>) throws(Failure) {
        let digits = digits(text)
        guard digits.count.isMultiple(of: 2) else { throw .oddDigits }
        let given = digits.count / 2
        guard given <= target.count else { throw .tooLong(bytes: given, limit: target.count) }
        try fill(&target, from: target.count - given, with: digits)
    }

    /// What follows the prefix, or everything.
    @_lifetime(copy text)
    private static func digits(_ text: Span<UInt8>) -> Span<UInt8> {
        let isPrefixed = text.count >= 2 && text[0] == UInt8(ascii: "0") && text[1] | 0x20 == UInt8(ascii: "x")
        return text.extracting((isPrefixed ? 2 : 0)..<text.count)
    }

    /// Two digits a byte. Bad digits are noticed at the end: digits are random, and a branch at each of them is
    /// guessed wrong every third time.
    private static func fill(
        _ target: inout MutableSpan<UInt8>,
        from start: Int,
        with digits: Span<UInt8>
    ) throws(Failure) {
        var all: UInt8 = 0
        for position in 0..<(digits.count / 2) {
            let high = value(digits[position * 2])
            let low = value(digits[position * 2 + 1])
            all |= high | low
            target[start + position] = high << 4 | low
        }
        guard all < 16 else { throw .notHexadecimal }
    }

    /// The value of a digit, or more than 15.
    private static func value(_ digit: UInt8) -> UInt8 {
        let number = digit &- UInt8(ascii: "0")
        let letter = (digit | 0x20) &- UInt8(ascii: "a")
        return number < 10 ? number : letter < 6 ? letter + 10 : 0xff
    }
}
