// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus

/// A validator's history while an import changes it: the rows of a database, or a copy in memory.
protocol HistoryEditor: ~Copyable {
    associatedtype Failure: Error
    var watermarks: Watermarks { get set }
    func block(at slot: Slot) throws(Failure) -> RecordedBlock?
    func attestation(target: Epoch) throws(Failure) -> RecordedAttestation?
    /// Adds an entry where there is none.
    mutating func add(_ block: RecordedBlock) throws(Failure)
    mutating func add(_ attestation: RecordedAttestation) throws(Failure)
    /// Puts an entry in the place of the one at its slot or target.
    mutating func replace(_ block: RecordedBlock) throws(Failure)
    mutating func replace(_ attestation: RecordedAttestation) throws(Failure)
}

/// How an EIP-3076 file enters a record, the same for every store. It never weakens the record: what contradicts it becomes
/// the stricter union of both.
extension HistoryEditor where Self: ~Copyable {
    /// Adds a validator's history. Where the report says `failed`, the caller throws away what has changed.
    mutating func merge(
        _ offered: ValidatorRecord,
        highWatermark: HighWatermark?
    ) throws(Failure) -> ImportReport.Validator {
        var report = ImportReport.Validator(publicKey: offered.publicKey.description, outcome: .taken)
        if let highest = offered.highestNumber, highest > UInt64(Int64.max) {
            return report.failed("\(highest) is larger than the record can hold (2^63 - 1)")
        }
        for block in offered.blocks { try merge(block, &report) }
        for attestation in offered.attestations { try merge(attestation, &report) }
        raiseWatermarks(to: offered)
        if let reason = watermarks.contradiction(to: highWatermark) { return report.failed(reason) }
        if report.conflicts > 0 {
            report.outcome = .mergedStrictly
            report.reason =
                "\(report.conflicts) entries contradict the record or each other; nothing at their slots or targets can be signed any more"
        }
        return report
    }

    private mutating func merge(
        _ block: RecordedBlock,
        _ report: inout ImportReport.Validator
    ) throws(Failure) {
        guard let existing = try self.block(at: block.slot) else {
            try add(block)
            report.blocksAdded += 1
            return
        }
        if existing == block {
            report.repeated += 1
        } else {
            // Two different blocks, or one that nobody knows: nothing may be signed at this slot again.
            try replace(RecordedBlock(slot: block.slot, root: nil))
            report.conflicts += 1
        }
    }

    private mutating func merge(
        _ attestation: RecordedAttestation,
        _ report: inout ImportReport.Validator
    ) throws(Failure) {
        guard let existing = try self.attestation(target: attestation.target) else {
            try add(attestation)
            report.attestationsAdded += 1
            return
        }
        if existing == attestation {
            report.repeated += 1
            return
        }
        report.conflicts += 1
        let source = max(existing.source, attestation.source)
        try replace(RecordedAttestation(source: source, target: attestation.target, root: nil))
        if existing.source != attestation.source {
            // One row cannot hold two sources. The higher one stays, against votes that would surround it; votes that
            // the lower one would surround have a lower target, and the watermark refuses those.
            let lower = min(existing.source, attestation.source)
            watermarks.source = max(watermarks.source ?? lower, lower)
            watermarks.target = max(watermarks.target ?? attestation.target, attestation.target)
        }
    }

    /// A file may be minimal: what lies below its lowest entry counts as unknown (EIP-3076, conditions for an import).
    private mutating func raiseWatermarks(to offered: ValidatorRecord) {
        watermarks = watermarks.raised(to: offered.lowest)
    }
}

extension Watermarks {
    /// Why low watermarks cannot stand beside a high one (Web3Signer's trigger on `low_watermarks`).
    func contradiction(to high: HighWatermark?) -> String? {
        guard let high else { return nil }
        if let slot, slot > high.slot {
            return "its low watermark would rise to slot \(slot), above the high watermark \(high.slot)"
        }
        if let epoch = [source, target].compactMap(\.self).max(), epoch > high.epoch {
            return "its low watermark would rise to epoch \(epoch), above the high watermark \(high.epoch)"
        }
        return nil
    }
}

extension ValidatorRecord {
    /// The lowest slot, source and target in it.
    var lowest: Watermarks {
        Watermarks(
            slot: blocks.lazy.map(\.slot).min(),
            source: attestations.lazy.map(\.source).min(),
            target: attestations.lazy.map(\.target).min()
        )
    }

    /// The highest slot, source and target in it.
    var highest: Watermarks {
        Watermarks(
            slot: blocks.lazy.map(\.slot).max(),
            source: attestations.lazy.map(\.source).max(),
            target: attestations.lazy.map(\.target).max()
        )
    }

    /// The largest slot or epoch in it.
    var highestNumber: UInt64? {
        let highest = highest
        return [highest.slot?.value, highest.source?.value, highest.target?.value].compactMap(\.self).max()
    }
}

extension ImportReport.Validator {
    /// The report of a validator of whom nothing was taken.
    func failed(_ reason: String) -> Self { Self(publicKey: publicKey, outcome: .failed, reason: reason) }
}
