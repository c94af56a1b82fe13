// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// A number that only grows. Lock-free.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)
    init() {}

    package func increment(by amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }

    package var value: UInt64 { count.load(ordering: .relaxed) }

    /// For numbers that are counted elsewhere and fetched at each scrape. Never goes back.
    package func raise(to total: UInt64) { count.max(total, ordering: .relaxed) }
}

/// A number that goes up and down. Lock-free.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)
    init() {}

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    package func set(_ value: Int) { set(Double(value)) }
    package func set(_ value: Bool) { set(value ? 1.0 : 0.0) }

    package func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.compareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }

    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}
