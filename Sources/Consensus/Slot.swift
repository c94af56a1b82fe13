// SPDX-License-Identifier: Apache-2.0

/// A slot of the beacon chain, counted from genesis.
package struct Slot: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByIntegerLiteral {
    package let value: UInt64

    @inlinable package init(_ value: UInt64) { self.value = value }
    @inlinable package init(integerLiteral value: UInt64) { self.value = value }

    @inlinable package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    package var description: String { String(value) }

    /// The epoch that this slot belongs to (`compute_epoch_at_slot`).
    package func epoch(slotsPerEpoch: UInt64) -> Epoch { Epoch(value / slotsPerEpoch) }
}
