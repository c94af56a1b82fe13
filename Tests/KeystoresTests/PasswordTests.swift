// SPDX-License-Identifier: Apache-2.0
import Foundation
import Keystores
import Testing

@Suite struct PasswordTests {
    @Test func `the password of EIP-2335 becomes the bytes that EIP-2335 states`() throws {
        let bytes = try Password.of("𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑").withBytes { bytes in bytes.indices.map { bytes[$0] } }
        #expect(
            bytes == [
                0x74, 0x65, 0x73, 0x74, 0x70, 0x61, 0x73, 0x73, 0x77, 0x6f, 0x72, 0x64, 0xf0, 0x9f, 0x94, 0x91,
            ]
        )
    }

    @Test func `control characters go, spaces stay`() throws {
        #expect(try Password.of("\u{0}a\tb c\u{7F}\u{1F}\r\n").text == "ab c")
        #expect(try Password.of("\u{80}é\u{9F}\u{A0}\u{85}").text == "e\u{301} ")
    }

    @Test func `a newline at the end makes no difference`() throws {
        for password in ["secret", "sécret"] {
            #expect(try Password.of(password + "\n").text == Password.of(password).text)
            #expect(try Password.of(password + "\r\n").text == Password.of(password).text)
        }
    }

    @Test func `marks are put into canonical order across the whole password`() throws {
        // U+0301 has class 230, U+0323 has 220, U+05B0 has 10: the order of the classes wins, whatever was typed.
        #expect(try Password.of("a\u{301}\u{323}\u{5B0}").text == "a\u{5B0}\u{323}\u{301}")
        #expect(try Password.of("\u{1E63}\u{301}").text == Password.of("s\u{301}\u{323}").text)
    }

    @Test(arguments: [
        ("\u{1E9B}\u{323}", "s\u{323}\u{307}"), ("각", "\u{1100}\u{1161}\u{11A8}"), ("ﬁ①", "fi1"),
        // Here UAX #15 and Foundation, which does not look at the marks inside a decomposition, part ways.
        ("\u{385}\u{327}", " \u{327}\u{308}\u{301}"),
        ("é\u{F73}", "e\u{F71}\u{F72}\u{301}"), ("é\u{FF9E}\u{301}", "e\u{3099}\u{301}\u{301}"),
    ])
    func `decomposition follows UAX 15`(_ text: String, _ expected: String) throws {
        #expect(Array(try Password.of(text).text.unicodeScalars) == Array(expected.unicodeScalars))
    }

    /// Over characters for which Foundation's own form of a whole text is right.
    @Test func `text gives what Foundation gives for the whole of it`() throws {
        var random = SystemRandomNumberGenerator()
        let ranges: [ClosedRange<UInt32>] = [
            0xC0...0x24F, 0x300...0x36F, 0x1E00...0x1E99, 0x2100...0x24FF, 0xAC00...0xD7A3,
            0xFB00...0xFB06,
            0x1D400...0x1D7FF, 0x1F300...0x1F5FF,
        ]
        for _ in 0..<3000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let range = ranges.randomElement(using: &random) ?? 0x300...0x36F
                if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { text.append(scalar) }
            }
            let whole = String(text)
            #expect(
                Array(try Password.of(whole).text.utf8) == Array(whole.decomposedStringWithCompatibilityMapping.utf8)
            )
        }
    }

    @Test func `bytes that are not UTF-8 are refused`() throws {
        for bytes in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]] as [[UInt8]] {
            #expect(throws: KeystoreError.passwordNotUTF8) { _ = try Password(normalizing: bytes.span) }
        }
    }

    @Test func `a password may be empty, and one that is too long is refused`() throws {
        #expect(try Password.of("").isEmpty)
        #expect(try Password.of("\r\n").isEmpty)
        let long = [UInt8](repeating: 65, count: Password.limit + 1)
        #expect(throws: KeystoreError.passwordTooLong(bytes: Password.limit + 1, limit: Password.limit)) {
            _ = try Password(normalizing: long.span)
        }
        #expect(try Password.of(String(repeating: "\u{301}", count: Password.limit / 2)).isEmpty == false)
    }
}
