// SPDX-License-Identifier: Apache-2.0

/// Writes values so that every YAML reader takes them back as the same text.
package enum YAMLText {
    /// `text` as a scalar: plain where it cannot be mistaken for anything else, in double quotes otherwise.
    package static func scalar(_ text: String) -> String { isSafePlain(text) ? text : quoted(text) }

    /// `text` in double quotes, control characters escaped, cut after `limit` characters.
    package static func quoted(_ text: String, limit: Int = .max) -> String {
        "\"" + joined(text, limit: limit) { $0 == "\"" || $0 == "\\" ? "\\\($0)" : nil } + "\""
    }

    /// `text` for a terminal or a comment: on one line, control characters escaped, cut after `limit` characters.
    package static func printable(_ text: String, limit: Int = .max) -> String {
        joined(text, limit: limit) { _ in nil }
    }

    private static func joined(_ text: String, limit: Int, _ other: (Unicode.Scalar) -> String?) -> String {
        var result = ""
        for (count, scalar) in text.unicodeScalars.enumerated() {
            if count == limit { return result + "…" }
            result += other(scalar) ?? escaped(scalar)
        }
        return result
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\t": "\\t"
        case "\r": "\\r"
        case _ where scalar.properties.generalCategory.isInvisible:
            scalar.value < 0x100
                ? "\\x" + digits(scalar.value, 2)
                : scalar.value < 0x10000
                    ? "\\u" + digits(scalar.value, 4) : "\\U" + digits(scalar.value, 8)
        default: String(scalar)
        }
    }

    private static func digits(_ value: UInt32, _ width: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// Letters, digits and a few signs that mean nothing to YAML, and not one of the words or numbers that a YAML reader
    /// turns into something other than text.
    private static func isSafePlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 200 else { return false }
        guard isLetter(first) || first == UInt8(ascii: "/") || first == UInt8(ascii: ".") else { return false }
        guard text.utf8.allSatisfy({ isLetter($0) || isDigit($0) || "/._-+@%".utf8.contains($0) }) else { return false }
        let words = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"]
        if words.contains(text.lowercased()) { return false }
        return text.utf8.contains(where: isLetter) && !isNumberLike(text)
    }

    private static func isNumberLike(_ text: String) -> Bool { Double(text) != nil }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

extension Unicode.GeneralCategory {
    /// Characters that a terminal acts upon or does not show.
    fileprivate var isInvisible: Bool {
        switch self {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }
}
