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
