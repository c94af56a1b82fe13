// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Encoding
import Mnemonics
import Secrets
import Testing

@Suite struct MnemonicVectorTests {
    @Test(arguments: WordVector.all)
    func `entropy becomes the words of the standard, and the words its seed`(_ vector: WordVector) throws {
        let entropy: [UInt8] = try Hex.decode(vector.entropy)
        let mnemonic = try Mnemonic(entropy: entropy.span)
        #expect(mnemonic.words == vector.words)
        #expect(mnemonic.wordCount == vector.words.split(separator: " ").count)
        #expect(try mnemonic.seedDigits("TREZOR") == vector.seed)
        let read = try Mnemonic(vector.words)
        #expect(read.words == vector.words)
        #expect(read.wordCount == mnemonic.wordCount)
    }

    /// EIP-2333 joins the two standards in its first test case.
    @Test func `words become the key of EIP-2333`() throws {
        let mnemonic = try Mnemonic(WordVector.all[0].words)
        let passphrase = Array("TREZOR".utf8)
        let seed = try mnemonic.seed(passphrase: passphrase.span)
        let child = try DerivationSecret.master(seed: seed.span).child(0)
        #expect(
            Hex.encode(child.bigEndianBytes().span, prefix: false)
                == "2d18bd6c14e6d15bf8b5085c9b74f3daae3b03cc2014770a599d8c1539e50f8e"
        )
    }

    /// The answers are those of the deposit tool, ethstaker-deposit 1.3.1.
    @Test(arguments: [
        (DerivationPath.signing(validator: 0), "3ec45abb2792f1f287ab1434acfde9d7aac879eb74c45cf7b59d25f15ba7a650"),
        (.withdrawal(validator: 0), "6b03a839551d1ec938176c1c61e98a881e382f8a6c94638fbeed435bdc0dd76b"),
    ])
    func `words become the keys of a validator`(_ path: DerivationPath, _ secret: String) throws {
        let found = try Mnemonic(WordVector.all[0].words).secret(at: path)
        #expect(Hex.encode(found.bigEndianBytes().span, prefix: false) == secret)
    }
}

@Suite struct MnemonicTests {
    @Test func `new words are twenty-four, read again, and others every time`() throws {
        var seen: Set<String> = []
        for _ in 0..<50 {
            let mnemonic = try Mnemonic.random()
            #expect(mnemonic.wordCount == 24)
            #expect(try Mnemonic(mnemonic.words).words == mnemonic.words)
            #expect(seen.insert(mnemonic.words).inserted)
        }
    }

    @Test(arguments: [0, 4, 12, 15, 17, 31, 33, 36, 64])
    func `entropy of another length makes no words`(_ count: Int) {
        #expect(throws: MnemonicError.entropyLength(bytes: count)) {
            _ = try Mnemonic(entropy: SecretBytes(random: count).span)
        }
    }

    @Test func `the passphrase is part of the seed`() throws {
        let mnemonic = try Mnemonic(WordVector.all[0].words)
        #expect(try mnemonic.seedDigits("") != mnemonic.seedDigits("TREZOR"))
        #expect(try mnemonic.seedDigits("TREZOR") != mnemonic.seedDigits("TREZOR "))
        let seed = try mnemonic.seed()
        #expect(try mnemonic.seedDigits("") == Hex.encode(seed.span, prefix: false))
    }

    @Test(arguments: ["pässwörd", "secret\n", "\t", "\u{0}", "a\u{7F}", "\u{1F511}"])
    func `a passphrase that programs would not read alike is refused`(_ passphrase: String) throws {
        let mnemonic = try Mnemonic(WordVector.all[0].words)
        #expect(throws: MnemonicError.passphraseNotPlain) { _ = try mnemonic.seedDigits(passphrase) }
    }

    @Test func `a passphrase may have every printable character of ASCII, and be long`() throws {
        let printable = String(decoding: Array(0x20...0x7E) as [UInt8], as: UTF8.self)
        let mnemonic = try Mnemonic(WordVector.all[0].words)
        #expect(try mnemonic.seedDigits(printable) != mnemonic.seedDigits(""))
        #expect(throws: MnemonicError.derivation(.wrongLength(of: "salt", bytes: (1 << 20) + 8, expected: 1 << 20))) {
            _ = try mnemonic.seedDigits(String(repeating: "a", count: 1 << 20))
        }
    }
}
