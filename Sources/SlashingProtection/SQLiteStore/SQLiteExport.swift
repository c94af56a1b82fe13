// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Gives histories, a few validators a step.
struct ExportJob: AdministrativeJob {
    private let wanted: [RecordIdentity]
    private var position = 0
    private var validators: [ValidatorRecord] = []

    init(_ wanted: [RecordIdentity]) { self.wanted = wanted }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard position < wanted.count else {
            return .given(
                Interchange(genesisValidatorsRoot: writer.settings.genesisValidatorsRoot, validators: validators)
            )
        }
        validators += try writer.read(wanted, &position) { record, state, key throws(SQLiteError) in
            let history = try record.history(of: state, key)
            return (history, entries: history.entries)
        }
        return nil
    }
}

/// Looks for what is wrong in the rows of some validators, a few a step.
struct VerificationJob: AdministrativeJob {
    private let wanted: [RecordIdentity]
    private var position = 0
    private var report = VerificationReport()

    init(_ wanted: [RecordIdentity]) { self.wanted = wanted }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard position < wanted.count else { return .verified(report) }
        let (high, newcomers) = try writer.administrativeTransaction { record throws(SQLiteError) in
            (try record.highWatermark(), try record.statements.floor())
        }
        let found = try writer.read(wanted, &position) { record, state, key throws(SQLiteError) in
            let stored = try record.rows(of: state, key, newcomers: newcomers)
            return (stored, entries: stored.entries.entries)
        }
        for stored in found { report.append(stored, highWatermark: high) }
        return nil
    }
}

extension SQLiteWriter {
    fileprivate typealias Reading<Result> = (inout SQLiteRecord, RememberedValidator, PublicKey) throws(SQLiteError) ->
        (Result, entries: Int)

    /// Reads validators from `position` on, until that is enough for one step. Those without a row are left out.
    fileprivate mutating func read<Result>(
        _ wanted: [RecordIdentity],
        _ position: inout Int,
        _ body: Reading<Result>
    ) throws(StoreError) -> [Result] {
        var place = position
        let results = try administrativeTransaction { record throws(SQLiteError) in
            var results: [Result] = []
            var entries = 0
            while place < wanted.count, entries < Interchange.entriesAtOnce {
                let key = wanted[place].publicKey
                place += 1
                guard let state = try record.statements.load(key) else { continue }
                let (result, count) = try body(&record, state, key)
                results.append(result)
                // One that has no rows costs something too.
                entries += count + 16
            }
            return results
        }
        position = place
        return results
    }
}

extension SQLiteRecord {
    /// Everything from the low watermarks on.
    fileprivate mutating func history(
        of state: RememberedValidator,
        _ key: PublicKey
    ) throws(SQLiteError) -> ValidatorRecord {
        let low = state.watermarks
        let older: Epoch? =
            if let target = low.target { try statements.highestSource(validator: state.id, below: target) } else { nil }
        return ValidatorRecord(
            publicKey: key,
            blocks: try statements.blocks(validator: state.id, from: low.slot ?? 0),
            attestations: try statements.attestations(validator: state.id, from: low.target ?? 0)
        ).withMarks(low, highestOlderSource: older)
    }

    /// Everything there is, as it stands there.
    fileprivate mutating func rows(
        of state: RememberedValidator,
        _ key: PublicKey,
        newcomers: Watermarks
    ) throws(SQLiteError) -> StoredHistory {
        let entries = ValidatorRecord(
            publicKey: key,
            blocks: try statements.blocks(validator: state.id, from: 0),
            attestations: try statements.attestations(validator: state.id, from: 0)
        )
        return StoredHistory(entries: entries, low: state.watermarks, newcomers: newcomers)
    }
}
