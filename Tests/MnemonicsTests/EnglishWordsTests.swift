// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Mnemonics
import Testing

/// The words as the module gives them out, in their order: a mnemonic of entropy that begins with a word's number begins
/// with the word.
enum EnglishList {
    static let words: [String] = (0..<2048).compactMap { number in
        var entropy = [UInt8](repeating: 0, count: 16)
        entropy[0] = UInt8(number >> 3)
        entropy[1] = UInt8(number & 7) << 5
        return try? Mnemonic(entropy: entropy.span).words.split(separator: " ").first.map(String.init)
    }
}

@Suite struct EnglishWordsTests {
    /// SHA-256 of the standard's file english.txt, one word a line.
    @Test func `the words are those of the standard in their order`() throws {
        #expect(EnglishList.words.count == 2048)
        let file = EnglishList.words.map { $0 + "\n" }.joined()
        #expect(
            try Digest.sha256(Array(file.utf8).span).description
                == "0x2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
        )
    }

    @Test func `every word is read in every place`() throws {
        for (number, word) in EnglishList.words.enumerated() {
            // Twelve times the same word: its checksum is right for some, and then it reads back as itself.
            let text = Array(repeating: word, count: 12).joined(separator: " ")
            let reason = failure(text)
            #expect(reason == nil || reason == .wrongChecksum, "\(number) \(word)")
            if reason == nil { #expect(try Mnemonic(text).words == text) }
        }
    }
}
