// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// The keys that are loaded now. Readers see the set before a change or after it, never a part of one.
package final class Keyring: Sendable {
    private struct State {
        var keys: [KeyIdentifier: SigningKey]
        /// In order, made once for each change: a listing must not cost what a sort of thousands of keys costs.
        var sorted: [KeyIdentifier]
        var version: UInt64 = 0
        /// Those of which the record lets nothing be signed.
        var disabled: Set<KeyIdentifier> = []

        init(_ keys: [KeyIdentifier: SigningKey]) {
            self.keys = keys
            sorted = keys.keys.sorted()
        }
    }
    private let state: Lock<State>

    package init(_ keys: [SigningKey] = []) {
        state = Lock(State(Dictionary(keys.map { ($0.identifier, $0) }, uniquingKeysWith: { first, _ in first })))
    }

    package subscript(identifier: KeyIdentifier) -> SigningKey? { state.withLock { $0.keys[identifier] } }

    /// A key, and whether the record has disabled it.
    func lookUp(_ identifier: KeyIdentifier) -> (key: SigningKey, isDisabled: Bool)? {
        state.withLock { state in
            state.keys[identifier].map { ($0, !state.disabled.isEmpty && state.disabled.contains(identifier)) }
        }
    }

    /// Takes over which keys the record has disabled, loaded or not; gives those that were not before. What is under way
    /// with them ends with the next generation of authority.
    package func setDisabled(_ disabled: Set<KeyIdentifier>) -> Set<KeyIdentifier> {
        state.withLock { state in
            defer { state.disabled = disabled }
            return disabled.subtracting(state.disabled)
        }
    }

    package var disabled: Set<KeyIdentifier> { state.withLock { $0.disabled } }

    package var count: Int { state.withLock { $0.keys.count } }

    /// All identifiers in order, and a number that changes with them.
    package var listing: (identifiers: [KeyIdentifier], version: UInt64) {
        state.withLock { ($0.sorted, $0.version) }
    }

    /// All identifiers, in order.
    package var identifiers: [KeyIdentifier] { listing.identifiers }

    /// All keys, in no order.
    package var all: [SigningKey] { state.withLock { Array($0.keys.values) } }

    /// Puts one set in the place of another, in one step.
    package func apply(_ change: KeyChange) {
        // Sorted outside the lock, which every signature takes; where another change came first, on top of that one: a
        // key that was removed must not come back.
        while true {
            let (keys, version) = state.withLock { ($0.keys, $0.version) }
            var next = State(keys.applying(change))
            next.version = version + 1
            let isApplied = state.withLock { [next] state in
                guard state.version == version else { return false }
                let disabled = state.disabled
                state = next
                state.disabled = disabled
                return true
            }
            if isApplied { return }
        }
    }

    /// What must change so that of a source exactly `wanted` is loaded; what others brought stays, and comes first where both
    /// have a key.
    package func change(to wanted: [SigningKey], of source: String) -> KeyChange {
        let current = state.withLock { $0.keys }
        let identifiers = Set(wanted.map(\.identifier))
        return KeyChange(
            added: wanted.filter { current[$0.identifier] == nil },
            removed: current.filter { $0.value.origin.source == source && !identifiers.contains($0.key) }.map(\.key)
        )
    }

    /// How many keys each source has brought.
    package var countsBySource: [String: Int] {
        state.withLock { $0.keys }.values.reduce(into: [:]) { counts, key in counts[key.origin.source, default: 0] += 1
        }
    }
}

/// A change of the loaded keys, as a source delivers it.
package struct KeyChange: Sendable {
    package let added: [SigningKey]
    package let removed: [KeyIdentifier]
    package init(added: [SigningKey], removed: [KeyIdentifier]) {
        self.added = added
        self.removed = removed
    }
}

extension [KeyIdentifier: SigningKey] {
    fileprivate func applying(_ change: KeyChange) -> Self {
        var keys = self
        for identifier in change.removed { keys[identifier] = nil }
        for key in change.added where keys[key.identifier] == nil { keys[key.identifier] = key }
        return keys
    }
}
