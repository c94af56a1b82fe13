// SPDX-License-Identifier: Apache-2.0
import Encoding
import Testing

private func exactlyTwo(_ text: String) throws(Hex.Failure) -> [UInt8] {
    try Hex.decode(text, as: Bytes<2>.self).array
}

private func upToThree(_ text: String) throws(Hex.Failure) -> [UInt8] {
    try Hex.decodeLeftPadded(text, as: Bytes<3>.self).array
}

@Suite struct HexTests {
    @Test(
        arguments: [
            ("", []), ("0x", []), ("0X", []), ("00", [0]), ("0xff", [255]), ("FF", [255]), ("0XaB", [0xab]),
            ("0x00", [0]), ("aBcDeF0123456789", [0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89]),
        ] as [(String, [UInt8])]
    ) func `reads any case, with or without a prefix`(text: String, bytes: [UInt8]) throws {
        #expect(try Hex.decode(text) == bytes)
    }

    @Test(arguments: ["0", "0x0", "abc", "0xabc"]) func `an odd number of digits is refused`(text: String) {
        #expect(throws: Hex.Failure.oddDigits) { try Hex.decode(text) as [UInt8] }
        #expect(throws: Hex.Failure.oddDigits) { try exactlyTwo(text) }
        #expect(throws: Hex.Failure.oddDigits) { try upToThree(text) }
    }

    /// Neighbours of the digits in ASCII, signs, blanks, a second prefix and what only looks like a digit.
    @Test(arguments: [
        "0g", "g0", "/0", ":0", "@0", "`0", "0x0x", "+1", "-1", " 1", "1 ", "1\n", "1\0", "é", "\u{ff11}0",
    ])
    func `what is no digit is refused`(text: String) {
        #expect(throws: Hex.Failure.self) { try Hex.decode(text) as [UInt8] }
        #expect(throws: Hex.Failure.self) { try upToThree(text) }
    }

    @Test func `a fixed number of bytes is exactly that`() throws {
        #expect(try exactlyTwo("0x0102") == [1, 2])
        #expect(throws: Hex.Failure.wrongLength(bytes: 1, expected: 2)) { try exactlyTwo("0x01") }
        #expect(throws: Hex.Failure.wrongLength(bytes: 3, expected: 2)) {
            try exactlyTwo("010203")
        }
        #expect(throws: Hex.Failure.wrongLength(bytes: 0, expected: 2)) { try exactlyTwo("") }
        #expect(throws: Hex.Failure.notHexadecimal) { try exactlyTwo("01zz") }
    }

    @Test(
        arguments: [
            ("", [0, 0, 0]), ("0x01", [0, 0, 1]), ("0102", [0, 1, 2]), ("0x010203", [1, 2, 3]),
        ] as [(String, [UInt8])]
    ) func `fewer bytes are padded on the left`(text: String, bytes: [UInt8]) throws {
        #expect(try upToThree(text) == bytes)
    }

    @Test func `more bytes than fit are refused, even zeros`() {
        #expect(throws: Hex.Failure.tooLong(bytes: 4, limit: 3)) {
            try upToThree("0x00010203")
        }
    }

    @Test func `writes lower case`() {
        #expect(Hex.encode([0, 0x1f, 0xAB], prefix: true) == "0x001fab")
        #expect(Hex.encode([0, 0x1f, 0xAB], prefix: false) == "001fab")
        #expect(Hex.encode([], prefix: true) == "0x")
    }

    @Test func `appends to text`() {
        var text = Array("root=".utf8)
        let bytes: [UInt8] = [0xde, 0xad]
        Hex.append(bytes.span, to: &text)
        #expect(String(decoding: text, as: UTF8.self) == "root=dead")
    }

    @Test func `every byte goes out and comes back`() throws {
        let all = (0...255).map { UInt8($0) }
        let text = Hex.encode(all, prefix: true)
        #expect(try Hex.decode(text) == all)
        #expect(try Hex.decode(text.uppercased()) == all)
        #expect(try Hex.decode(text.dropFirst(2)) == all)
    }

    @Test(arguments: [
        (Hex.Failure.notHexadecimal, "contains a character that is not a hexadecimal digit"),
        (.oddDigits, "has an odd number of hexadecimal digits"),
        (.wrongLength(bytes: 47, expected: 48), "has 47 bytes where 48 are needed"),
        (.tooLong(bytes: 33, limit: 32), "has 33 bytes where at most 32 fit"),
    ]) func `a failure says what is wrong without repeating the text`(failure: Hex.Failure, text: String) {
        #expect(failure.description == text)
    }
}
