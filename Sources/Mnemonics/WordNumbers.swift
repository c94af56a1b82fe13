// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Secrets

/// The numbers of a mnemonic's words, eleven bits each, side by side: first the entropy, behind it the checksum (BIP-39,
/// "Generating the mnemonic").
struct WordNumbers: ~Copyable {
    /// How many words a mnemonic can have. Three words hold 32 bits of entropy and one of the checksum.
    static let counts = [12, 15, 18, 21, 24]
    /// The most of them.
    static let limit = 24

    /// Two bytes more than they fill, so that each number can be read and written through a window of three.
    private var bits = SecretBytes(count: limit * 11 / 8 + 2) { _ in }
    /// How many there are, or would be: what is too much is counted and not kept.
    private(set) var count = 0

    init() {}

    /// Of entropy and the checksum that belongs to it.
    init(entropy: Span<UInt8>) throws(MnemonicError) {
        count = entropy.count * 3 / 4
        guard entropy.count.isMultiple(of: 4), Self.counts.contains(count) else {
            throw .entropyLength(bytes: entropy.count)
        }
        let checksum = try Self.checksum(of: entropy)
        var target = bits.mutableSpan
        for position in entropy.indices { target[position] = entropy[position] }
        target[entropy.count] = checksum
    }

    /// The number of a word, counted from 0.
    subscript(position: Int) -> Int {
        let (start, shift) = Self.window(position)
        let bytes = bits.span
        let window = Int(bytes[start]) << 16 | Int(bytes[start + 1]) << 8 | Int(bytes[start + 2])
        return window >> shift & 0x7FF
    }

    mutating func append(_ number: Int) {
        if count < Self.limit {
            let (start, shift) = Self.window(count)
            let window = number << shift
            var target = bits.mutableSpan
            for offset in 0..<3 { target[start + offset] |= UInt8(truncatingIfNeeded: window >> (16 - 8 * offset)) }
        }
        count += 1
    }

    /// Holds the checksum against the entropy.
    func verify() throws(MnemonicError) {
        guard Self.counts.contains(count) else { throw .wordCount(count) }
        let bytes = bits.span
        let end = count * 4 / 3
        guard try Self.checksum(of: bytes.extracting(0..<end)) == bytes[end] else { throw .wrongChecksum }
    }

    /// Where the three bytes are in which a number stands, and how many bits stand behind it there.
    private static func window(_ position: Int) -> (start: Int, shift: Int) {
        (position * 11 / 8, 13 - position * 11 % 8)
    }

    /// The first bits of the entropy's digest, one for each four bytes, at the top of a byte. The digest itself would let
    /// somebody recognise the entropy: it stays in secret memory.
    private static func checksum(of entropy: Span<UInt8>) throws(MnemonicError) -> UInt8 {
        var digest = SecretBytes(count: 32) { _ in }
        do throws(CryptoError) {
            try digest.withMutableSpan { target throws(CryptoError) in try Digest.sha256(entropy, into: &target) }
        } catch { throw .derivation(error) }
        return digest.span[0] & ~(0xFF >> UInt8(entropy.count / 4))
    }
}
