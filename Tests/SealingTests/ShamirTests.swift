// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Secrets
import Testing

@Suite struct ShamirTests {
    /// Every threshold and number of shares up to five of eight.
    static let forms: [(threshold: Int, count: Int)] = (1...8).flatMap { count in
        (1...min(5, count)).map { ($0, count) }
    }

    @Test(arguments: forms)
    func `every subset of the threshold's size gives the secret back, and no smaller one`(
        _ threshold: Int,
        _ count: Int
    ) throws {
        let secret = SecretBytes(random: 32)
        let ceremony = CeremonyIdentifier.random()
        let shares = KeyShare.split(secret, threshold: threshold, count: count, in: ceremony)
        #expect(shares.map(\.number) == (1...UInt8(count)).map { $0 })
        for subset in subsets(of: shares) {
            if subset.count >= threshold {
                let combined = try KeyShare.combine(subset, threshold: threshold, in: ceremony)
                let isRight = isSame(combined, secret)
                #expect(isRight)
            } else {
                #expect(throws: KeyShareError.insufficient(have: subset.count, need: threshold)) {
                    try combine(subset, threshold, ceremony)
                }
                // Nor where they are taken for enough.
                if !subset.isEmpty {
                    let guess = try KeyShare.combine(subset, threshold: subset.count, in: ceremony)
                    let isRight = isSame(guess, secret)
                    #expect(!isRight)
                }
            }
        }
    }

    @Test func `ten thousand secrets of all lengths come back`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            let secret = SecretBytes(random: Int.random(in: 1...64, using: &random))
            let count = Int.random(in: 1...16, using: &random)
            let threshold = Int.random(in: 1...count, using: &random)
            let values = Shamir.split(secret.span, threshold: threshold, count: count)
            let numbers = Array((1...UInt8(count)).shuffled(using: &random).prefix(threshold))
            let chosen = SecretBytes(count: threshold * secret.count) { target in
                for (place, number) in numbers.enumerated() {
                    for offset in 0..<secret.count {
                        let byte = values.span[Int(number - 1) * secret.count + offset]
                        target.storeBytes(of: byte, toByteOffset: place * secret.count + offset, as: UInt8.self)
                    }
                }
            }
            let combined = Shamir.combine(numbers, chosen.span)
            guard ConstantTime.areEqual(combined.span, secret.span) else {
                Issue.record("\(threshold) of \(count), \(secret.count) bytes, shares \(numbers)")
                return
            }
        }
    }

    /// What a share says of the secret, over all polynomials: nothing. Every value of a share is as frequent for one secret as
    /// for another; here counted for one byte.
    @Test func `a share below the threshold has every value, whatever the secret is`() {
        for secret in [UInt8(0), 0x53, 0xff] {
            var seen = [Int](repeating: 0, count: 256)
            for _ in 0..<25_600 {
                let values = Shamir.split([secret].span, threshold: 2, count: 2)
                seen[Int(values.span[0])] += 1
            }
            // A hundred each, with a standard deviation of ten.
            #expect(seen.allSatisfy { $0 > 40 && $0 < 160 }, "\(secret): \(seen)")
        }
    }

    @Test func `shares of another ceremony do not mix`() {
        let secret = SecretBytes(random: 32)
        let (first, second) = (CeremonyIdentifier.random(), CeremonyIdentifier.random())
        let some = KeyShare.split(secret, threshold: 2, count: 3, in: first)
        let others = KeyShare.split(secret, threshold: 2, count: 3, in: second)
        #expect(throws: KeyShareError.foreign(number: 2)) { try combine([some[0], others[1]], 2, first) }
    }

    @Test func `a share that comes twice counts once`() {
        let secret = SecretBytes(random: 32)
        let ceremony = CeremonyIdentifier.random()
        let shares = KeyShare.split(secret, threshold: 2, count: 3, in: ceremony)
        #expect(throws: KeyShareError.insufficient(have: 1, need: 2)) {
            try combine([shares[0], shares[0]], 2, ceremony)
        }
    }

    @Test(arguments: [
        [], [1], [1, 1] + [UInt8](repeating: 7, count: 16), [2, 1] + [UInt8](repeating: 7, count: 48),
        [1, 0] + [UInt8](repeating: 7, count: 48), [UInt8](repeating: 0, count: 50),
    ])
    func `bytes that are no share are refused`(_ bytes: [UInt8]) {
        #expect(throws: KeyShareError.self) { _ = try KeyShare(SecretBytes(bytes)) }
    }

    @Test func `malformed shares are refused or have the form of one, and none crashes`() {
        var random = SystemRandomNumberGenerator()
        var accepted = 0
        for _ in 0..<Self.malformed {
            var bytes = Random.bytes(Int.random(in: 0...52, using: &random))
            if bytes.count > 2, Bool.random(using: &random) { bytes[0] = 1 }
            guard let share = try? KeyShare(SecretBytes(bytes)) else { continue }
            accepted += 1
            let form = bytes.count > KeyShare.headerLength && bytes[0] == 1 && bytes[1] == share.number && bytes[1] != 0
            if !form { Issue.record("\(bytes)") }
        }
        #expect(accepted > 0)
    }

    /// `make soak` asks for a million.
    private static let malformed =
        ProcessInfo.processInfo.environment["CHAMBER_MALFORMED_SHARES"].flatMap { Int($0) } ?? 50_000

    // MARK: The field

    @Test func `the field's product and inverse are those of AES`() {
        // FIPS 197 §4.2.
        #expect(GF256.product(0x57, 0x83) == 0xc1 && GF256.product(0x57, 0x13) == 0xfe)
        for value in UInt8(1)...255 {
            #expect(GF256.product(value, GF256.inverse(value)) == 1)
            #expect(GF256.product(value, 1) == value && GF256.product(value, 0) == 0)
        }
    }

    private func isSame(_ left: borrowing SecretBytes, _ right: borrowing SecretBytes) -> Bool {
        ConstantTime.areEqual(left.span, right.span)
    }

    private func combine(_ shares: [KeyShare], _ threshold: Int, _ ceremony: CeremonyIdentifier) throws {
        _ = try KeyShare.combine(shares, threshold: threshold, in: ceremony)
    }

    private func subsets(of shares: [KeyShare]) -> [[KeyShare]] {
        (0..<(1 << shares.count)).map { bits in
            shares.indices.filter { bits >> $0 & 1 == 1 }.map { shares[$0] }
        }
    }
}
