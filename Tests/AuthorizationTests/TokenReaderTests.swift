// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import Encoding
import Foundation
import Secrets
import Testing

struct TokenReaderTests {
    static let token = "cc_token_" + String(repeating: "0123456789abcdef", count: 4)

    private static func reader() -> TokenReader { TokenReader(TokenKey(SecretBytes(random: 32))) }

    private static func read(_ text: String, _ reader: TokenReader = reader()) -> Bearer {
        reader.read(Array(text.utf8).span)
    }

    private static func basic(_ text: String) -> String { "Basic " + Data(text.utf8).base64EncodedString() }

    @Test func `a token is found in Bearer and in Basic, under any user name`() {
        let reader = Self.reader()
        let expected = Self.read("Bearer " + Self.token, reader)
        guard case .token = expected else { return #expect(expected != .unreadable) }
        let spellings = [
            "bearer \(Self.token)", "BEARER   \(Self.token)", " Bearer \(Self.token)\t",
            Self.basic("any:\(Self.token)"),
            Self.basic(":\(Self.token)"), Self.basic("x:\(Self.token)"), Self.basic("xy:\(Self.token)"),
            Self.basic("ü ser:\(Self.token)"), "basic   " + Self.basic("a:\(Self.token)").dropFirst(6),
            Self.basic(String(repeating: "u", count: 200) + ":" + Self.token),
        ]
        for spelling in spellings { #expect(Self.read(spelling, reader) == expected, "\(spelling)") }
        #expect(Self.read("Bearer " + Self.token, Self.reader()) != expected)
    }

    @Test(arguments: [
        "", " ", "Bearer", "Bearer ", token, "Bearer\(token)", "Token \(token)", "Bearer \(token) x",
        "Bearer x\(token)",
        "Bearer \(token.dropLast())", "Bearer \(token)0", "Bearer \(token.uppercased())", "Basic", "Basic ", "Basic =",
        "Basic ====", "Basic a", "Basic \(token)", "Basic Og==x", "Basic ?", basic(token), basic("a:b:\(token)"),
        basic("\(token):"), basic("user:password"), basic(String(repeating: "u", count: 400) + ":" + token),
        basic("any:\(token)").replacing("=", with: ""), basic("any:\(token)\n"),
        basic("any:" + token) + "=", "Digest username=\"a\"",
    ])
    func `whatever else is shown is unreadable`(text: String) { #expect(Self.read(text) == .unreadable) }

    @Test func `of all bytes only the digits make a token, wherever they stand`() {
        let (reader, digits) = (Self.reader(), Set("0123456789abcdef".utf8))
        for place in [0, 31, 63] {
            for byte in UInt8.min...UInt8.max {
                var field = Array("Bearer \(Self.token)".utf8)
                field[16 + place] = byte
                // What stands at the end may be a blank, which is no part of the text: then it is too short.
                let isRead = if case .token = reader.read(field.span) { true } else { false }
                #expect(isRead == digits.contains(byte), "\(byte) at \(place)")
            }
        }
    }

    /// RFC 4648 §3.5: bits behind the last byte are zero, or two texts would be one token.
    @Test func `base64 with bits left over is refused`() {
        let text = Self.basic("ab:" + Self.token)
        let changed = text.replacing("==", with: "").dropLast()
        #expect(text.hasSuffix("==") && changed.count == text.count - 3)
        for digit in "BCDEFGHIJKLMNOP" where !text.hasSuffix("\(digit)==") {
            if case .token = Self.read(changed + "\(digit)==") { Issue.record("\(digit)") }
        }
    }
}
