// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Concurrency
package import Consensus

/// Signing roots that were hashed to the curve a moment ago. In a slot thousands of attestations sign the same root, and
/// hashing it is half of the work. Public data; small.
package final class MessagePointCache: Sendable {
    private struct State {
        var points: [SigningRoot: PreparedMessage] = [:]
        /// In the order in which they came; the oldest goes first.
        var order: [SigningRoot] = []
        var next = 0
        var hits: UInt64 = 0
        var misses: UInt64 = 0
    }
    private let capacity: Int
    private let state = Lock(State())

    /// `capacity` in roots; each takes about half a kilobyte.
    package init(capacity: Int = 256) {
        precondition(capacity > 0, "a cache without room")
        self.capacity = capacity
    }

    /// How often a root was known, and how often it was not.
    package var counts: (hits: UInt64, misses: UInt64) { state.withLock { ($0.hits, $0.misses) } }

    /// The point of a root, from memory or made now.
    package func prepare(_ root: SigningRoot) -> PreparedMessage {
        let known = state.withLock { state in
            let known = state.points[root]
            if known == nil { state.misses += 1 } else { state.hits += 1 }
            return known
        }
        if let known { return known }
        // Outside the lock: two threads may hash the same root once, but none waits.
        let made = PreparedMessage(root: root.bytes)
        state.withLock { state in
            guard state.points.updateValue(made, forKey: root) == nil else { return }
            if state.order.count < capacity {
                state.order.append(root)
            } else {
                state.points[state.order[state.next]] = nil
                state.order[state.next] = root
                state.next = (state.next + 1) % capacity
            }
        }
        return made
    }
}

extension OperationType {
    /// Whether many validators sign the same root.
    package var sharesItsRoot: Bool {
        self == .attestation || self == .syncCommitteeMessage || self == .payloadAttestationMessage
    }
}
