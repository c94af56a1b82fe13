// SPDX-License-Identifier: Apache-2.0
package import Crypto

/// Why there is no mnemonic, or no seed of it. Says which word, never what stood there.
package enum MnemonicError: Error, Equatable, CustomStringConvertible {
    case tooLong(bytes: Int, limit: Int)
    /// Counted from 1.
    case unknownWord(number: Int)
    case wordCount(Int)
    /// All words exist, but not together: one is another than was written down, or two stand in each other's place.
    case wrongChecksum
    case entropyLength(bytes: Int)
    case passphraseNotPlain
    case derivation(CryptoError)

    package var description: String {
        switch self {
        case .tooLong(let bytes, let limit): "the mnemonic has \(bytes) bytes where at most \(limit) are read"
        case .unknownWord(let number): "word \(number) of the mnemonic is not one of the English words of BIP-39"
        case .wordCount(let count): "the mnemonic has \(count) words; 12, 15, 18, 21 or 24 can be"
        case .wrongChecksum:
            "the mnemonic's checksum is wrong: a word is not the one that was written down, or not in its place"
        case .entropyLength(let bytes): "no mnemonic is made of \(bytes) bytes; 16, 20, 24, 28 or 32 can be"
        case .passphraseNotPlain:
            "the mnemonic's passphrase has a character that is not printable ASCII; programs disagree about such, so it "
                + "is not taken"
        case .derivation(let error): "the seed of the mnemonic could not be derived: \(error)"
        }
    }
}
