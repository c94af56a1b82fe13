// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import Crypto
import Encoding
import Secrets
import Testing

struct TokenTests {
    /// The text, for tests only.
    private static func text(of secret: borrowing TokenSecret) -> String {
        secret.withText { span in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) }
    }

    private static func hasForm(_ text: String) -> Bool { TokenSecret.hasForm(Array(text.utf8).span) }

    @Test func `a token has the form that clients and scanners know`() throws {
        var texts: Set<String> = []
        for _ in 0..<200 {
            let text = Self.text(of: TokenSecret())
            #expect(text.wholeMatch(of: /cc_token_[0-9a-f]{64}/) != nil)
            #expect(Self.hasForm(text))
            texts.insert(text)
        }
        #expect(texts.count == 200)
        // Every digit comes up.
        #expect(Set(texts.joined()).isSuperset(of: "0123456789abcdef"))
    }

    @Test(arguments: [
        "", "cc_token_", "cc_token_" + String(repeating: "a", count: 63),
        "cc_token_" + String(repeating: "a", count: 65),
        "cc_token_" + String(repeating: "A", count: 64), "cc-token-" + String(repeating: "a", count: 64),
        "cc_token_" + String(repeating: "g", count: 64),
    ])
    func `what has another form is no token`(text: String) { #expect(!Self.hasForm(text)) }

    @Test func `a digest is HMAC-SHA256 under the chamber's key`() throws {
        let text = "cc_token_" + String(repeating: "0", count: 64)
        let bytes = [UInt8](repeating: 0x0b, count: 32)
        let key = TokenKey(
            SecretBytes(count: 32) { span in
                for place in 0..<32 { span.storeBytes(of: 0x0b, toByteOffset: place, as: UInt8.self) }
            }
        )
        let digest = try key.digest(of: Array(text.utf8).span)
        let expected = try HMAC.sha256(key: bytes.span, Array(text.utf8).span)
        #expect(digest.bytes == expected)
        #expect(digest.identifier.text == String(Hex.encode(digest.bytes.span, prefix: false).prefix(16)))
        #expect(TokenIdentifier(digest.identifier.text.uppercased()) == digest.identifier)
        #expect(TokenIdentifier("0x12") == nil)
    }
}
