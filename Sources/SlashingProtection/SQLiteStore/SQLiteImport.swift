// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Takes histories, as many validators a step as make a transaction that signing can wait for. An import never weakens
/// the record: what contradicts it becomes the stricter union of both.
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
        try interchange.refuse(unlessFor: writer.settings.genesisValidatorsRoot)
        guard position < interchange.validators.count else { return .taken(report) }
        let part = interchange.part(from: position)
        position = part.endIndex
        report.validators += try writer.administrativeTransaction(commit: !report.dryRun) {
            record throws(SQLiteError) in
            var merged: [ImportReport.Validator] = []
            for validator in part { merged.append(try record.merge(validator)) }
            return merged
        }
        return nil
    }
}

extension SQLiteRecord {
    /// Adds a validator's history. All of it or, with a reason, nothing.
    mutating func merge(_ offered: ValidatorRecord) throws(SQLiteError) -> ImportReport.Validator {
        let state = try validator(for: offered.publicKey)
        var editor = SQLiteEditor(state, statements)
        try connection.execute("SAVEPOINT merge")
        let report = try editor.merge(offered, highWatermark: highWatermark())
        // Read again at its next use: what was merged has moved its newest rows.
        forget(offered.publicKey)
        if report.outcome == .failed {
            try connection.execute("ROLLBACK TO merge; RELEASE merge")
        } else {
            try statements.write(editor.watermarks, validator: state.id)
            try connection.execute("RELEASE merge")
        }
        return report
    }
}

/// The rows of one validator. What lies beyond its newest rows is not looked for: in a file that is in order, and new to
/// the record, nothing is.
private struct SQLiteEditor: HistoryEditor, ~Copyable {
    private let statements: Statements
    private let validator: Int64
    private var newestSlot: Slot?
    private var newestTarget: Epoch?
    var watermarks: Watermarks

    init(_ state: RememberedValidator, _ statements: Statements) {
        self.statements = statements
        validator = state.id
        newestSlot = state.newestSlot
        newestTarget = state.newestTarget
        watermarks = state.watermarks
    }

    func block(at slot: Slot) throws(SQLiteError) -> RecordedBlock? {
        guard let newestSlot, slot <= newestSlot else { return nil }
        return try statements.block(at: slot, validator: validator)
    }

    func attestation(target: Epoch) throws(SQLiteError) -> RecordedAttestation? {
        guard let newestTarget, target <= newestTarget else { return nil }
        return try statements.attestation(target: target, validator: validator)
    }

    mutating func add(_ block: RecordedBlock) throws(SQLiteError) {
        try statements.insert(block, validator: validator)
        newestSlot = max(newestSlot ?? block.slot, block.slot)
    }

    mutating func add(_ attestation: RecordedAttestation) throws(SQLiteError) {
        try statements.insert(attestation, validator: validator)
        newestTarget = max(newestTarget ?? attestation.target, attestation.target)
    }

    func replace(_ block: RecordedBlock) throws(SQLiteError) { try statements.overwrite(block, validator: validator) }

    func replace(_ attestation: RecordedAttestation) throws(SQLiteError) {
        try statements.overwrite(attestation, validator: validator)
    }
}
