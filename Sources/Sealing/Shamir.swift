// SPDX-License-Identifier: Apache-2.0
package import Secrets

/// Shamir's way of sharing a secret over GF(2⁸): each byte is the value at 0 of a random polynomial of degree M−1, a share
/// is the polynomials' values at its number. Any M shares give the secret back; M−1 say nothing about it.
///
/// Without tables, and without a branch on a secret: what a processor's caches and branch predictor remember tells nothing.
package enum Shamir {
    /// The most shares: the field has 255 numbers besides 0.
    package static let mostShares = 255

    /// The values of `count` shares, one behind the other in one piece of secret memory: share `i`, from 0, has the number
    /// `i + 1` and the bytes from `i * secret.count` on.
    ///
    /// - Parameter threshold: how many shares give the secret back. Of 1, every share is the secret.
    package static func split(_ secret: Span<UInt8>, threshold: Int, count: Int) -> SecretBytes {
        precondition(
            (1...mostShares).contains(count) && (1...count).contains(threshold) && !secret.isEmpty,
            "\(threshold) of \(count) shares cannot be made"
        )
        let length = secret.count
        // The coefficients above the secret, the highest power first.
        let coefficients = SecretBytes(random: (threshold - 1) * length + 1)
        return coefficients.withSpan { random in
            SecretBytes(count: count * length) { target in
                for share in 0..<count {
                    let number = UInt8(share + 1)
                    for place in 0..<length {
                        var value: UInt8 = 0
                        for power in 0..<(threshold - 1) {
                            value = GF256.product(value, number) ^ random[power * length + place]
                        }
                        value = GF256.product(value, number) ^ secret[place]
                        target.storeBytes(of: value, toByteOffset: share * length + place, as: UInt8.self)
                    }
                }
            }
        }
    }

    /// The secret of as many shares as the threshold says. Whether it is the right one they cannot tell: shares that do not
    /// belong together give some other bytes.
    ///
    /// - Parameters:
    ///   - numbers: of the shares; different ones, none 0.
    ///   - values: of the shares in that order, one behind the other.
    package static func combine(_ numbers: [UInt8], _ values: Span<UInt8>) -> SecretBytes {
        precondition(
            !numbers.isEmpty && Set(numbers).count == numbers.count && !numbers.contains(0)
                && values.count % numbers.count == 0 && values.count > 0,
            "shares of one length and of different numbers are needed"
        )
        let length = values.count / numbers.count
        // Lagrange at 0; the numbers are no secret.
        let weights = numbers.map { own in
            numbers.filter { $0 != own }.reduce(UInt8(1)) { weight, other in
                GF256.product(weight, GF256.product(other, GF256.inverse(other ^ own)))
            }
        }
        return SecretBytes(count: length) { target in
            for place in 0..<length {
                var value: UInt8 = 0
                for (share, weight) in weights.enumerated() {
                    value ^= GF256.product(values[share * length + place], weight)
                }
                target.storeBytes(of: value, toByteOffset: place, as: UInt8.self)
            }
        }
    }
}

/// The field of 256 elements with the polynomial of AES (FIPS 197 §4.2), x⁸ + x⁴ + x³ + x + 1; addition is `^`.
package enum GF256 {
    /// Eight steps, whatever the factors are.
    package static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var (left, right, product) = (left, right, UInt8(0))
        for _ in 0..<8 {
            // All ones where the lowest bit is set.
            product ^= left & (0 &- (right & 1))
            let overflow = 0 &- (left >> 7)
            left = (left << 1) ^ (0x1b & overflow)
            right >>= 1
        }
        return product
    }

    /// `value²⁵⁴`, which is the inverse of every element but 0.
    package static func inverse(_ value: UInt8) -> UInt8 {
        var (power, result) = (value, UInt8(1))
        // 254 is 11111110 in binary: all powers but the first.
        for _ in 0..<7 {
            power = product(power, power)
            result = product(result, power)
        }
        return result
    }
}
