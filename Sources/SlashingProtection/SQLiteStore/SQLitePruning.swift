// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Deletes old history, one validator a step. The floor rises in the same transaction, before anything is deleted, and
/// the newest records always stay.
struct PruningJob: AdministrativeJob {
    let keepEpochs: UInt64
    private var remaining: [PublicKey]?
    private var report = PruningReport()

    init(keepEpochs: UInt64) { self.keepEpochs = keepEpochs }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard keepEpochs > 0 else { throw .refused(reason: "at least one epoch of history must be kept") }
        guard var keys = remaining else {
            remaining = try writer.administrativeTransaction { record throws(SQLiteError) in
                try record.allValidators().reversed()
            }
            return nil
        }
        guard let key = keys.popLast() else { return .pruned(report) }
        remaining = keys
        let range = PruningRange(
            keepEpochs: keepEpochs, slotsPerEpoch: writer.settings.slotsPerEpoch,
            latestEpoch: writer.settings.latestEpoch())
        var report = report
        try writer.administrativeTransaction { record throws(SQLiteError) in
            try record.prune(key, range, &report)
        }
        self.report = report
        return nil
    }
}

/// How much to keep, and which records are too far in the future to count from.
struct PruningRange {
    let keepEpochs: UInt64
    let slotsPerEpoch: UInt64
    let latestEpoch: Epoch?

    var latestTarget: Epoch { latestEpoch ?? Epoch(UInt64(Int64.max)) }

    var latestSlot: Slot {
        let (end, overflow) = latestTarget.value.addingReportingOverflow(1)
        let (slot, tooLarge) = end.multipliedReportingOverflow(by: slotsPerEpoch)
        return overflow || tooLarge ? Slot(UInt64(Int64.max)) : Slot(slot - 1)
    }

    /// The lowest slot to keep when `newest` is the newest one.
    func floor(_ newest: Slot) -> Slot {
        let (kept, overflow) = keepEpochs.multipliedReportingOverflow(by: slotsPerEpoch)
        return overflow || newest.value < kept ? 0 : Slot(newest.value - kept + 1)
    }

    func floor(_ newest: Epoch) -> Epoch { newest.value < keepEpochs ? 0 : Epoch(newest.value - keepEpochs + 1) }
}

extension SQLiteRecord {
    fileprivate mutating func prune(
        _ key: PublicKey, _ range: PruningRange, _ report: inout PruningReport
    ) throws(SQLiteError) {
        let state = try validator(for: key)
        var marks = state.watermarks
        let newest = try statements.newest(validator: state.id, slot: range.latestSlot, target: range.latestTarget)
        let before = report.blocks + report.attestations
        if newest.slot != state.newestSlot || newest.target != state.newestTarget { report.implausible += 1 }
        if let slot = newest.slot {
            // The nearest record from the floor on becomes the watermark, so that a repeat of it is still answered.
            let floor = max(range.floor(slot), marks.slot ?? 0)
            if let kept = try statements.blocks(validator: state.id, from: floor).first, kept.slot <= slot {
                marks.slot = kept.slot
                try statements.write(marks, validator: state.id)
                report.blocks += try statements.deleteBlocks(validator: state.id, below: kept.slot)
            }
        }
        if let target = newest.target {
            let floor = max(range.floor(target), marks.target ?? 0)
            if let kept = try statements.attestations(validator: state.id, from: floor).first, kept.target <= target {
                marks.target = kept.target
                marks.source = max(marks.source ?? 0, kept.source)
                try statements.write(marks, validator: state.id)
                let deleted = try statements.deleteAttestations(validator: state.id, below: kept.target)
                report.attestations += deleted.count
                // Only a history that was slashable before has a higher source at a lower target.
                if let source = deleted.highestSource, let mark = marks.source, source > mark {
                    marks.source = source
                    try statements.write(marks, validator: state.id)
                }
            }
        }
        if report.blocks + report.attestations > before { report.validators += 1 }
        forget(key)
    }
}
