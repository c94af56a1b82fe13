// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Testing

@Suite struct Base64Tests {
    private func encoded(_ bytes: [UInt8]) -> String { Base64.encode(bytes) }
    private func decoded(_ text: [UInt8]) -> [UInt8]? { Base64.decode(text.span) }

    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `the answers of the standard`(bytes: String, text: String) {
        #expect(encoded(Array(bytes.utf8)) == text)
        #expect(decoded(Array(text.utf8)) == Array(bytes.utf8))
    }

    @Test func `every group of two bytes, as Foundation has it`() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let bytes = [first, second, second ^ first]
                let text = Data(bytes).base64EncodedString()
                #expect(encoded(bytes) == text)
                #expect(decoded(Array(text.utf8)) == bytes)
            }
        }
    }

    @Test func `every length, as Foundation has it`() {
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            let text = Data(bytes).base64EncodedString()
            #expect(encoded(bytes) == text)
            #expect(decoded(Array(text.utf8)) == bytes)
        }
    }

    @Test func `every byte that is no digit is refused at every place`() {
        let digits = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        #expect(digits.count == 64)
        for byte in UInt8.min...UInt8.max {
            for place in 0..<8 {
                var text = Array("AAAAAAAA".utf8)
                text[place] = byte
                let isPadding = byte == UInt8(ascii: "=") && place == 7
                #expect((decoded(text) != nil) == (digits.contains(byte) || isPadding), "\(byte) at \(place)")
            }
        }
    }

    @Test func `a text is written from a place on`() {
        var text = Array("--------".utf8)
        var target = text.mutableSpan
        Base64.encode(Array("fo".utf8).span, into: &target, at: 3)
        #expect(String(decoding: text, as: UTF8.self) == "---Zm8=-")
    }

    @Test func `a longer target is filled from its beginning, a shorter one not at all`() {
        var bytes = [UInt8](repeating: 0xaa, count: 5)
        var target = bytes.mutableSpan
        #expect((Base64.decode(Array("Zm9vYg==".utf8).span, into: &target) == 4) as Bool)
        #expect(bytes == Array("foob".utf8) + [0xaa])
        target = bytes.mutableSpan
        #expect((Base64.decode(Array("Zm9vYmFy".utf8).span, into: &target) == nil) as Bool)
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zm8", "Zm9vY", "====", "Z===", "=Zg=", "Zg==Zg==", "Zg== ", " Zg==", "Zg=\n", "Zm9v\n",
        // The last digit has bits that stand for nothing.
        "Zh==", "Zm9=", "Zv==",
        // The other alphabet.
        "-_-_",
    ])
    func `what is not base64 with its padding, in its one form`(text: String) {
        #expect(decoded(Array(text.utf8)) == nil)
    }
}
