// SPDX-License-Identifier: Apache-2.0
package import Consensus

/// Where the record is kept. A store checks and records in one step that nothing can come between, and answers only
/// when what it says is durable.
package protocol RecordStore: Sendable {
    /// Checks every record of the batch and records those that are safe; one verdict for each, in order. Whatever
    /// goes wrong becomes `.refused(.notCheckable)`.
    func decide(_ batch: DutyBatch) async -> [Verdict]

    /// Whether the store can answer now.
    var health: StoreHealth { get }

    /// Runs one task of administration between two batches of signing.
    func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer

    /// Answers what waits, then closes the record.
    func close() async

    // MARK: For the floor

    /// Says whose floor is held against this store and what that instance has seen of the database, once and before
    /// anything else. A store that leaves a trace of each instance in the database needs to know.
    func prepare(for instance: FloorInstance, seen: DatabaseIdentity?)

    /// Rises before the store checks anything over a connection of which it cannot say that it leads to the very database
    /// of the ones before: at least with every reconnection, and where a pooler stands between, with every start of the
    /// server behind it. 0 where there is one database for the life of the store.
    ///
    /// The identity alone is not enough: what others write moves a restored database past the position that was seen.
    var connectionGeneration: UInt64 { get }

    /// As `decide(_:)`, but neither checks nor records anything over a connection that is later than `generation`: the
    /// floor has to be held against that database first. Such a batch is refused as `.notCheckable`.
    func decide(_ batch: DutyBatch, generation: UInt64) async -> IdentifiedVerdicts

    /// Asks to be told which database the record sees while nothing is asked of it. `beginLook` is called before each look;
    /// what it gives is called with what was found. Both on a thread of the store, which they must not hold up.
    func watch(_ beginLook: @escaping @Sendable () -> @Sendable (DatabaseIdentity) -> Void)

    /// Does what the floor asks for; a merge counts when all of it is durable.
    func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer

    /// Merges the floor of this instance into the record, and lets it sign again once the floors of all are in it.
    func reconcile(acceptingClockFloor: Bool) async throws(StoreError) -> ReconcileReport
}

/// Verdicts, and the database that gave them where it says which it is.
package struct IdentifiedVerdicts: Sendable {
    package let verdicts: [Verdict]
    /// As it was when the batch was recorded or later.
    package let identity: DatabaseIdentity?

    package init(_ verdicts: [Verdict], identity: DatabaseIdentity? = nil) {
        self.verdicts = verdicts
        self.identity = identity
    }
}

extension RecordStore {
    package func prepare(for instance: FloorInstance, seen: DatabaseIdentity?) {}

    package var connectionGeneration: UInt64 { 0 }

    package func decide(_ batch: DutyBatch, generation: UInt64) async -> IdentifiedVerdicts {
        IdentifiedVerdicts(await decide(batch))
    }

    package func watch(_ beginLook: @escaping @Sendable () -> @Sendable (DatabaseIdentity) -> Void) {}

    package func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer {
        throw .refused(reason: "this kind of slashing record cannot be held against a floor")
    }

    package func reconcile(acceptingClockFloor: Bool) async throws(StoreError) -> ReconcileReport {
        throw .refused(reason: "no floor is kept for this slashing record (anti_slashing.floor.enabled)")
    }
}

/// Whether signing can be protected.
package enum StoreHealth: Equatable, Sendable {
    case ready
    /// Nothing is signed until a probe has written and synced; the store tries by itself.
    case suspended(reason: String)
    /// Nothing is signed until the record has been rewritten to a new file and verified; the store does it by itself.
    case rewriting(reason: String)
    /// Nothing is signed until an operator has acted.
    case unusable(reason: String)

    /// Why signing is refused.
    package var reason: String? {
        switch self {
        case .ready: nil
        case .suspended(let reason), .rewriting(let reason), .unusable(let reason): reason
        }
    }
}

/// Failures of opening or administering a record, in words for the operator.
package enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    case missing(path: String)
    case alreadyExists(path: String)
    case inUse(path: String)
    case otherNetwork(path: String, pinned: Root, configured: Root)
    case unknownVersion(path: String, found: String, known: Int)
    case storage(reason: String)
    case interchange(reason: String)
    case refused(reason: String)
    case unsupported(backend: String)

    /// The record has no history where `anti_slashing.expect_history` says that there is one.
    package static let emptyThoughExpected = StoreError.refused(
        reason: "the slashing record is empty, but anti_slashing.expect_history says that it has history; "
            + "is this the right database? Restore it, or import the history first"
    )

    package var description: String {
        switch self {
        case .missing(let path):
            "there is no slashing record at \(path); create it once with `containment-chamber anti-slashing init`, or set anti_slashing.create_if_missing: true"
        case .alreadyExists(let path): "there is already a slashing record at \(path); it is never overwritten"
        case .inUse(let path):
            "another process holds the slashing record \(path); two signers must not share an SQLite record"
        case .otherNetwork(let path, let pinned, let configured):
            "the slashing record \(path) belongs to the network with genesis validators root \(pinned), but the configured network has \(configured)"
        case .unknownVersion(let path, let found, let known):
            "the slashing record \(path) has version \(found); this program knows version \(known)"
        case .storage(let reason): reason
        case .interchange(let reason): reason
        case .refused(let reason): reason
        case .unsupported(let backend): "the \(backend) backend keeps no record"
        }
    }
}
