// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// The keys that are loaded now. Readers see the set before a change or after it, never a part of one.
package final class Keyring: Sendable {
    private let keys: Lock<[KeyIdentifier: SigningKey]>

    package init(_ keys: [SigningKey] = []) {
        self.keys = Lock(Dictionary(keys.map { ($0.identifier, $0) }, uniquingKeysWith: { first, _ in first }))
    }

    package subscript(identifier: KeyIdentifier) -> SigningKey? { keys.withLock { $0[identifier] } }

    package var count: Int { keys.withLock { $0.count } }

    /// All identifiers, sorted, so that two answers can be compared.
    package var identifiers: [KeyIdentifier] {
        keys.withLock { $0.keys.map { $0 } }.sorted { $0.description < $1.description }
    }

    /// All keys, in no order.
    package var all: [SigningKey] { keys.withLock { Array($0.values) } }

    /// Puts one set in the place of another, in one step.
    package func apply(_ change: KeyChange) {
        keys.withLock { keys in
            for identifier in change.removed { keys[identifier] = nil }
            for key in change.added where keys[key.identifier] == nil { keys[key.identifier] = key }
        }
    }

    /// What must change so that exactly `wanted` is loaded.
    package func change(to wanted: [SigningKey]) -> KeyChange {
        let current = keys.withLock { $0 }
        let identifiers = Set(wanted.map(\.identifier))
        return KeyChange(
            added: wanted.filter { current[$0.identifier] == nil },
            removed: current.keys.filter { !identifiers.contains($0) }
        )
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
