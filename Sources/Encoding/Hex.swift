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
        text.makeContiguousUTF8()
        return try decode(text.utf8.span)
    }

    /// Exactly `count` bytes.
    package static func decode<let count: Int>(
        _ text: String,
        as _: Bytes<count>.Type = Bytes<count>.self
    ) throws(Failure) -> Bytes<count> {
        var text = text
        text.makeContiguousUTF8()
        var bytes = Bytes<count>()
        var target = bytes.mutableSpan
        try decode(text.utf8.span, into: &target)
        return bytes
    }

    /// At most `count` bytes; fewer are padded with zeros on the left, as Web3Signer reads 32-byte roots.
    package static func decodeLeftPadded<let count: Int>(
        _ text: String,
        as _: Bytes<count>.Type = Bytes<count>.self
    ) throws(Failure) -> Bytes<count> {
        var text = text
        text.makeContiguousUTF8()
        var bytes = Bytes<count>()
        var target = bytes.mutableSpan
        try decodeLeftPadded(text.utf8.span, into: &target)
        return bytes
    }

    /// Without a branch: the value may be that of a secret.
    static func digit(_ value: UInt8) -> UInt8 {
        let isLetter = (9 &- value) >> 7
        return UInt8(ascii: "0") + value + isLetter * (UInt8(ascii: "a") - UInt8(ascii: "0") - 10)
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
