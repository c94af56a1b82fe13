// SPDX-License-Identifier: Apache-2.0
import BLS
import Mnemonics
import Secrets
import TestSupport
import Testing

/// Where words and what is made of them are: in secret memory, and nowhere else that a scan of this process can see.
@Suite(.serialized, .enabled(if: MemoryScan.isPossible, "a sanitizer's memory is too large to go through"))
struct SecretTraceTests {
    /// Two words and a half: what stands in one place in memory only where words stand in their order.
    private static let needleLength = 20

    private func piece(of text: Span<UInt8>) -> SecretBytes {
        SecretBytes(copying: text.extracting(0..<Self.needleLength))
    }

    @Test func `the scan finds words that were copied`() throws {
        let mnemonic = try Mnemonic.random()
        let needle = mnemonic.withText { piece(of: $0) }
        #expect(try MemoryScan.count(needle) == 1)
        let copy = mnemonic.words
        #expect(try MemoryScan.count(needle) > 1)
        withExtendedLifetime(copy) {}
    }

    @Test func `words stand in one place while they are there, and nowhere after`() throws {
        var needle = SecretBytes(count: 0) { _ in }
        do {
            let generated = try GeneratedKey(arena: SecretArena())
            needle = generated.mnemonic.withText { piece(of: $0) }
            #expect(try MemoryScan.count(needle) == 1)
            withExtendedLifetime(generated) {}
        }
        #expect(try MemoryScan.count(needle) == 0)
    }

    @Test func `reading leaves neither words nor entropy nor seed behind`() throws {
        let entropy = SecretBytes(random: 32)
        let needles = try readAndDerive(entropy)
        #expect(try MemoryScan.count(entropy) == 0)
        #expect(try MemoryScan.count(needles.words) == 0)
        #expect(try MemoryScan.count(needles.seed) == 0)
        #expect(try MemoryScan.count(needles.secret) == 0)
    }

    private struct Needles: ~Copyable {
        let words: SecretBytes
        let seed: SecretBytes
        let secret: SecretBytes
    }

    /// Everything but what to look for is gone when it comes back.
    private func readAndDerive(_ entropy: borrowing SecretBytes) throws -> Needles {
        let mnemonic = try Mnemonic(entropy: entropy.span)
        let read = try mnemonic.withText { text throws(MnemonicError) in try Mnemonic(reading: text) }
        let secret = try read.secret(at: .signing(validator: 0))
        return Needles(words: read.withText { piece(of: $0) }, seed: try read.seed(), secret: secret.bigEndianBytes())
    }
}
