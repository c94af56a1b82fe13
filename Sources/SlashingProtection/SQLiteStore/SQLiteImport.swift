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
        let state = try validator(for: offered.publicKey)
        var editor = SQLiteEditor(statements: statements, validator: state.id, watermarks: state.watermarks)
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

/// The rows of one validator.
private struct SQLiteEditor: HistoryEditor, ~Copyable {
    let statements: Statements
    let validator: Int64
    var watermarks: Watermarks

    func block(at slot: Slot) throws(SQLiteError) -> RecordedBlock? {
        try statements.block(at: slot, validator: validator)
    }

    func attestation(target: Epoch) throws(SQLiteError) -> RecordedAttestation? {
        try statements.attestation(target: target, validator: validator)
    }

    func add(_ block: RecordedBlock) throws(SQLiteError) { try statements.insert(block, validator: validator) }

    func add(_ attestation: RecordedAttestation) throws(SQLiteError) {
        try statements.insert(attestation, validator: validator)
    }

    func replace(_ block: RecordedBlock) throws(SQLiteError) { try statements.overwrite(block, validator: validator) }

    func replace(_ attestation: RecordedAttestation) throws(SQLiteError) {
        try statements.overwrite(attestation, validator: validator)
    }
}
