// SPDX-License-Identifier: Apache-2.0

// Words, numbers and strings. A number is only checked here; what it is worth is for the one who asks.

extension JSONReader {
    mutating func readWord(_ word: String, _ kind: JSONNode.Kind) throws(JSONError) {
        let start = position
        for byte in word.utf8 {
            guard position < text.count else { throw .unexpectedEnd }
            guard text[position] == byte else { throw .unexpectedByte(at: position) }
            position += 1
        }
        try append(kind, from: start)
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    mutating func readNumber() throws(JSONError) {
        let start = position
        let isNegative = takes(UInt8(ascii: "-"))
        let digits = position
        guard takesDigits() else {
            if position == text.count { throw .unexpectedEnd }
            throw isNegative ? .malformedNumber(at: start) : .unexpectedByte(at: start)
        }
        if text[digits] == UInt8(ascii: "0"), position - digits > 1 { throw .malformedNumber(at: start) }
        if takes(UInt8(ascii: ".")) { try requireDigits(of: start) }
        if takes(UInt8(ascii: "e")) || takes(UInt8(ascii: "E")) {
            if !takes(UInt8(ascii: "+")) { _ = takes(UInt8(ascii: "-")) }
            try requireDigits(of: start)
        }
        try append(.number, from: start)
    }

    private mutating func requireDigits(of start: Int) throws(JSONError) {
        guard !takesDigits() else { return }
        throw position == text.count ? .unexpectedEnd : .malformedNumber(at: start)
    }

    private mutating func takesDigits() -> Bool {
        let start = position
        while position < text.count, text[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        return position > start
    }

    private mutating func takes(_ byte: UInt8) -> Bool {
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    /// A string from its opening quote to behind its closing one.
    mutating func readString() throws(JSONError) {
        let start = position + 1
        var end = start
        var isEscaped = false
        let count = text.count
        while end < count {
            let byte = text[end]
            // Printable ASCII that is neither a quote nor a backslash: nearly everything there is.
            if byte &- 0x20 < 0x60, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                end += 1
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                position = end
                try append(.string, from: start, isEscaped: isEscaped)
                position = end + 1
                return
            case UInt8(ascii: "\\"):
                end = try JSONEscape(in: text, at: end).end
                isEscaped = true
            case 0..<0x20: throw .controlCharacter(at: end)
            default: end = try endOfSequence(at: end)
            }
        }
        throw .unexpectedEnd
    }

    /// The end of the UTF-8 sequence of two to four bytes at a place, after table 3-7 of the Unicode Standard: the range
    /// of the second byte is what keeps out overlong forms, surrogates and what lies beyond U+10FFFF.
    private func endOfSequence(at start: Int) throws(JSONError) -> Int {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xbf
        switch text[start] {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, second) = (3, 0xa0...0xbf)
        case 0xed: (length, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, second) = (4, 0x90...0xbf)
        case 0xf1...0xf3: length = 4
        case 0xf4: (length, second) = (4, 0x80...0x8f)
        default: throw .notUTF8(at: start)
        }
        for place in 1..<length {
            guard start + place < text.count else { throw .unexpectedEnd }
            guard (place == 1 ? second : 0x80...0xbf).contains(text[start + place]) else { throw .notUTF8(at: start) }
        }
        return start + length
    }
}
