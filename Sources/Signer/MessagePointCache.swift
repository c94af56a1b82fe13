// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Concurrency
package import Consensus

/// Signing roots that were hashed to the curve a moment ago. In a slot thousands of attestations sign the same root, and
/// hashing it is half of the work. Public data; small.
package final class MessagePointCache: Sendable {
    private final class Point: Sendable {
        let message: PreparedMessage
        init(_ message: PreparedMessage) { self.message = message }
    }
    private let points: RecentValues<SigningRoot, Point>

    /// `capacity` in roots; each takes about half a kilobyte.
    package init(capacity: Int = 256) { points = RecentValues(capacity: capacity) }

    /// How often a root was known, and how often it was not.
    package var counts: (hits: UInt64, misses: UInt64) { points.counts }

    /// The point of a root, from memory or made now.
    package func prepare(_ root: SigningRoot) -> PreparedMessage {
        if let known = points[root] { return known.message }
        // Outside the lock: two threads may hash the same root once, but none waits.
        let made = PreparedMessage(root: root.bytes)
        points.put(Point(made), for: root)
        return made
    }
}

extension OperationType {
    /// Whether many validators sign the same root.
    package var sharesItsRoot: Bool {
        self == .attestation || self == .syncCommitteeMessage || self == .payloadAttestationMessage
    }
}
