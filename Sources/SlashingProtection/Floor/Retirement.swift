// SPDX-License-Identifier: Apache-2.0
internal import Consensus

/// Takes an instance that will not come back out of a record's list, so that recoveries do not wait for it.
///
/// What it let out has to be in the record first: a recovery waits for an instance because only its floor says what a
/// restored record has lost. So either its floor is merged, or the clock floor stands in its place, in the same step as it
/// leaves the list. An instance that comes back all the same finds that the record does not know it: an alarm, and it
/// signs nothing before its floor was merged again.
package struct Retirement: Sendable {
    /// 32 hexadecimal digits, as `anti-slashing instances` shows them.
    package let identifier: String
    package let source: Source

    /// What says how far the instance went.
    package enum Source: Sendable {
        /// Its own floor, which no process holds now.
        case floor(any FloorKeeper)
        case clockFloor(Watermarks)
    }

    package init(identifier: String, source: Source) {
        self.identifier = identifier
        self.source = source
    }

    /// Retires the instance.
    ///
    /// - Throws: where the record does not know it, the floor is another one's, or the floor knows of a recovery that the
    ///   record has forgotten: then the record went back in time, and only reconciling helps.
    package func perform(on store: any RecordStore) async throws(StoreError) -> RetirementReport {
        let list = try await Self.list(of: store)
        guard let known = list.instances.first(where: { $0.instance.digits == identifier.lowercased() }) else {
            throw .refused(reason: "the slashing record knows no instance \(identifier); see `anti-slashing instances`")
        }
        let merge = try await merge(for: known, list)
        guard case .merged(let report) = try await store.perform(.merge(merge)) else {
            preconditionFailure("the record answered another task than it was given")
        }
        return RetirementReport(merge, report)
    }

    /// The instances of a record and its last recovery.
    package static func list(of store: any RecordStore) async throws(StoreError) -> RecoveryList {
        guard case .comparison(let comparison) = try await store.perform(.compare([])) else {
            preconditionFailure("the record answered another task than it was given")
        }
        return comparison.recovery
    }

    private func merge(for known: KnownInstance, _ list: RecoveryList) async throws(StoreError) -> FloorMerge {
        switch source {
        case .clockFloor(let marks):
            return FloorMerge(
                instance: known.instance,
                marks: [],
                joined: nil,
                completed: 0,
                clockFloor: marks,
                retires: true
            )
        case .floor(let floor):
            guard floor.instance.identifier == known.instance.identifier else {
                throw .refused(
                    reason: "the floor that was given belongs to instance \(floor.instance.digits), not to "
                        + "\(known.instance.digits); nothing was changed"
                )
            }
            let condition = floor.condition
            guard max(condition.completed, condition.joined ?? 0) <= list.number else {
                throw .refused(
                    reason: "the slashing record has forgotten a recovery that this floor knows: it went back in time. "
                        + "Run `anti-slashing reconcile` for the instances that are left first; nothing was changed"
                )
            }
            return FloorMerge(
                instance: known.instance,
                marks: try await floor.marks(),
                joined: condition.joined,
                completed: condition.completed,
                clockFloor: nil,
                retires: true
            )
        }
    }
}

/// What `anti-slashing retire` did, for people and for scripts.
package struct RetirementReport: Sendable, Codable, Equatable {
    package let instance: ReconcileReport.Instance
    /// Validators in the floor that was merged.
    package let merged: Int
    /// Validators whose low watermarks rose.
    package let raised: Int
    /// The clock floor that was accepted.
    package let clockFloor: String?
    /// Instances that a recovery under way still waits for.
    package let missing: [ReconcileReport.Instance]

    init(_ merge: FloorMerge, _ report: FloorMergeReport) {
        instance = .init(merge.instance)
        merged = merge.marks.count
        raised = report.raised
        clockFloor = merge.clockFloor?.words
        missing = report.recovery.missing.map { .init($0.instance) }
    }
}

/// What `anti-slashing instances` shows.
package struct InstanceList: Sendable, Codable, Equatable {
    package struct Entry: Sendable, Codable, Equatable {
        package let identifier: String
        package let name: String
        /// The last recovery that its floor was merged in, or that was over when it was first seen.
        package let merged: String
        /// Whether the recovery under way waits for it.
        package let isMissing: Bool
    }

    /// The number of the last recovery; "0" before the first.
    package let recovery: String
    package let instances: [Entry]

    package init(_ list: RecoveryList) {
        recovery = "\(list.number)"
        instances = list.instances.map {
            Entry(
                identifier: $0.instance.digits,
                name: $0.instance.name,
                merged: "\($0.merged)",
                isMissing: $0.merged < list.number
            )
        }
    }
}
