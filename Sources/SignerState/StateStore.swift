// SPDX-License-Identifier: Apache-2.0

/// Where a chamber keeps what all of its instances must know: policies, tokens and, once it has one, how its master key is
/// held. Never validator keys, never signing history.
///
/// A store is a set of named rows with versions. Every change names the version that it changes; changes are atomic, and
/// each raises the store's one revision, so that an instance learns of what the others did by asking for everything after
/// the revision that it has seen.
package protocol StateStore: Sendable {
    /// Every row, deleted ones too, whose last change came after a revision, and the revision now. One consistent state.
    func rows(after revision: UInt64) async throws(StateError) -> StateReading

    /// Makes all changes or none, durable when it returns; the revision after them.
    ///
    /// - Throws: `.conflict` with the first row that has another version than was expected. Nothing was changed then.
    @discardableResult
    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64

    func close() async
}

/// What a row is called: a kind, such as `policy`, and a name within it.
package struct StateRowName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let kind: String
    package let name: String

    package init(_ kind: String, _ name: String) {
        self.kind = kind
        self.name = name
    }

    package static func < (left: Self, right: Self) -> Bool { (left.kind, left.name) < (right.kind, right.name) }
    package var description: String { "\(kind) \(name)" }
}

/// A row as it stands.
package struct StateRow: Hashable, Sendable {
    package let name: StateRowName
    /// 1 when it was first made; rises by one with every change, deletion and making it again included. A row that comes
    /// back with a lower version has been put back by somebody.
    package let version: UInt64
    /// The store's revision that its last change made.
    package let revision: UInt64
    /// Nil once it is deleted: what is left says that it was there.
    package let body: [UInt8]?

    package init(name: StateRowName, version: UInt64, revision: UInt64, body: [UInt8]?) {
        self.name = name
        self.version = version
        self.revision = revision
        self.body = body
    }
}

package struct StateReading: Hashable, Sendable {
    package let revision: UInt64
    /// In the order of their names.
    package let rows: [StateRow]

    package init(revision: UInt64, rows: [StateRow]) {
        self.revision = revision
        self.rows = rows
    }
}

/// One change of one row.
package struct StateChange: Sendable {
    package let name: StateRowName
    /// The version that the row has now; 0 where there must be no row, or a deleted one.
    package let expected: UInt64
    /// Nil deletes.
    package let body: [UInt8]?

    package init(_ name: StateRowName, expecting expected: UInt64, body: [UInt8]?) {
        precondition(expected > 0 || body != nil, "a row that is not there cannot be deleted")
        self.name = name
        self.expected = expected
        self.body = body
    }

    /// The largest body in bytes: a policy of 50,000 keys has 5 MB.
    package static let largestBody = 8 << 20
    /// The most changes of one `apply`.
    package static let most = 32
}

package enum StateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Somebody else changed the row meanwhile.
    case conflict(StateRowName)
    /// The row is larger than this backend keeps; the limit in bytes.
    case tooLarge(StateRowName, limit: Int)
    /// The backend does not answer, or not in time. What a change came to is not known; it may be read again.
    case unavailable(reason: String)
    /// The backend answers, and cannot be used until somebody does something about it.
    case unusable(reason: String)

    /// No change of a row can be numbered any more. No chamber comes so far: somebody has written there.
    static func exhausted(_ name: StateRowName) -> StateError {
        .unusable(
            reason:
                "the \(name), or the state as a whole, has the highest number that there is, and nobody but an intruder has written that: put it back from a backup"
        )
    }

    package var description: String {
        switch self {
        case .conflict(let name): "the \(name) was changed by somebody else meanwhile; look at it and try again"
        case .tooLarge(let name, let limit): "the \(name) is larger than the \(limit) bytes that are kept of one"
        case .unavailable(let reason): "the signer state cannot be reached: \(reason)"
        case .unusable(let reason): "the signer state cannot be used: \(reason)"
        }
    }
}
