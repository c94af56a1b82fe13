// SPDX-License-Identifier: Apache-2.0

/// Hexadecimal text as the Ethereum APIs write it: lower-case with `0x`; read in any case, with or without the prefix.
package enum Hex {
    /// Why a text is not the hexadecimal form of what was asked for.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case notHexadecimal
        case oddDigits
        case wrongLength(bytes: Int, expected: Int)
        case tooLong(bytes: Int, limit: Int)

        package var description: String {
            switch self {
            case .notHexadecimal: "contains a character that is not a hexadecimal digit"
            case .oddDigits: "has an odd number of hexadecimal digits"
            case .wrongLength(let bytes, let expected): "has \(bytes) bytes where \(expected) are needed"
            case .tooLong(let bytes, let limit): "has \(bytes) bytes where at most \(limit) fit"
            }
        }
    }

    /// Lower-case digits, after `0x` where `prefix` is true.
    package static func encode(_ bytes: Span<UInt8>, prefix: Bool) -> String {
        var text = [UInt8]()
        text.reserveCapacity(2 + bytes.count * 2)
        if prefix { text.append(contentsOf: [UInt8(ascii: "0"), UInt8(ascii: "x")]) }
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    package static func encode(_ bytes: [UInt8], prefix: Bool) -> String { encode(bytes.span, prefix: prefix) }

    /// Any number of bytes. An optional `0x` or `0X` is skipped.
    package static func decode(_ text: some StringProtocol) throws(Failure) -> [UInt8] {
        var text = String(text)
        return try text.withDigits { digits throws(Failure) -> [UInt8] in
            guard digits.count.isMultiple(of: 2) else { throw .oddDigits }
            var bytes = [UInt8]()
            bytes.reserveCapacity(digits.count / 2)
            for position in 0..<(digits.count / 2) {
                bytes.append(try byte(digits, position))
            }
            return bytes
        }
    }

    /// Exactly `count` bytes.
    package static func decode<let count: Int>(
        _ text: String, as _: Bytes<count>.Type = Bytes<count>.self
    ) throws(Failure) -> Bytes<count> {
        var text = text
        return try text.withDigits { digits throws(Failure) -> Bytes<count> in
            guard digits.count == count * 2 else {
                if !digits.count.isMultiple(of: 2) { throw .oddDigits }
                throw .wrongLength(bytes: digits.count / 2, expected: count)
            }
            var bytes = Bytes<count>()
            for position in 0..<count { bytes[position] = try byte(digits, position) }
            return bytes
        }
    }

    /// At most `count` bytes; fewer are padded with zeros on the left, as Web3Signer reads 32-byte roots.
    package static func decodeLeftPadded<let count: Int>(
        _ text: String, as _: Bytes<count>.Type = Bytes<count>.self
    ) throws(Failure) -> Bytes<count> {
        var text = text
        return try text.withDigits { digits throws(Failure) -> Bytes<count> in
            guard digits.count.isMultiple(of: 2) else { throw .oddDigits }
            let given = digits.count / 2
            guard given <= count else { throw .tooLong(bytes: given, limit: count) }
            var bytes = Bytes<count>()
            for position in 0..<given { bytes[count - given + position] = try byte(digits, position) }
            return bytes
        }
    }

    private static func byte(_ digits: Span<UInt8>, _ position: Int) throws(Failure) -> UInt8 {
        let high = value(digits[position * 2])
        let low = value(digits[position * 2 + 1])
        guard high < 16, low < 16 else { throw .notHexadecimal }
        return high << 4 | low
    }

    fileprivate static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// The value of a digit, or 255.
    private static func value(_ digit: UInt8) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: 255
        }
    }
}

extension String {
    /// Runs `body` on the UTF-8 bytes after an optional `0x`.
    fileprivate mutating func withDigits<Result>(
        _ body: (Span<UInt8>) throws(Hex.Failure) -> Result
    ) throws(Hex.Failure) -> Result {
        makeContiguousUTF8()
        let bytes = utf8.span
        let prefixed = bytes.count >= 2 && bytes[0] == UInt8(ascii: "0") && bytes[1] | 0x20 == UInt8(ascii: "x")
        return try body(bytes.extracting((prefixed ? 2 : 0)..<bytes.count))
    }
}

extension Hex {
    /// Appends the lower-case digits of `bytes` to text that is being put together.
    package static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
        for position in 0..<bytes.count {
            text.append(digit(bytes[position] >> 4))
            text.append(digit(bytes[position] & 15))
        }
    }
}
