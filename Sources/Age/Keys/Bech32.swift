// SPDX-License-Identifier: Apache-2.0

/// Bech32 (BIP 173) of 32 bytes, as age writes keys. The bytes may be secret: no branch and no place in memory depends on
/// them, or on their characters.
struct Bech32 {
    /// What stands before the separator. All of the text has its case.
    private let prefix: [UInt8]
    private let alphabet: [UInt8]

    static let recipient = Bech32("age", alphabet: "qpzry9x8gf2tvdw0s3jn54khce6mua7l")
    static let identity = Bech32("AGE-SECRET-KEY-", alphabet: "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")

    /// Bytes of a key.
    static let byteCount = 32
    /// Groups of five bits; the last one ends with four zeros.
    private static let groupCount = 52
    private static let checksumCount = 6
    private static let separator = UInt8(ascii: "1")

    private init(_ prefix: String, alphabet: String) {
        self.prefix = Array(prefix.utf8)
        self.alphabet = Array(alphabet.utf8)
    }

    /// Characters of every text.
    var length: Int { prefix.count + 1 + Self.groupCount + Self.checksumCount }

    /// Fills exactly `length` characters.
    func encode(_ bytes: Span<UInt8>, into text: inout MutableSpan<UInt8>) {
        precondition(
            bytes.count == Self.byteCount && text.count == length,
            "a key has 32 bytes, its text a fixed length"
        )
        for position in prefix.indices { text[position] = prefix[position] }
        text[prefix.count] = Self.separator
        var next = prefix.count + 1
        var checksum = Checksum(prefix)
        for number in 0..<Self.groupCount {
            let group = Self.group(number, of: bytes)
            checksum.add(group)
            text[next] = character(group)
            next += 1
        }
        let groups = checksum.groups
        for number in groups.indices {
            text[next] = character(groups[number])
            next += 1
        }
    }

    /// Fills 32 bytes; where it throws they mean nothing.
    func decode(_ text: Span<UInt8>, into bytes: inout MutableSpan<UInt8>) throws(AgeKeyFlaw) {
        precondition(bytes.count == Self.byteCount, "a key has 32 bytes")
        // The separator is the last 1, which the alphabet has not: where it stands and what stands before it is no secret.
        guard let end = text.indices.last(where: { text[$0] == Self.separator }) else { throw .damaged }
        guard text.extracting(0..<end).isEqual(to: prefix) else { throw .anotherKind }
        guard text.count == length else { throw .damaged }
        var checksum = Checksum(prefix)
        var (bits, wrong): (UInt32, UInt32) = (0, 0)
        for number in 0..<(Self.groupCount + Self.checksumCount) {
            let group = value(text[end + 1 + number], &wrong)
            checksum.add(group)
            guard number < Self.groupCount else { continue }
            bits = bits << 5 | group
            // A group that ends behind the byte in which it begins, or with it, brings the last bits of that byte.
            let byte = number * 5 / 8
            let left = (number * 5 + 5) - (byte + 1) * 8
            if left >= 0 { bytes[byte] = UInt8(truncatingIfNeeded: bits >> UInt32(left)) }
        }
        guard wrong | checksum.remainder | bits & 0xf == 0 else { throw .damaged }
    }

    /// Five bits, from the first on; zeros behind the last byte.
    private static func group(_ number: Int, of bytes: Span<UInt8>) -> UInt32 {
        let (byte, offset) = (number * 5 / 8, number * 5 % 8)
        let next = byte + 1 < bytes.count ? UInt32(bytes[byte + 1]) : 0
        return (UInt32(bytes[byte]) << 8 | next) >> UInt32(11 - offset) & 31
    }

    /// Reads the whole alphabet for each character.
    private func character(_ group: UInt32) -> UInt8 {
        var result: UInt32 = 0
        for position in alphabet.indices { result |= UInt32(alphabet[position]) & mask(group, UInt32(position)) }
        return UInt8(truncatingIfNeeded: result)
    }

    /// The place in the alphabet; where it has no such character `wrong` is no longer zero.
    private func value(_ character: UInt8, _ wrong: inout UInt32) -> UInt32 {
        var (result, found): (UInt32, UInt32) = (0, 0)
        for position in alphabet.indices {
            let here = mask(UInt32(character), UInt32(alphabet[position]))
            result |= UInt32(position) & here
            found |= here
        }
        wrong |= ~found
        return result
    }

    /// All ones where both are the same, else zero. Both are below 256.
    private func mask(_ left: UInt32, _ right: UInt32) -> UInt32 { 0 &- (((left ^ right) &- 1) >> 31) }
}

/// The code over the prefix and the groups that makes up to four wrong characters show (BIP 173, "Checksum").
private struct Checksum {
    private var state: UInt32 = 1
    private static let generators: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]

    /// The prefix counts in lower case: the high bits of its characters, a zero, the low bits.
    init(_ prefix: [UInt8]) {
        for character in prefix { add(UInt32(character | 0x20) >> 5) }
        add(0)
        for character in prefix { add(UInt32(character) & 31) }
    }

    mutating func add(_ group: UInt32) {
        let top = state >> 25
        state = (state & 0x1ff_ffff) << 5 ^ group
        for bit in 0..<5 { state ^= Self.generators[bit] & (0 &- (top >> UInt32(bit) & 1)) }
    }

    /// Zero after all groups of a text and those of its checksum.
    var remainder: UInt32 { state ^ 1 }

    /// The six groups that belong behind what was added.
    var groups: InlineArray<6, UInt32> {
        var whole = self
        for _ in 0..<6 { whole.add(0) }
        let value = whole.remainder
        return InlineArray { value >> UInt32(5 * (5 - $0)) & 31 }
    }
}
