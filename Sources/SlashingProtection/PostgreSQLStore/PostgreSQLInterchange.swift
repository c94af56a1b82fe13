// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import PostgreSQL

extension PostgreSQLAdministrator {
    /// Takes an EIP-3076 file, one validator a transaction, under both of its locks.
    mutating func take(_ interchange: Interchange, dryRun: Bool) throws(StoreError) -> ImportReport {
        guard interchange.genesisValidatorsRoot == settings.genesisValidatorsRoot else {
            throw .interchange(
                reason:
                    "the file belongs to the network with genesis validators root \(interchange.genesisValidatorsRoot), "
                    + "this record to \(settings.genesisValidatorsRoot); nothing was imported"
            )
        }
        var report = ImportReport(dryRun: dryRun)
        report.unreadable = interchange.unreadable
        for validator in interchange.validators { report.validators.append(try take(validator, dryRun: dryRun)) }
        return report
    }

    private mutating func take(_ offered: ValidatorRecord, dryRun: Bool) throws(StoreError) -> ImportReport.Validator {
        let high = try highWatermark()
        let results: [ResultTable]
        do throws(PostgreSQLError) {
            results = try begin(offered)
        } catch {
            guard case .server(let state, _) = error, SQLState.passes(state) else { throw .storage(reason: "\(error)") }
            let report = ImportReport.Validator(publicKey: offered.publicKey.description, outcome: .failed)
            return report.failed("another session of the database holds its lock; import the file again")
        }
        var editor = try history(of: offered.publicKey, results)
        let report = try editor.merge(offered, highWatermark: high)
        if dryRun || report.outcome == .failed {
            _ = try run([Self.rollback])
        } else {
            _ = try run(editor.statements(schema) + [Self.commit])
        }
        return report
    }

    /// Begins the transaction: the validator's row and locks first, then what the record has where the file has something.
    private mutating func begin(_ offered: ValidatorRecord) throws(PostgreSQLError) -> [ResultTable] {
        let key = PostgreSQLParameter.bytes(offered.publicKey.bytes.array)
        let slots = offered.blocks.map { Optional(Int64(clamping: $0.slot.value)) }
        let targets = offered.attestations.map { Optional(Int64(clamping: $0.target.value)) }
        return try attempt([
            Self.begin,
            PostgreSQLStatement(
                "SELECT \(schema.call("register_v1"))($1, '5s')",
                [.byteStrings([offered.publicKey.bytes.array])]
            ),
            PostgreSQLStatement(
                """
                SELECT id, pg_advisory_xact_lock(0, id) IS NULL, pg_advisory_xact_lock(1, id) IS NULL
                FROM \(schema.tables).validators WHERE public_key = $1
                """,
                [key]
            ),
            PostgreSQLStatement(
                """
                SELECT w.slot, w.source_epoch, w.target_epoch FROM \(schema.tables).low_watermarks AS w
                JOIN \(schema.tables).validators AS v ON v.id = w.validator_id WHERE v.public_key = $1
                """,
                [key]
            ),
            PostgreSQLStatement(
                """
                SELECT b.slot, b.signing_root FROM \(schema.tables).signed_blocks AS b
                JOIN \(schema.tables).validators AS v ON v.id = b.validator_id
                WHERE v.public_key = $1 AND b.slot = ANY($2::bigint[])
                """,
                [key, .int64s(slots)]
            ),
            PostgreSQLStatement(
                """
                SELECT a.source_epoch, a.target_epoch, a.signing_root FROM \(schema.tables).signed_attestations AS a
                JOIN \(schema.tables).validators AS v ON v.id = a.validator_id
                WHERE v.public_key = $1 AND a.target_epoch = ANY($2::bigint[])
                """,
                [key, .int64s(targets)]
            ),
        ])
    }

    /// What `begin` has read.
    private func history(of key: PublicKey, _ results: [ResultTable]) throws(StoreError) -> HistoryInMemory {
        guard results[2].rowCount == 1, let id = results[2].int32(0, 0) else {
            throw .storage(reason: "the row of validator \(key) has gone while it was imported")
        }
        var editor = HistoryInMemory(validator: id, watermarks: try watermarks(results[3]))
        for block in try blocks(results[4]) { editor.blocks[block.slot] = block }
        for attestation in try attestations(results[5]) { editor.attestations[attestation.target] = attestation }
        return editor
    }

    /// Gives histories from the low watermarks on, with an entry at a watermark that has none (`withMarks`).
    mutating func give(only: Set<RecordIdentity>?) throws(StoreError) -> Interchange {
        var histories: [ValidatorRecord] = []
        for validator in try validators() where only?.contains(RecordIdentity(validator.key)) ?? true {
            histories.append(try history(of: validator.id, validator.key))
        }
        return Interchange(genesisValidatorsRoot: settings.genesisValidatorsRoot, validators: histories)
    }

    private mutating func history(of id: Int32, _ key: PublicKey) throws(StoreError) -> ValidatorRecord {
        let low = "(SELECT * FROM \(schema.tables).low_watermarks WHERE validator_id = $1)"
        let results = try run([
            PostgreSQLStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            PostgreSQLStatement("SELECT slot, source_epoch, target_epoch FROM \(low) AS w", [.int32(id)]),
            PostgreSQLStatement(
                """
                SELECT b.slot, b.signing_root FROM \(schema.tables).signed_blocks AS b
                WHERE b.validator_id = $1 AND b.slot >= coalesce((SELECT w.slot FROM \(low) AS w), 0) ORDER BY b.slot
                """,
                [.int32(id)]
            ),
            PostgreSQLStatement(
                """
                SELECT a.source_epoch, a.target_epoch, a.signing_root FROM \(schema.tables).signed_attestations AS a
                WHERE a.validator_id = $1 AND a.target_epoch >= coalesce((SELECT w.target_epoch FROM \(low) AS w), 0)
                ORDER BY a.target_epoch
                """,
                [.int32(id)]
            ),
            PostgreSQLStatement(
                """
                SELECT max(a.source_epoch) FROM \(schema.tables).signed_attestations AS a
                WHERE a.validator_id = $1 AND a.target_epoch < (SELECT w.target_epoch FROM \(low) AS w)
                """,
                [.int32(id)]
            ), Self.commit,
        ])
        return ValidatorRecord(
            publicKey: key,
            blocks: try blocks(results[2]),
            attestations: try attestations(results[3])
        ).withMarks(try watermarks(results[1]), highestOlderSource: try unsigned(results[4], 0, 0).map { Epoch($0) })
    }

    // MARK: Rows

    private func watermarks(_ table: ResultTable) throws(StoreError) -> Watermarks {
        guard table.rowCount > 0 else { return Watermarks() }
        return Watermarks(
            slot: try unsigned(table, 0, 0).map { Slot($0) },
            source: try unsigned(table, 0, 1).map { Epoch($0) },
            target: try unsigned(table, 0, 2).map { Epoch($0) }
        )
    }

    private func blocks(_ table: ResultTable) throws(StoreError) -> [RecordedBlock] {
        var found: [RecordedBlock] = []
        for row in 0..<table.rowCount {
            guard let slot = try unsigned(table, row, 0) else { continue }
            found.append(
                RecordedBlock(slot: Slot(slot), root: table.bytes(row, 1).flatMap { Bytes($0) }.map { SigningRoot($0) })
            )
        }
        return found
    }

    private func attestations(_ table: ResultTable) throws(StoreError) -> [RecordedAttestation] {
        var found: [RecordedAttestation] = []
        for row in 0..<table.rowCount {
            guard let source = try unsigned(table, row, 0), let target = try unsigned(table, row, 1) else { continue }
            found.append(
                RecordedAttestation(
                    source: Epoch(source),
                    target: Epoch(target),
                    root: table.bytes(row, 2).flatMap { Bytes($0) }.map { SigningRoot($0) }
                )
            )
        }
        return found
    }
}

/// The part of a validator's history that an import touches, and what it changes.
private struct HistoryInMemory: HistoryEditor {
    let validator: Int32
    var watermarks: Watermarks
    var blocks: [Slot: RecordedBlock] = [:]
    var attestations: [Epoch: RecordedAttestation] = [:]
    private var changedBlocks: [Slot: Bool] = [:]
    private var changedAttestations: [Epoch: Bool] = [:]

    init(validator: Int32, watermarks: Watermarks) {
        self.validator = validator
        self.watermarks = watermarks
    }

    func block(at slot: Slot) throws(StoreError) -> RecordedBlock? { blocks[slot] }
    func attestation(target: Epoch) throws(StoreError) -> RecordedAttestation? { attestations[target] }

    mutating func add(_ block: RecordedBlock) throws(StoreError) {
        blocks[block.slot] = block
        changedBlocks[block.slot] = true
    }

    mutating func add(_ attestation: RecordedAttestation) throws(StoreError) {
        attestations[attestation.target] = attestation
        changedAttestations[attestation.target] = true
    }

    mutating func replace(_ block: RecordedBlock) throws(StoreError) { try add(block) }
    mutating func replace(_ attestation: RecordedAttestation) throws(StoreError) { try add(attestation) }

    /// What brings the database to this state. Watermarks only rise.
    func statements(_ schema: PostgreSQLSchema) -> [PostgreSQLStatement] {
        let blocks = changedBlocks.keys.sorted().compactMap { self.blocks[$0] }
        let attestations = changedAttestations.keys.sorted().compactMap { self.attestations[$0] }
        let isReversed = attestations.contains { $0.source > $0.target }
        func number(_ value: UInt64?) -> PostgreSQLParameter { value.map { .int64(Int64($0)) } ?? .null }
        return [
            PostgreSQLStatement(
                """
                INSERT INTO \(schema.tables).signed_blocks (validator_id, slot, signing_root)
                    SELECT $1, slot, root FROM unnest($2::bigint[], $3::bytea[]) AS n (slot, root)
                    ON CONFLICT (validator_id, slot) DO UPDATE SET signing_root = excluded.signing_root
                """,
                [
                    .int32(validator), .int64s(blocks.map { Int64($0.slot.value) }),
                    .byteStrings(blocks.map { $0.root?.bytes.array }),
                ]
            ),
            PostgreSQLStatement(
                """
                INSERT INTO \(schema.tables).signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                    SELECT $1, source, target, root
                    FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS n (source, target, root)
                    ON CONFLICT (validator_id, target_epoch) DO UPDATE
                        SET source_epoch = excluded.source_epoch, signing_root = excluded.signing_root
                """,
                [
                    .int32(validator), .int64s(attestations.map { Int64($0.source.value) }),
                    .int64s(attestations.map { Int64($0.target.value) }),
                    .byteStrings(attestations.map { $0.root?.bytes.array }),
                ]
            ),
            PostgreSQLStatement(
                """
                INSERT INTO \(schema.tables).low_watermarks AS w (validator_id, slot, source_epoch, target_epoch)
                    VALUES ($1, $2::bigint, $3::bigint, $4::bigint)
                    ON CONFLICT (validator_id) DO UPDATE SET slot = greatest(w.slot, excluded.slot),
                        source_epoch = greatest(w.source_epoch, excluded.source_epoch),
                        target_epoch = greatest(w.target_epoch, excluded.target_epoch)
                """,
                [
                    .int32(validator), number(watermarks.slot?.value), number(watermarks.source?.value),
                    number(watermarks.target?.value),
                ]
            ),
        ]
            + (isReversed
                ? [PostgreSQLStatement("UPDATE \(schema.call("floor")) SET has_reversed = true WHERE id = 1")] : [])
    }
}
