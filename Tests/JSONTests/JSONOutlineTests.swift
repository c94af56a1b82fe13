// SPDX-License-Identifier: Apache-2.0
import JSON
import Testing

@Suite struct JSONOutlineTests {
    private func string(_ text: String, room: Int = 100) throws -> String? {
        let bytes = Array(text.utf8)
        let outline = try JSONOutline(of: bytes.span)
        guard let length = outline.length(ofString: "Plaintext", in: bytes.span) else { return nil }
        var copied = [UInt8](repeating: 0, count: min(length, room))
        var target = copied.mutableSpan
        guard let written = outline.copy(string: "Plaintext", of: bytes.span, into: &target) else { return "no room" }
        return String(decoding: copied[..<written], as: UTF8.self)
    }

    @Test(arguments: [
        (#"{"Plaintext":"aGk="}"#, "aGk="), (#" { "KeyId" : "x", "Plaintext" : "a/b" } "#, "a/b"),
        (#"{"Plaintext":"a\/b\u002b\u00e9\ud83d\ude00"}"#, "a/b+é😀"), (#"{"Plaintext":""}"#, ""),
        (#"{"other":{"Plaintext":"inner","x":[1,{"Plaintext":"y"}]},"Plaintext":"outer"}"#, "outer"),
    ])
    func `a string of the outermost object, escapes undone`(text: String, value: String) throws {
        #expect(try string(text) == value)
    }

    @Test(arguments: [
        "{}", "[]", "\"Plaintext\"", #"{"plaintext":"x"}"#, #"{"Plaintext":1}"#, #"{"Plaintext":null}"#,
        #"{"a":{"Plaintext":"x"}}"#, #"["Plaintext","x"]"#,
        #"{"x":"Plaintext"}"#,
    ])
    func `where there is no such string`(text: String) throws { #expect(try string(text) == nil) }

    @Test(arguments: [
        "", "{", #"{"Plaintext":"x"#, #"{"Plaintext":"x"}}"#, #"{"Plaintext":"\x"}"#, "<html>",
        #"{"Plaintext":"x","Plaintext":"y"}"#,
    ])
    func `what is no JSON`(text: String) { #expect(throws: JSONError.self) { try string(text) } }

    @Test func `no more than a small answer is read`() {
        let text = "[" + Array(repeating: "1", count: 300).joined(separator: ",") + "]"
        #expect(throws: JSONError.tooManyValues(limit: 256)) { try string(text) }
    }

    @Test func `a target that is too short is not written past its end`() throws {
        #expect(try string(#"{"Plaintext":"abcdef"}"#, room: 5) == "no room")
        #expect(try string(#"{"Plaintext":"\u00e9"}"#, room: 1) == "no room")
    }
}
