// SPDX-License-Identifier: Apache-2.0
import PostgreSQL
import TestSupport
import Testing

@Suite struct NumericTests {
    /// As `numeric_send` writes it.
    static func encoded(_ digits: [UInt16], weight: Int16, sign: UInt16 = 0, scale: UInt16 = 0) -> [UInt8] {
        let words = [UInt16(digits.count), UInt16(bitPattern: weight), sign, scale] + digits
        return words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
    }

    /// As the server writes it: without zeros at either end.
    static func encoded(_ value: UInt64) -> [UInt8] {
        var digits: [UInt16] = []
        var rest = value
        while rest > 0 {
            digits.insert(UInt16(rest % 10000), at: 0)
            rest /= 10000
        }
        let weight = Int16(max(digits.count - 1, 0))
        while digits.last == 0 { digits.removeLast() }
        return encoded(digits, weight: weight)
    }

    @Test(arguments: [0, 1, 9999, 10000, 10001, 99_990_000, 1 << 63 - 1, 1 << 63, .max - 1, .max] as [UInt64])
    func `integers are read`(value: UInt64) throws {
        #expect(try NumericDecoding.unsigned(Self.encoded(value).span) == value)
    }

    static let refused: [(bytes: [UInt8], why: NumericDecoding.Failure)] = [
        ([], .malformed),
        ([0, 0, 0, 0, 0, 0, 0], .malformed),
        ([0, 1, 0, 0, 0, 0, 0, 0], .malformed),
        (encoded([1], weight: 0) + [0, 0], .malformed),
        (encoded([10000], weight: 0), .malformed),
        (encoded([1], weight: 0, sign: 0x4000), .notUnsigned),
        (encoded([], weight: 0, sign: 0xc000), .notUnsigned),
        (encoded([], weight: 0, sign: 0xd000), .notUnsigned),
        (encoded([], weight: 0, sign: 0xf000), .notUnsigned),
        (encoded([5000], weight: -1, scale: 1), .fraction),
        (encoded([1, 5000], weight: 0, scale: 1), .fraction),
        // 2^64, and 10000^5 and more.
        (encoded([1844, 6744, 737, 955, 1616], weight: 4), .tooLarge),
        (encoded([1], weight: 5), .tooLarge),
        (encoded([1], weight: .max), .tooLarge),
    ]

    @Test(arguments: refused)
    func `what is no unsigned integer is refused`(bytes: [UInt8], why: NumericDecoding.Failure) {
        #expect(throws: why) { try NumericDecoding.unsigned(bytes.span) }
    }

    @Test func `zeros that could be left out change nothing`() throws {
        #expect(try NumericDecoding.unsigned(Self.encoded([0, 0, 7, 0], weight: 3).span) == 70000)
        #expect(try NumericDecoding.unsigned(Self.encoded([7, 0, 0], weight: 0, scale: 8).span) == 7)
        #expect(try NumericDecoding.unsigned(Self.encoded([0], weight: -3).span) == 0)
        #expect(try NumericDecoding.unsigned(Self.encoded([], weight: .max).span) == 0)
    }

    @Test func `random integers are read, and random bytes never mean another number than they say`() throws {
        var generator = SeededGenerator.fromEnvironment()
        for _ in 0..<20000 {
            let value = UInt64.random(in: 0 ... .max, using: &generator) >> UInt64.random(in: 0...63, using: &generator)
            #expect(try NumericDecoding.unsigned(Self.encoded(value).span) == value, "seed \(generator.seed)")

            var bytes = Self.encoded(value)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if generator.once(in: 4) { bytes.removeLast() }
            let expected = Self.slowly(bytes)
            let read = try? NumericDecoding.unsigned(bytes.span)
            #expect(read == expected, "seed \(generator.seed), \(bytes)")
        }
    }

    /// The same by another way: decimal digits as text.
    private static func slowly(_ bytes: [UInt8]) -> UInt64? {
        guard bytes.count >= 8, bytes.count % 2 == 0 else { return nil }
        let words = stride(from: 0, to: bytes.count, by: 2).map { Int(bytes[$0]) * 256 + Int(bytes[$0 + 1]) }
        let digits = Array(words[4...])
        guard digits.count == words[0], words[2] == 0, digits.allSatisfy({ $0 < 10000 }) else { return nil }
        let weight = words[1] > 32767 ? words[1] - 65536 : words[1]
        if digits.allSatisfy({ $0 == 0 }) { return 0 }
        var text = ""
        for position in 0...max(weight, digits.count - 1, 0) {
            let digit = position < digits.count ? digits[position] : 0
            if position > weight {
                if digit != 0 { return nil }
            } else {
                let four = String(digit)
                text += String(repeating: "0", count: 4 - four.count) + four
            }
        }
        return UInt64(text)
    }
}
