// SPDX-License-Identifier: Apache-2.0

/// An epoch of the beacon chain, counted from genesis.
package struct Epoch: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByIntegerLiteral {
    package let value: UInt64

    @inlinable package init(_ value: UInt64) { self.value = value }
    @inlinable package init(integerLiteral value: UInt64) { self.value = value }

    /// `FAR_FUTURE_EPOCH`: in a configuration, a fork that is not scheduled.
    package static let farFuture = Epoch(.max)

    @inlinable package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    package var description: String { String(value) }
}
