// SPDX-License-Identifier: Apache-2.0

extension Mnemonic {
    /// Bytes of text that are read: some times what the longest words fill, for blanks and line breaks between them.
    package static let limit = 4096

    /// Reads words as people type them: in any case, with any blanks and line breaks between and around them. Abbreviated
    /// words are not guessed.
    package init(reading text: Span<UInt8>) throws(MnemonicError) {
        guard text.count <= Self.limit else { throw .tooLong(bytes: text.count, limit: Self.limit) }
        var numbers = WordNumbers()
        var word = PackedWord()
        for position in text.indices {
            guard Self.isBlank(text[position]) else {
                word.append(text[position])
                continue
            }
            try numbers.append(&word)
        }
        try numbers.append(&word)
        try numbers.verify()
        self.init(numbers)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

extension WordNumbers {
    /// Looks up a word that has ended, if any has begun, and makes room for the next.
    fileprivate mutating func append(_ word: inout PackedWord) throws(MnemonicError) {
        guard word.length > 0 else { return }
        guard let number = word.packed.flatMap(EnglishWords.number) else { throw .unknownWord(number: count + 1) }
        append(number)
        word = PackedWord()
    }
}

/// The letters of a word that is being read, as `EnglishWords` has them.
private struct PackedWord {
    private var letters: UInt64 = 0
    private(set) var length = 0

    /// Takes a letter in lower case. Any other byte is taken as one that no word has.
    mutating func append(_ byte: UInt8) {
        let letter = byte | 0x20
        let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter)
        letters = letters << 8 | UInt64(isLetter ? letter : 0xFF)
        length += 1
    }

    /// Nil where there are more letters than the longest word has.
    var packed: UInt64? {
        length <= EnglishWords.longest ? letters << UInt64(8 * (EnglishWords.longest - length)) : nil
    }
}
