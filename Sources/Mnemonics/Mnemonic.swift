// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Crypto
package import Secrets

/// The words out of which every key of a tree can be made again (BIP-39, English), checked: only words whose checksum is
/// right become one.
package struct Mnemonic: ~Copyable, Sendable {
    /// The words in lower case with one blank between two: the form out of which the seed is made.
    private let text: SecretBytes
    package let wordCount: Int

    /// Twenty-four new words, of 256 random bits.
    package static func random() throws(MnemonicError) -> Mnemonic {
        let entropy = SecretBytes(random: 32)
        return try Mnemonic(entropy: entropy.span)
    }

    /// The words of given entropy: 16, 20, 24, 28 or 32 bytes.
    package init(entropy: Span<UInt8>) throws(MnemonicError) {
        self.init(try WordNumbers(entropy: entropy))
    }

    /// Writes the words letter by letter into secret memory.
    init(_ numbers: consuming WordNumbers) {
        var line = SecretBytes(count: WordNumbers.limit * (EnglishWords.longest + 1)) { _ in }
        var target = line.mutableSpan
        var length = 0
        for position in 0..<numbers.count {
            let word = EnglishWords.word(numbers[position])
            for shift in stride(from: 56, through: 0, by: -8) where word >> UInt64(shift) & 0xFF != 0 {
                target[length] = UInt8(truncatingIfNeeded: word >> UInt64(shift))
                length += 1
            }
            target[length] = UInt8(ascii: " ")
            length += 1
        }
        text = SecretBytes(copying: line.span.extracting(0..<(length - 1)))
        wordCount = numbers.count
    }

    /// The words as ASCII, for the time of the borrow.
    package func withText<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try text.withSpan(body)
    }
}

extension Mnemonic {
    /// The 64 bytes of the seed (BIP-39, "From mnemonic to seed"). There is no wrong passphrase: each gives another seed, so
    /// one that programs would not read alike is refused. That is what is not ASCII (a library's Unicode tables decide its
    /// form), and control characters (the newline of a file would be part of it).
    package func seed(passphrase: Span<UInt8> = Span()) throws(MnemonicError) -> SecretBytes {
        let prefix = "mnemonic".utf8.span
        var salt = SecretBytes(count: prefix.count + passphrase.count) { _ in }
        var target = salt.mutableSpan
        for position in prefix.indices { target[position] = prefix[position] }
        for position in passphrase.indices {
            guard (0x20...0x7E).contains(passphrase[position]) else { throw .passphraseNotPlain }
            target[prefix.count + position] = passphrase[position]
        }
        do throws(CryptoError) {
            return try KeyDerivation.pbkdf2SHA512(password: text.span, salt: salt.span, iterations: 2048, count: 64)
        } catch { throw .derivation(error) }
    }

    /// The secret at a path of the tree that grows out of the seed.
    package func secret(
        at path: DerivationPath,
        passphrase: Span<UInt8> = Span()
    ) throws(MnemonicError) -> DerivationSecret {
        let seed = try seed(passphrase: passphrase)
        do throws(DerivationSecret.Failure) {
            return try DerivationSecret.master(seed: seed.span).descendant(at: path)
        } catch { preconditionFailure("the seed of a mnemonic has 64 bytes") }
    }
}
