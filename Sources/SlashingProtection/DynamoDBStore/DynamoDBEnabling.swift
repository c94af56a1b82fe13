// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// A word in the marks, which the transaction of every signature looks at. The count of changes rises before and after:
    /// before, so that nobody takes the old state for the one after; after, so that nobody misses the new one.
    func disable(
        _ validators: [RecordIdentity],
        by instance: FloorInstance?
    ) async throws(StoreError) -> EnablingReport {
        var report = EnablingReport()
        try await countChange()
        for validator in validators {
            let hasChanged = try await change(validator.publicKey) { marks in
                guard !marks.isDisabled else { return false }
                marks.isDisabled = true
                marks.disabledBy = instance
                return true
            }
            report.note(validator, hasChanged: hasChanged)
        }
        try await countChange()
        return report
    }

    /// - Parameter ground: an owner enables only what stands in its name.
    func enable(_ validators: [RecordIdentity], _ ground: EnablingGround) async throws(StoreError) -> EnablingReport {
        var report = EnablingReport()
        let known = Set(try await known(validators))
        try await countChange()
        for validator in validators {
            guard known.contains(validator.publicKey) else {
                report.note(validator, hasChanged: false)
                continue
            }
            var holder: FloorInstance?
            var isRefused = false
            let hasChanged = try await change(validator.publicKey) { marks in
                isRefused = marks.isDisabled && !ground.allows(marks.disabledBy)
                holder = marks.disabledBy
                guard marks.isDisabled, !isRefused else { return false }
                marks.isDisabled = false
                marks.disabledBy = nil
                return true
            }
            if isRefused {
                report.refuse(validator, disabledBy: holder)
            } else {
                report.note(validator, hasChanged: hasChanged)
            }
        }
        try await countChange()
        return report
    }

    /// Counts the entries of some validators.
    func count(_ validators: [RecordIdentity]) async throws(StoreError) -> RecordCount {
        let found = try await atOnce(known(validators)) { key async throws(StoreError) in try await entries(of: key) }
        var count = RecordCount()
        for (blocks, attestations) in found {
            count.validators += 1
            count.blocks += blocks.count
            count.attestations += attestations.count
        }
        return count
    }

    private func countChange() async throws(StoreError) {
        _ = try await attempt { () throws(DynamoDBError) in
            try await database.updateItem(
                table: table,
                key: DynamoDBLayout.changes,
                Expression("ADD change_count :one", values: [":one": .number(1)]),
                mayHappenTwice: true
            )
        }
    }

    fileprivate func changes() async throws(StoreError) -> UInt64 {
        try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: DynamoDBLayout.changes)?["change_count"]?.number
        } ?? 0
    }
}

/// Who was disabled among some validators when the count of changes stood at `changes`.
struct KnownDisabled: Sendable {
    let changes: UInt64
    let wanted: Set<RecordIdentity>
    let disabled: [DisabledValidator]
}

extension DynamoDBStore {
    /// Of some validators their marks are read, and only where something has changed since: this is asked every second.
    /// For all of them the whole table is.
    func disabled(among wanted: [RecordIdentity]?) async throws(StoreError) -> [DisabledValidator] {
        guard let wanted else {
            return try await record.validators().filter(\.value.isDisabled).sorted { $0.key < $1.key }.map {
                DisabledValidator(RecordIdentity($0.key), by: $0.value.disabledBy)
            }
        }
        // Read before the marks: what changes meanwhile is seen the next time.
        let changes = try await record.changes()
        let known = state.withLock { $0.disabled }
        let set = Set(wanted)
        if let known, known.changes == changes, known.wanted == set { return known.disabled }
        let keys = set.map(\.publicKey).sorted()
        let disabled = zip(keys, try await record.marks(of: keys)).compactMap { key, marks in
            marks.flatMap { $0.isDisabled ? DisabledValidator(RecordIdentity(key), by: $0.disabledBy) : nil }
        }
        state.withLock { $0.disabled = KnownDisabled(changes: changes, wanted: set, disabled: disabled) }
        return disabled
    }
}

extension EnablingGround {
    /// Whether what `instance` has disabled may be enabled.
    fileprivate func allows(_ instance: FloorInstance?) -> Bool {
        switch self {
        case .imported: true
        case .owner(let owner): owner != nil && owner?.identifier == instance?.identifier
        }
    }
}
