// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Deletes old history, one validator a step. The floor rises in the same transaction, before anything is deleted, and
/// the newest records always stay. No low watermark rises above the high one: while that stands, what was signed beyond
/// it is not pruned from.
struct PruningJob: AdministrativeJob {
    let keepEpochs: UInt64
    private var remaining: ArraySlice<RecordIdentity>
    private var report = PruningReport()

    init(_ validators: [RecordIdentity], keepEpochs: UInt64) {
        remaining = validators[...]
        self.keepEpochs = keepEpochs
    }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard keepEpochs > 0 else { throw .refused(reason: "at least one epoch of history must be kept") }
        guard let key = remaining.popFirst()?.publicKey else { return .pruned(report) }
        let range = PruningRange(
            keepEpochs: keepEpochs,
            slotsPerEpoch: writer.settings.slotsPerEpoch,
            latestEpoch: writer.settings.latestEpoch()
        )
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
        _ key: PublicKey,
        _ range: PruningRange,
        _ report: inout PruningReport
    ) throws(SQLiteError) {
        guard let state = try statements.load(key) else { return }
        let newest = try statements.newest(validator: state.id, slot: range.latestSlot, target: range.latestTarget)
        if newest.slot != state.newestSlot || newest.target != state.newestTarget { report.implausible += 1 }
        let high = try highWatermark()
        var marks = state.watermarks
        var deleted = PruningReport()
        if let slot = newest.slot, let kept = try blockToKeep(state, newest: slot, range), kept <= high?.slot ?? kept {
            marks.slot = kept
            try statements.write(marks, validator: state.id)
            deleted.blocks = try statements.deleteBlocks(validator: state.id, below: kept)
        }
        if let target = newest.target, let kept = try attestationToKeep(state, newest: target, range) {
            // Only a history that was slashable before has a higher source at a lower target.
            let older = try statements.highestSource(validator: state.id, below: kept.target) ?? 0
            let source = max(marks.source ?? 0, kept.source, older)
            if max(source, kept.target) <= high?.epoch ?? .farFuture {
                marks.source = source
                marks.target = kept.target
                try statements.write(marks, validator: state.id)
                deleted.attestations = try statements.deleteAttestations(validator: state.id, below: kept.target)
            }
        }
        if deleted.blocks + deleted.attestations > 0 { report.validators += 1 }
        report.blocks += deleted.blocks
        report.attestations += deleted.attestations
        forget(key)
    }

    /// The nearest record from the floor on, which becomes the watermark, so that a repeat of it is still answered.
    private func blockToKeep(
        _ state: RememberedValidator,
        newest: Slot,
        _ range: PruningRange
    ) throws(SQLiteError) -> Slot? {
        let floor = max(range.floor(newest), state.watermarks.slot ?? 0)
        guard let kept = try statements.firstBlock(validator: state.id, from: floor), kept.slot <= newest else {
            return nil
        }
        return kept.slot
    }

    private func attestationToKeep(
        _ state: RememberedValidator,
        newest: Epoch,
        _ range: PruningRange
    ) throws(SQLiteError) -> RecordedAttestation? {
        let floor = max(range.floor(newest), state.watermarks.target ?? 0)
        let kept = try statements.firstAttestation(validator: state.id, from: floor)
        return kept.flatMap { $0.target <= newest ? $0 : nil }
    }
}
