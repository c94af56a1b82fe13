// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Mnemonics
import TestSupport
import Testing

@Suite struct ReadingTests {
    private static let words = WordVector.all[14].words

    @Test(arguments: [
        words.uppercased(), "  " + words + "\n", words.split(separator: " ").joined(separator: " \r\n\t"),
        words.split(separator: " ").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "  "),
    ])
    func `case, blanks and line breaks make no difference`(_ text: String) throws {
        #expect(try Mnemonic(text).words == Self.words)
    }

    @Test(arguments: [
        ("abandon", 1), ("zoo zoo", 2), (String(repeating: "abandon ", count: 11), 11),
        (String(repeating: "abandon ", count: 13), 13), (String(repeating: "abandon ", count: 23), 23),
        (String(repeating: "abandon ", count: 25), 25), (String(repeating: "abandon ", count: 27), 27),
        (String(repeating: "zoo ", count: 1000), 1000), ("", 0), (" \n ", 0),
    ])
    func `another number of words is refused`(_ text: String, _ count: Int) {
        #expect(failure(text) == .wordCount(count))
    }

    @Test(arguments: [
        "abandonn", "aband", "abandonabandon", "abandonabandonabandon", "a", "abandon\u{0}", "\u{0}", "ábandon", "zoo,",
        "zoo\u{0}\u{0}\u{0}\u{0}\u{0}", "zoo\u{A0}zoo", "ZOÖ", "123", "аbout",
    ])
    func `what is not a word of the standard is refused by its place`(_ word: String) {
        #expect(failure(word) == .unknownWord(number: 1))
        #expect(failure("about about \(word) about") == .unknownWord(number: 3))
        #expect(failure(String(repeating: "zoo ", count: 30) + word) == .unknownWord(number: 31))
    }

    @Test func `a text that is too long is refused unread`() throws {
        let blanks = String(repeating: " ", count: Mnemonic.limit - Self.words.utf8.count)
        #expect(try Mnemonic(Self.words + blanks).words == Self.words)
        #expect(
            failure(Self.words + blanks + " ") == .tooLong(bytes: Mnemonic.limit + 1, limit: Mnemonic.limit)
        )
    }

    @Test func `neighbours in each other's place are noticed, as far as the checksum reaches`() {
        // The checksum has 4 to 8 bits: of words that are swapped it misses one in 16 to 256.
        var (swapped, accepted) = (0, 0)
        for vector in WordVector.all {
            let words = vector.words.split(separator: " ").map(String.init)
            for place in words.indices.dropLast() where words[place] != words[place + 1] {
                var other = words
                other.swapAt(place, place + 1)
                swapped += 1
                if failure(other.joined(separator: " ")) == nil { accepted += 1 }
            }
        }
        #expect(swapped > 200)
        #expect(accepted * 16 <= swapped)
    }
}

/// The standard once more, written as it reads, on strings of `0` and `1`.
private enum PlainReader {
    static func accepts(_ numbers: [Int]) throws -> Bool {
        let bits = numbers.flatMap { number in (0..<11).reversed().map { number >> $0 & 1 } }
        let length = bits.count * 32 / 33
        let entropy = stride(from: 0, to: length, by: 8).map { start in
            UInt8(bits[start..<start + 8].reduce(0) { $0 << 1 | $1 })
        }
        let digest = try Digest.sha256(entropy.span)
        return bits[length...].enumerated().allSatisfy { place, bit in
            Int(digest[place / 8] >> UInt8(7 - place % 8)) & 1 == bit
        }
    }
}

@Suite struct HostileReadingTests {
    @Test func `random bytes are never a mnemonic`() {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<2000 {
            let count = Int.random(in: 0...300, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(failure(bytes) != nil, "seed \(random.seed)")
        }
    }

    @Test func `pieces of words and blanks crash nothing, and what is taken reads back`() throws {
        var random = SeededGenerator.fromEnvironment()
        let pieces = ["abandon", "about", "zoo", "art", "ab", " ", " ", " ", "\n", "\u{0}", "é", "ABLE", "x"]
        for _ in 0..<2000 {
            let count = Int.random(in: 0...60, using: &random)
            let text = (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }
            guard let mnemonic = try? Mnemonic(text.joined()) else { continue }
            #expect(try Mnemonic(mnemonic.words).words == mnemonic.words, "seed \(random.seed)")
        }
    }

    @Test(arguments: [12, 15, 18, 21, 24])
    func `random words are taken exactly where the standard's checksum is right`(_ count: Int) throws {
        var random = SeededGenerator.fromEnvironment()
        let words = EnglishList.words
        var accepted = 0
        for _ in 0..<300 {
            let numbers = (0..<count).map { _ in Int.random(in: 0..<2048, using: &random) }
            let isRight = try PlainReader.accepts(numbers)
            let reason = failure(numbers.map { words[$0] }.joined(separator: " "))
            #expect(reason == (isRight ? nil : .wrongChecksum), "seed \(random.seed)")
            if isRight { accepted += 1 }
        }
        // With 4 bits of checksum some twenty, with 8 bits one.
        #expect(accepted < 100)
    }
}
