// SPDX-License-Identifier: Apache-2.0
internal import JSON
internal import Secrets

/// A body of JSON with secrets in it, put together in secret memory.
struct SecretBody: ~Copyable {
    private var memory = SecretBytes(count: 16 << 10) { _ in }
    private var length = 0

    /// What was put together, and no more.
    var bytes: SecretBytes { SecretBytes(copying: memory.span.extracting(0..<length)) }

    /// Text that is JSON already, such as a name with its colon.
    mutating func append(_ text: String) { append(Array(text.utf8).span) }

    /// A string with its quotes. Of what is in it only that is changed which RFC 8259 §7 wants escaped.
    mutating func append(string: Span<UInt8>) {
        append(byte: UInt8(ascii: "\""))
        for position in string.indices {
            let byte = string[position]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(byte: UInt8(ascii: "\\"))
                append(byte: byte)
            case 0..<0x20:
                append("\\u00")
                append(byte: Self.digit(byte >> 4))
                append(byte: Self.digit(byte & 15))
            default: append(byte: byte)
            }
        }
        append(byte: UInt8(ascii: "\""))
    }

    /// The text of a value that is no secret.
    mutating func append(_ value: JSONOutput) { append(value.bytes.span) }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private mutating func append(_ bytes: Span<UInt8>) {
        for position in bytes.indices { append(byte: bytes[position]) }
    }

    private mutating func append(byte: UInt8) {
        if length == memory.count { grow() }
        let place = length
        memory.withMutableSpan { $0[place] = byte }
        length += 1
    }

    /// What it grows out of is wiped as its owner lets go.
    private mutating func grow() {
        var larger = SecretBytes(count: 2 * memory.count) { _ in }
        memory.withSpan { source in
            larger.withMutableSpan { target in
                for position in source.indices { target[position] = source[position] }
            }
        }
        memory = larger
    }
}
