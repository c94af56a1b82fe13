// SPDX-License-Identifier: Apache-2.0
import JSON
import Testing

private func string(_ inner: String) throws -> String? {
    try JSONDocument(Array("\"\(inner)\"".utf8)).root.text?.string
}
private func document(_ inner: [UInt8]) throws -> JSONDocument { try JSONDocument([0x22] + inner + [0x22]) }

@Suite struct StringTests {
    @Test(arguments: [
        ("", ""), ("a", "a"), ("\\\"", "\""), ("\\\\", "\\"), ("\\/", "/"), ("/", "/"),
        ("\\b\\f\\n\\r\\t", "\u{8}\u{c}\n\r\t"),
        ("\\u0041", "A"), ("\\u00e9", "é"), ("\\u00E9", "é"), ("\\u20ac", "€"), ("\\u0000", "\0"),
        ("\\uffff", "\u{ffff}"),
        ("\\ud83d\\ude00", "😀"), ("\\uD83D\\uDE00", "😀"), ("\\ud800\\udc00", "\u{10000}"),
        ("\\udbff\\udfff", "\u{10ffff}"), ("é€😀", "é€😀"), ("x\\\\u0041", "x\\u0041"), ("a\\u0062c\\u0064", "abcd"),
        ("\\u005c\\u0022", "\\\""), ("\\ud7ff\\ue000", "\u{d7ff}\u{e000}"),
    ])
    func `a string is what its escapes say`(text: String, value: String) throws {
        #expect(try string(text) == value)
        let object = try JSONDocument(Array("{\"\(text)\":[\"\(text)\"]}".utf8)).root
        #expect(object.member(value).flatMap { Array($0.elements).first }?.text?.string == value)
    }

    @Test(arguments: [
        "\\a", "\\'", "\\x41", "\\U0041", "\\0", "\\ ", "\\u", "\\u0", "\\u004", "\\u00g1", "\\u+041", "\\u 041",
        "\\uu041",
        "\\u{41}", "\\", "\\é",
    ])
    func `a malformed escape is refused`(text: String) { #expect(throws: JSONError.self) { try string(text) } }

    @Test(arguments: [
        "\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ud800x", "\\ud800\\n", "\\ud800\\u0041", "\\ud800\\ud800",
        "\\udc00\\ud800", "\\ud800\\udbff", "\\ud800\\\\udc00", "\\ud83d\\ude0",
    ])
    func `half of a surrogate pair is refused`(text: String) { #expect(throws: JSONError.self) { try string(text) } }

    @Test func `a control character must be escaped`() {
        for byte in UInt8(0)..<0x20 {
            #expect(throws: JSONError.controlCharacter(at: 2)) { try document([0x61, byte]) }
        }
    }

    @Test(
        arguments: [
            [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc2], [0xc2, 0x22], [0xc3, 0x28], [0xe0, 0x80, 0x80],
            [0xe0, 0x9f, 0xbf], [0xe2, 0x82], [0xe2, 0x28, 0xa1], [0xe2, 0x82, 0x28], [0xed, 0xa0, 0x80],
            [0xed, 0xbf, 0xbf],
            [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x9f, 0x98], [0xf0, 0x28, 0x8c, 0xbc],
            [0xf0, 0x90, 0x28, 0xbc], [0xf0, 0x90, 0x8c, 0x28], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80],
            [0xfe],
            [0xff], [0xf8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]]
    )
    func `bytes that are not UTF-8 are refused`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try document(bytes) }
        #expect(throws: JSONError.self) { try document([0x61] + bytes + [0x61]) }
        #expect(throws: JSONError.self) { try JSONDocument([0x7b, 0x22] + bytes + Array("\":1}".utf8)) }
        #expect(throws: JSONError.self) { try JSONDocument(bytes) }
    }

    @Test func `every sequence of two bytes is judged as the standard library judges it`() {
        for first in UInt8(0x80)...0xff {
            for second in UInt8(0x20)...0xff where second != 0x22 && second != 0x5c {
                for rest in [[], [0x80], [0x80, 0x80]] as [[UInt8]] {
                    let bytes = [first, second] + rest
                    let isRead = (try? document(bytes)) != nil
                    #expect(isRead == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
                }
            }
        }
    }

    @Test func `every character can be written in three ways`() throws {
        var scalars = (0..<0x3000).compactMap(Unicode.Scalar.init)
        scalars += stride(from: 0x3000, through: 0x10ffff, by: 97).compactMap { Unicode.Scalar(UInt32($0)) }
        for scalar in scalars {
            let units = Array(String(scalar).utf16)
            let escaped = units.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
            #expect(try string(escaped)?.unicodeScalars.first == scalar)
            #expect(try string(escaped.uppercased().replacing("U", with: "u"))?.unicodeScalars.first == scalar)
            if scalar.value >= 0x20, scalar != "\"", scalar != "\\" {
                #expect(try string(String(scalar))?.unicodeScalars.first == scalar)
            }
        }
    }
}
