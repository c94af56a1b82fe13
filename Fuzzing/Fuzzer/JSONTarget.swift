// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import JSON

/// The reader of JSON against Foundation's: what ours takes is JSON, and both read the same in it.
enum JSONTarget: FuzzTarget {
    static let name = "json"

    static func run(_ input: [UInt8]) {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(input) } catch {
            _ = error.description
            return
        }
        walk(document.root)
        do {
            let other = try JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed)
            if !agrees(document.root, other) { violated("two readers of JSON see the same") }
        } catch {
            // Numbers that do not fit its types are JSON all the same.
            if !"\(error)".contains("is not representable") { violated("what we take is JSON: \(error)") }
        }
    }

    /// Looks at everything there is in a value.
    private static func walk(_ value: JSONValue) {
        if let text = value.text, text.string.utf8.count != text.span.count { violated("a string is UTF-8") }
        if value.path.count > JSONDocument.maximumDepth { violated("no path is longer than the document is deep") }
        for element in value.elements { walk(element) }
        for member in value.members {
            if value.member(member.name.string) == nil { violated("every member is found under its name") }
            walk(member.value)
        }
    }

    /// To Foundation names of the same characters are one name, however they are written: such objects are only looked at.
    private static func agrees(_ value: JSONValue, _ other: Any) -> Bool {
        switch value.kind {
        case .null: return other is NSNull
        case .boolean: return value.boolean == other as? Bool
        case .number: return agrees(number: value.text?.string ?? "", other)
        case .string:
            guard let text = value.text, let other = other as? String else { return false }
            return withoutMarks(text.string).elementsEqual(withoutMarks(other))
        case .array:
            let elements = Array(value.elements)
            guard let others = other as? [Any], others.count == elements.count else { return false }
            return zip(elements, others).allSatisfy { agrees($0, $1) }
        case .object:
            let members = Array(value.members)
            guard let others = other as? [String: Any] else { return false }
            var byName: [[Unicode.Scalar]: Any] = [:]
            for (name, other) in others { byName[withoutMarks(name)] = other }
            if byName.count < members.count { return true }
            return members.allSatisfy { member in
                byName[withoutMarks(member.name.string)].map { agrees(member.value, $0) } ?? false
            }
        }
    }

    /// Foundation takes U+FEFF for a byte order mark in the middle of a text, too, and drops it.
    private static func withoutMarks(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.filter { $0 != "\u{feff}" }
    }

    /// Foundation goes through a decimal number, which costs it the last digits.
    private static func agrees(number text: String, _ other: Any) -> Bool {
        guard let number = other as? NSNumber, let double = Double(text) else { return false }
        if abs(double) < 1e-100 || abs(double) > 1e100 { return true }
        return abs(number.doubleValue - double) <= abs(double) * 1e-13
    }

    static func seeds() throws -> [[UInt8]] {
        try RequestTarget.seeds()
            + [
                #"{"a":[1,-0.5e+3,true,false,null,"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"],"":{},"b":[]}"#,
                #" [ {"a" : 1 , "a" : 2 } , "é😀" ] "#, "0", "-0", "\"\"", String(repeating: "[", count: 64),
                String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
            ].map { Array($0.utf8) }
    }

    static let words = [
        "{", "}", "[", "]", ":", ",", "\"", "\\\"", "\\u0000", "\\ud83d\\ude00", "\\udc00", "\\/", "true", "false",
        "null",
        "1e400", "-0", "01", "1.", ".5", "\u{feff}", "\u{10ffff}", "18446744073709551616", "//", "/*",
    ]
}
