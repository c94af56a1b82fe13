// SPDX-License-Identifier: Apache-2.0

/// The binary form of `numeric` (`numeric_send`): four words (count of digits, weight, sign, scale), then the digits of
/// base 10000, the first worth 10000^weight. Zeros at either end are usually left out.
package enum NumericDecoding {
    /// Why a number is not an unsigned integer of 64 bits.
    package enum Failure: Error, Equatable, Sendable {
        case malformed
        /// Also for NaN and the infinities.
        case notUnsigned
        case fraction
        case tooLarge
    }

    package static func unsigned(_ bytes: Span<UInt8>) throws(Failure) -> UInt64 {
        guard bytes.count >= 8, bytes.count.isMultiple(of: 2) else { throw .malformed }
        func word(_ index: Int) -> UInt16 { UInt16(bytes[2 * index]) << 8 | UInt16(bytes[2 * index + 1]) }
        let count = Int(word(0))
        let weight = Int(Int16(bitPattern: word(1)))
        guard bytes.count == 8 + 2 * count else { throw .malformed }
        guard word(2) == 0 else { throw .notUnsigned }

        var value: UInt64 = 0
        for position in 0..<count {
            let digit = UInt64(word(4 + position))
            guard digit < 10000 else { throw .malformed }
            if position > weight {
                guard digit == 0 else { throw .fraction }
            } else {
                value = try shifted(value, adding: digit)
            }
        }
        // Digits that were left out because they are zeros. A value above 0 is too large long before many of them.
        if value > 0 && weight >= count {
            for _ in count...weight { value = try shifted(value, adding: 0) }
        }
        return value
    }

    private static func shifted(_ value: UInt64, adding digit: UInt64) throws(Failure) -> UInt64 {
        let (product, overflow) = value.multipliedReportingOverflow(by: 10000)
        let (sum, carry) = product.addingReportingOverflow(digit)
        guard !overflow, !carry else { throw .tooLarge }
        return sum
    }
}
