// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Takes an EIP-3076 file, one validator a step. An import never weakens the record: what contradicts it becomes the
/// stricter union of both.
struct ImportJob: AdministrativeJob {
    private let interchange: Interchange
    private var position = 0
    private var report: ImportReport

    init(_ interchange: Interchange, dryRun: Bool) {
        self.interchange = interchange
        report = ImportReport(dryRun: dryRun)
        report.unreadable = interchange.unreadable
    }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        if position == 0, interchange.genesisValidatorsRoot != writer.settings.genesisValidatorsRoot {
            throw .interchange(
                reason:
                    "the file belongs to the network with genesis validators root \(interchange.genesisValidatorsRoot), "
                    + "this record to \(writer.settings.genesisValidatorsRoot); nothing was imported"
            )
        }
        guard position < interchange.validators.count else { return .taken(report) }
        let validator = interchange.validators[position]
        position += 1
        report.validators.append(
            try writer.administrativeTransaction(commit: !report.dryRun) { record throws(SQLiteError) in
                try record.merge(validator)
            }
        )
        return nil
    }
}

extension SQLiteRecord {
    /// Adds a validator's history. All of it or, with a reason, nothing.
    mutating func merge(_ offered: ValidatorRecord) throws(SQLiteError) -> ImportReport.Validator {
        var report = ImportReport.Validator(publicKey: offered.publicKey.description, outcome: .taken)
        var state = try validator(for: offered.publicKey)
        if let highest = offered.highestNumber, highest > UInt64(Int64.max) {
            return report.failed("\(highest) is larger than the record can hold (2^63 - 1)")
        }
        try connection.execute("SAVEPOINT merge")
        for block in offered.blocks { try merge(block, &state, &report) }
        for attestation in offered.attestations { try merge(attestation, &state, &report) }
        raiseWatermarks(of: &state, to: offered)
        try statements.write(state.watermarks, validator: state.id)
        // Read again at its next use: what was merged has moved its newest rows.
        forget(offered.publicKey)
        if let reason = try contradiction(of: state.watermarks) {
            try connection.execute("ROLLBACK TO merge; RELEASE merge")
            return report.failed(reason)
        }
        try connection.execute("RELEASE merge")
        if report.conflicts > 0 {
            report.outcome = .mergedStrictly
            report.reason =
                "\(report.conflicts) entries contradict the record or each other; nothing at their slots or targets can be signed any more"
        }
        return report
    }

    /// Why low watermarks cannot stand beside the high one (Web3Signer's trigger on `low_watermarks`).
    private func contradiction(of low: Watermarks) throws(SQLiteError) -> String? {
        guard let high = try highWatermark() else { return nil }
        if let slot = low.slot, slot > high.slot {
            return "its low watermark would rise to slot \(slot), above the high watermark \(high.slot)"
        }
        if let epoch = [low.source, low.target].compactMap(\.self).max(), epoch > high.epoch {
            return "its low watermark would rise to epoch \(epoch), above the high watermark \(high.epoch)"
        }
        return nil
    }

    private func merge(
        _ block: RecordedBlock,
        _ state: inout RememberedValidator,
        _ report: inout ImportReport.Validator
    ) throws(SQLiteError) {
        guard let existing = try statements.block(at: block.slot, validator: state.id) else {
            try statements.insert(block, validator: state.id)
            report.blocksAdded += 1
            return
        }
        if existing == block {
            report.repeated += 1
        } else {
            // Two different blocks, or one that nobody knows: nothing may be signed at this slot again.
            try statements.overwrite(RecordedBlock(slot: block.slot, root: nil), validator: state.id)
            report.conflicts += 1
        }
    }

    private func merge(
        _ attestation: RecordedAttestation,
        _ state: inout RememberedValidator,
        _ report: inout ImportReport.Validator
    ) throws(SQLiteError) {
        guard let existing = try statements.attestation(target: attestation.target, validator: state.id) else {
            try statements.insert(attestation, validator: state.id)
            report.attestationsAdded += 1
            return
        }
        if existing == attestation {
            report.repeated += 1
            return
        }
        report.conflicts += 1
        let source = max(existing.source, attestation.source)
        try statements.overwrite(
            RecordedAttestation(source: source, target: attestation.target, root: nil),
            validator: state.id
        )
        if existing.source != attestation.source {
            // One row cannot hold two sources. The higher one stays, against votes that would surround it; votes that
            // the lower one would surround have a lower target, and the watermark refuses those.
            let lower = min(existing.source, attestation.source)
            state.watermarks.source = max(state.watermarks.source ?? lower, lower)
            state.watermarks.target = max(state.watermarks.target ?? attestation.target, attestation.target)
        }
    }

    /// A file may be minimal: what lies below its lowest entry counts as unknown (EIP-3076, conditions for an import).
    private func raiseWatermarks(of state: inout RememberedValidator, to offered: ValidatorRecord) {
        if let slot = offered.blocks.map(\.slot).min() {
            state.watermarks.slot = max(state.watermarks.slot ?? slot, slot)
        }
        if let source = offered.attestations.map(\.source).min(), let target = offered.attestations.map(\.target).min()
        {
            state.watermarks.source = max(state.watermarks.source ?? source, source)
            state.watermarks.target = max(state.watermarks.target ?? target, target)
        }
    }
}

extension ValidatorRecord {
    /// The largest slot or epoch in it.
    fileprivate var highestNumber: UInt64? {
        (blocks.map(\.slot.value) + attestations.flatMap { [$0.source.value, $0.target.value] }).max()
    }
}

extension ImportReport.Validator {
    /// The report of a validator of whom nothing was taken.
    fileprivate func failed(_ reason: String) -> Self { Self(publicKey: publicKey, outcome: .failed, reason: reason) }
}
