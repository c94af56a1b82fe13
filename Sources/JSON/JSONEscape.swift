// SPDX-License-Identifier: Apache-2.0

/// A backslash and what it stands for.
struct JSONEscape {
    let scalar: Unicode.Scalar
    /// Behind the escape; behind both halves where it is a surrogate pair.
    let end: Int

    /// Reads the escape whose backslash stands at `start`.
    init(in text: Span<UInt8>, at start: Int) throws(JSONError) {
        guard start + 1 < text.count else { throw .unexpectedEnd }
        if text[start + 1] == UInt8(ascii: "u") {
            (scalar, end) = try Self.numbered(in: text, at: start)
            return
        }
        guard let short = Self.short(text[start + 1]) else { throw .malformedEscape(at: start) }
        (scalar, end) = (short, start + 2)
    }

    private static func short(_ letter: UInt8) -> Unicode.Scalar? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): Unicode.Scalar(letter)
        case UInt8(ascii: "b"): "\u{8}"
        case UInt8(ascii: "f"): "\u{c}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        default: nil
        }
    }

    /// `\uXXXX`, alone or as a surrogate pair. Half of a pair is no character, so it is refused.
    private static func numbered(in text: Span<UInt8>, at start: Int) throws(JSONError) -> (Unicode.Scalar, end: Int) {
        let unit = try unit(in: text, at: start)
        if let scalar = Unicode.Scalar(unit) { return (scalar, start + 6) }
        guard UTF16.isLeadSurrogate(unit) else { throw .malformedEscape(at: start) }
        let low = try self.unit(in: text, at: start + 6)
        guard UTF16.isTrailSurrogate(low) else { throw .malformedEscape(at: start) }
        let value = 0x10000 + (UInt32(unit & 0x3ff) << 10 | UInt32(low & 0x3ff))
        guard let scalar = Unicode.Scalar(value) else { throw .malformedEscape(at: start) }
        return (scalar, start + 12)
    }

    /// The four digits of one `\uXXXX`.
    private static func unit(in text: Span<UInt8>, at start: Int) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for place in 0..<6 {
            guard start + place < text.count else { throw .unexpectedEnd }
            let byte = text[start + place]
            switch (place, byte) {
            case (0, UInt8(ascii: "\\")), (1, UInt8(ascii: "u")): continue
            case (2..., UInt8(ascii: "0")...UInt8(ascii: "9")): unit = unit << 4 | UInt16(byte - UInt8(ascii: "0"))
            case (2..., UInt8(ascii: "a")...UInt8(ascii: "f")): unit = unit << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
            case (2..., UInt8(ascii: "A")...UInt8(ascii: "F")): unit = unit << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
            default: throw .malformedEscape(at: start)
            }
        }
        return unit
    }
}
