// SPDX-License-Identifier: Apache-2.0

/// The values that were put last, by key: a small cache whose oldest entry makes room for the newest. Values are objects,
/// so that moving an entry moves a pointer.
public final class RecentValues<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
    @usableFromInline struct State {
        @usableFromInline var values: [Key: Value] = [:]
        /// In the order in which they came.
        @usableFromInline var order: [Key] = []
        /// The oldest, once the cache is full.
        @usableFromInline var next = 0
        @usableFromInline var hits: UInt64 = 0
        @usableFromInline var misses: UInt64 = 0
        @usableFromInline init() {}
    }
    @usableFromInline let capacity: Int
    @usableFromInline let state: Lock<State>

    /// Room for `capacity` entries.
    public init(capacity: Int) {
        precondition(capacity > 0, "a cache without room")
        self.capacity = capacity
        state = Lock(State())
    }

    /// How often a key was known, and how often it was not.
    public var counts: (hits: UInt64, misses: UInt64) { state.withLock { ($0.hits, $0.misses) } }

    /// The value of a key, where it is still known.
    @inlinable public subscript(key: Key) -> Value? {
        state.withLock { state in
            let known = state.values[key]
            if known == nil { state.misses += 1 } else { state.hits += 1 }
            return known
        }
    }

    /// Remembers a value, in the place of an earlier one or of the oldest.
    @inlinable public func put(_ value: Value, for key: Key) {
        state.withLock { state in
            guard state.values.updateValue(value, forKey: key) == nil else { return }
            if state.order.count < capacity {
                state.order.append(key)
            } else {
                state.values[state.order[state.next]] = nil
                state.order[state.next] = key
                state.next = (state.next + 1) % capacity
            }
        }
    }
}
