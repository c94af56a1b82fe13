// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Mnemonics
import Secrets
import TestSupport
import Testing

/// The same words and keys as other people's programs make.
@Suite(.enabled(if: DepositTool.isPresent, "scripts/bootstrap --test fetches the deposit tool"))
struct DepositToolTests {
    @Test func `words and seeds are those of the standard's authors`() throws {
        var random = SeededGenerator.fromEnvironment()
        let entropies = (0..<50).map { number in
            (0..<(16 + number % 5 * 4)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let mnemonics = try entropies.map { try Mnemonic(entropy: $0.span).words }
        let passphrases = entropies.map { entropy in
            String(decoding: entropy.prefix(9).map { 0x20 + $0 % 0x5F }, as: UTF8.self)
        }
        let words = try DepositTool.perform(
            entropies.map { ["task": "words", "entropy": Hex.encode($0, prefix: false)] }
        )
        #expect(words.map { $0 as? String } == mnemonics, "seed \(random.seed)")
        let seeds = try DepositTool.perform(
            zip(mnemonics, passphrases).map { ["task": "seed", "words": $0, "passphrase": $1] }
        )
        for (number, seed) in seeds.enumerated() {
            #expect(
                try Mnemonic(mnemonics[number]).seedDigits(passphrases[number]) == seed as? String,
                "seed \(random.seed)"
            )
        }
    }

    @Test func `keys are those of the deposit tool`() throws {
        var random = SeededGenerator.fromEnvironment()
        var tasks: [[String: Any]] = []
        var expected: [String] = []
        for validator in [0, 1, 4_294_967_295, UInt32.random(in: 0 ... .max, using: &random)] {
            for path in [DerivationPath.signing(validator: validator), .withdrawal(validator: validator)] {
                let words = try Mnemonic.random().words
                let passphrase = Array("a passphrase".utf8)
                tasks.append(
                    ["task": "key", "words": words, "passphrase": "a passphrase", "path": path.description]
                )
                let secret = try Mnemonic(words).secret(at: path, passphrase: passphrase.span)
                expected.append(Hex.encode(secret.bigEndianBytes().span, prefix: false))
            }
        }
        #expect(try DepositTool.perform(tasks).map { $0 as? String } == expected, "seed \(random.seed)")
    }

    @Test func `a generated key is the first validator's of its words`() throws {
        let generated = try GeneratedKey(arena: SecretArena())
        let answer = try DepositTool.perform([
            ["task": "key", "words": generated.mnemonic.words, "passphrase": "", "path": "m/12381/3600/0/0/0"]
        ])
        #expect(answer[0] as? String == Hex.encode(generated.bigEndianBytes().span, prefix: false))
    }
}
