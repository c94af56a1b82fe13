// SPDX-License-Identifier: Apache-2.0
import JSON
import Testing

private func refusal(_ bytes: [UInt8]) -> JSONError? {
    do throws(JSONError) {
        _ = try JSONDocument(bytes)
        return nil
    } catch {
        return error
    }
}
private func refusal(_ text: String) -> JSONError? { refusal(Array(text.utf8)) }

/// What is JSON after RFC 8259, and what is not.
@Suite struct GrammarTests {
    @Test(arguments: [
        "null", "true", "false", "0", "\"\"", "[]", "{}", " \t\r\n1 \t\r\n", "[ ]", "{ }", "[1]", "[1,2]", "[[],[[]]]",
        "{\"\":0}", "{\"a\":{\"b\":[]},\"c\":null}", "{ \"a\" : 1 , \"b\" : [ 2 , 3 ] }", "[{},{},[]]",
        "\"\u{7f}\"", "\"\u{80}é€😀\u{10FFFF}\"",
    ])
    func `text that is JSON is read`(text: String) { #expect(refusal(text) == nil) }

    @Test(arguments: [
        ("", JSONError.unexpectedEnd), (" ", .unexpectedEnd), ("[", .unexpectedEnd), ("{", .unexpectedEnd),
        ("[1", .unexpectedEnd), ("[1,", .unexpectedEnd), ("{\"a\"", .unexpectedEnd), ("{\"a\":", .unexpectedEnd),
        ("{\"a\":1", .unexpectedEnd), ("{\"a\":1,", .unexpectedEnd), ("tru", .unexpectedEnd), ("\"a", .unexpectedEnd),
        ("]", .unexpectedByte(at: 0)), ("}", .unexpectedByte(at: 0)), (",", .unexpectedByte(at: 0)),
        ("[,]", .unexpectedByte(at: 1)), ("[1,]", .unexpectedByte(at: 3)), ("[1 2]", .unexpectedByte(at: 3)),
        ("[1}", .unexpectedByte(at: 2)), ("{]", .unexpectedByte(at: 1)), ("{\"a\":1]", .unexpectedByte(at: 6)),
        ("{,}", .unexpectedByte(at: 1)), ("{\"a\":1,}", .unexpectedByte(at: 7)), ("{\"a\"}", .unexpectedByte(at: 4)),
        ("{\"a\":}", .unexpectedByte(at: 5)), ("{\"a\" 1}", .unexpectedByte(at: 5)), ("{a:1}", .unexpectedByte(at: 1)),
        ("{1:1}", .unexpectedByte(at: 1)), ("{null:1}", .unexpectedByte(at: 1)), ("['a']", .unexpectedByte(at: 1)),
        ("{\"a\":1 \"b\":2}", .unexpectedByte(at: 7)), ("{\"a\":1,,\"b\":2}", .unexpectedByte(at: 7)),
        ("1 1", .unexpectedByte(at: 2)), ("{}{}", .unexpectedByte(at: 2)), ("[]]", .unexpectedByte(at: 2)),
        ("{}\u{0}", .unexpectedByte(at: 2)), ("nulL", .unexpectedByte(at: 3)), ("True", .unexpectedByte(at: 0)),
        ("nullx", .unexpectedByte(at: 4)), ("NaN", .unexpectedByte(at: 0)), ("Infinity", .unexpectedByte(at: 0)),
        ("undefined", .unexpectedByte(at: 0)), ("// a\n1", .unexpectedByte(at: 0)), ("[1/**/]", .unexpectedByte(at: 2)),
        ("\u{feff}1", .unexpectedByte(at: 0)), ("\u{a0}1", .unexpectedByte(at: 0)), ("\u{b}1", .unexpectedByte(at: 0)),
        ("\u{c}1", .unexpectedByte(at: 0)), ("[1\u{2028}]", .unexpectedByte(at: 2)),
    ])
    func `text that is not JSON is refused where it breaks`(text: String, error: JSONError) {
        #expect(refusal(text) == error)
    }

    @Test(arguments: [
        "0", "-0", "1", "-1", "10", "1234567890", "0.0", "0.10", "-0.5", "1e1", "1E1", "1e+1", "1e-1", "1e01", "0e0",
        "1.5E-10", "18446744073709551616", "1e999999", "0.\(String(repeating: "1", count: 1000))",
    ])
    func `a number is kept as it is written`(text: String) throws {
        for (before, after) in [("", ""), ("[", "]"), ("{\"a\":", "}"), (" ", " ")] {
            let root = try JSONDocument(Array("\(before)\(text)\(after)".utf8)).root
            let number = Array(root.elements).first ?? root.member("a") ?? root
            #expect(number.kind == .number)
            #expect(number.text?.string == text)
        }
    }

    @Test(arguments: [
        "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "00", "01", "-01", "-00", "--1", "1-1", "0x1", "1_000", "1,0",
        "-.5",
        "-a", "1.5.5", "1e5.5", "1ee5", "1e+-5", "¹", "١", "1f",
    ])
    func `a malformed number is refused`(text: String) {
        #expect(refusal(text) != nil)
        #expect(refusal("[\(text) ]".replacing(",", with: ";")) != nil)
    }

    @Test func `a document may be 64 levels deep and no deeper`() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            func nested(_ depth: Int) -> String {
                String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
            }
            #expect(refusal(nested(64)) == nil)
            #expect(refusal(nested(65)) == .tooDeep(limit: 64))
            #expect(refusal(String(repeating: open, count: 1_000_000)) == .tooDeep(limit: 64))
        }
        // Beside each other they are not deep.
        #expect(refusal("[" + String(repeating: "[[]],", count: 1000) + "1]") == nil)
    }

    @Test func `the number of values is bounded`() {
        let limit = JSONDocument.maximumNodes
        func zeros(_ count: Int) -> [UInt8] {
            var text = [UInt8](repeating: UInt8(ascii: ","), count: 2 * count + 1)
            for place in stride(from: 1, to: text.count, by: 2) { text[place] = UInt8(ascii: "0") }
            (text[0], text[2 * count]) = (UInt8(ascii: "["), UInt8(ascii: "]"))
            return text
        }
        #expect(refusal(zeros(limit - 1)) == nil)
        #expect(refusal(zeros(limit)) == .tooManyValues(limit: limit))
    }

    @Test func `an error says what it is about`() {
        let errors: [JSONError] = [
            .unexpectedEnd, .unexpectedByte(at: 7), .malformedNumber(at: 7), .malformedEscape(at: 7),
            .controlCharacter(at: 7), .notUTF8(at: 7), .tooDeep(limit: 7), .tooManyValues(limit: 7), .tooLong(limit: 7),
        ]
        #expect(Set(errors.map(\.description)).count == errors.count)
        #expect(errors.dropFirst().allSatisfy { $0.description.contains("7") })
    }
}
