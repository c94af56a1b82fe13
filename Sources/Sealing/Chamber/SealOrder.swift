// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
internal import Foundation
internal import Secrets

/// An order to seal all instances, or that such an order is taken back: the row `custody SEAL` (docs/formats.md). Both are
/// numbered by the time at which they are written, each higher than those that its writer has seen.
///
/// Anybody who can write the row closes the chamber. Where KMS keys alone open it, what takes that back is tagged under the
/// master key, so that only the chamber itself does: somebody with the right to ask for it asks an instance, which gets the
/// key, and proves by that that it could have opened anyway.
package struct SealOrder: Codable, Sendable {
    package let sealed: Bool
    /// Seconds since 1970.
    package let at: Int64
    /// Milliseconds since 1970, or more; nil in orders of before they were numbered.
    package let number: UInt64?
    /// Hexadecimal, of a taking back; nil where operators have to come anyway.
    package let tag: String?

    /// The order to seal.
    package init(sealing number: UInt64, at now: Int64) {
        (sealed, at, self.number, tag) = (true, now, number, nil)
    }

    /// That all orders up to a number are over.
    ///
    /// - Parameter master: nil where operators open the chamber.
    package init(unsealing number: UInt64, at now: Int64, under master: MasterKey?) throws(SealingError) {
        let tag = try master.map { (master) throws(SealingError) in try Self.tag(number, under: master) }
        (sealed, at, self.number) = (false, now, number)
        self.tag = tag.map { Hex.encode($0.span, prefix: false) }
    }

    /// Nil where it cannot be read, which is to be taken for the order to seal.
    package init?(reading body: [UInt8]) {
        guard let order = try? JSONDecoder().decode(SealOrder.self, from: Data(body)) else { return nil }
        self = order
    }

    /// As it lies in the row.
    package var body: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        do { return Array(try encoder.encode(self)) } catch {
            preconditionFailure("an order of ours cannot be encoded: \(error)")
        }
    }

    /// Whether it takes an order back, and the chamber itself has written it.
    package func isGenuine(under keys: MasterKeys) -> Bool {
        guard !sealed, let number, let given: Bytes<32> = tag.flatMap({ try? Hex.decode($0) }) else { return false }
        return keys.all.contains { key in
            guard let own = try? Self.tag(number, under: key) else { return false }
            return ConstantTime.areEqual(own.span, given.span)
        }
    }

    private static func tag(_ number: UInt64, under master: MasterKey) throws(SealingError) -> Bytes<32> {
        let key = try master.key(for: .unsealOrder)
        let message = stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
        do throws(CryptoError) { return try HMAC.sha256(key: key.span, message.span) } catch {
            throw SealingError(error)
        }
    }
}

/// What an instance knows of orders to seal. Both numbers only rise, and are remembered outside the signer state.
struct SealStanding: Equatable {
    /// The highest order to seal that was seen.
    private(set) var sealed: UInt64 = 0
    /// Up to here orders were taken back by the chamber itself, or overcome by its operators.
    private(set) var answered: UInt64 = 0

    /// Milliseconds by which the clocks of instances may differ: five minutes.
    private static let tolerance: UInt64 = 300_000

    /// - Parameters: as a file remembers them: what cannot have been reached is not counted on from.
    init(sealed: UInt64 = 0, answered: UInt64 = 0) {
        (self.sealed, self.answered) = (min(sealed, Self.highest), min(answered, Self.highest))
    }

    private static let highest: UInt64 = 1 << 62

    /// Whether an order stands, whatever the signer state says.
    var isOrdered: Bool { sealed > answered }

    /// An order to seal was seen. Whatever its number is, it stands until something later takes it back. What is further ahead
    /// than clocks differ counts as now: else whoever writes the row could say when it can be taken back.
    mutating func see(_ order: SealOrder?, at now: Int64) {
        let claimed = order.map { $0.number ?? Self.number(at: $0.at) } ?? .max
        let isPlausible = claimed <= Self.number(at: now) + Self.tolerance
        sealed = max(sealed, isPlausible ? claimed : Self.number(at: now), answered + 1)
    }

    /// Whether something that claims to take orders back comes behind all that were seen, and is none of the future: what a
    /// clock that was ahead has written would take back what is ordered until then.
    func isOvercome(by order: SealOrder?, at now: Int64) -> Bool {
        guard let order, !order.sealed, order.tag != nil, let number = order.number else { return false }
        return number > sealed && number <= Self.number(at: now) + Self.tolerance
    }

    mutating func answer(_ number: UInt64) { answered = max(answered, number) }

    /// The number of the next order.
    ///
    /// - Parameter order: what it replaces; nil for nothing.
    func next(at now: Int64, behind order: SealOrder? = nil) -> UInt64 {
        let standing = order?.number ?? 0
        let isPlausible = standing <= Self.number(at: now) + Self.tolerance
        return max(Self.number(at: now), sealed + 1, answered + 1, isPlausible ? standing + 1 : 0)
    }

    private static func number(at seconds: Int64) -> UInt64 {
        UInt64(clamping: seconds.multipliedReportingOverflow(by: 1000).partialValue)
    }
}
