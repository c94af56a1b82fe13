// SPDX-License-Identifier: Apache-2.0
import Encoding
import Mnemonics
import Secrets

extension Mnemonic {
    /// Of text in a test, which is no secret.
    init(_ text: String) throws(MnemonicError) {
        let bytes = Array(text.utf8)
        try self.init(reading: bytes.span)
    }

    /// The words, to compare.
    var words: String { withText { text in String(decoding: text.indices.map { text[$0] }, as: UTF8.self) } }

    /// The seed in hexadecimal digits, to compare.
    func seedDigits(_ passphrase: String) throws -> String {
        let bytes = Array(passphrase.utf8)
        let seed = try seed(passphrase: bytes.span)
        return Hex.encode(seed.span, prefix: false)
    }
}

/// Why a text is no mnemonic; nil where it is one.
func failure(_ text: [UInt8]) -> MnemonicError? {
    do throws(MnemonicError) {
        _ = try Mnemonic(reading: text.span)
        return nil
    } catch { return error }
}

func failure(_ text: String) -> MnemonicError? { failure(Array(text.utf8)) }
