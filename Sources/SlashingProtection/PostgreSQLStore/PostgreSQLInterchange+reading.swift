// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import PostgreSQL

extension PostgreSQLAdministrator {
    mutating func outline() throws(StoreError) -> RecordOutline {
        RecordOutline(
            genesisValidatorsRoot: settings.genesisValidatorsRoot,
            validators: try validators().map { RecordIdentity($0.key) }
        )
    }

    /// Gives histories from the low watermarks on, with an entry at a watermark that has none (`withMarks`).
    mutating func give(_ wanted: [RecordIdentity]) throws(StoreError) -> Interchange {
        var histories: [ValidatorRecord] = []
        for part in parts(of: wanted) {
            let rows = try read(part, wholly: false)
            for validator in rows.validators {
                histories.append(
                    ValidatorRecord(
                        publicKey: validator.key,
                        blocks: rows.blocks[validator.id] ?? [],
                        attestations: rows.attestations[validator.id] ?? []
                    )
                    .withMarks(
                        rows.marks[validator.id] ?? Watermarks(),
                        highestOlderSource: rows.olderSources[validator.id]
                    )
                )
            }
        }
        return Interchange(genesisValidatorsRoot: settings.genesisValidatorsRoot, validators: histories)
    }

    /// Holds the rows of some validators against each other and against their marks.
    mutating func verify(_ wanted: [RecordIdentity]) throws(StoreError) -> VerificationReport {
        let high = try highWatermark()
        let floor = try run([PostgreSQLStatement("SELECT slot, epoch FROM \(schema.call("floor")) WHERE id = 1")])[0]
        var newcomers = Watermarks()
        if floor.rowCount == 1 {
            let epoch = try unsigned(floor, 0, 1).map { Epoch($0) }
            newcomers = Watermarks(slot: try unsigned(floor, 0, 0).map { Slot($0) }, source: epoch, target: epoch)
        }
        var report = VerificationReport()
        for part in parts(of: wanted) {
            let rows = try read(part, wholly: true)
            for validator in rows.validators {
                let entries = ValidatorRecord(
                    publicKey: validator.key,
                    blocks: rows.blocks[validator.id] ?? [],
                    attestations: rows.attestations[validator.id] ?? []
                )
                let low = rows.marks[validator.id] ?? Watermarks()
                report.append(StoredHistory(entries: entries, low: low, newcomers: newcomers), highWatermark: high)
            }
        }
        return report
    }

    /// Validators of one transaction: each may have many rows.
    private func parts(of wanted: [RecordIdentity]) -> [[PublicKey]] {
        stride(from: 0, to: wanted.count, by: 32).map { start in
            wanted[start..<min(start + 32, wanted.count)].map(\.publicKey)
        }
    }

    /// What stands there for some validators at one moment.
    private struct Rows {
        /// In the order that was asked for; those without a row are missing.
        var validators: [(id: Int32, key: PublicKey)] = []
        var marks: [Int32: Watermarks] = [:]
        var blocks: [Int32: [RecordedBlock]] = [:]
        var attestations: [Int32: [RecordedAttestation]] = [:]
        /// The highest source of the attestations below the low watermark.
        var olderSources: [Int32: Epoch] = [:]
    }

    private mutating func read(_ keys: [PublicKey], wholly: Bool) throws(StoreError) -> Rows {
        do throws(PostgreSQLError) {
            let results = try attempt(reading(keys, wholly: wholly))
            var rows = Rows()
            var ids: [PublicKey: Int32] = [:]
            for validator in results[2].validators() { ids[validator.key] = validator.id }
            rows.validators = keys.compactMap { key in ids[key].map { ($0, key) } }
            rows.marks = try results[3].watermarks()
            rows.blocks = try results[4].blocks()
            rows.attestations = try results[5].attestations()
            for row in 0..<results[6].rowCount {
                guard let id = results[6].int32(row, 0), let source = try results[6].unsigned(row, 1) else { continue }
                rows.olderSources[id] = Epoch(source)
            }
            return rows
        } catch {
            throw .storage(reason: "\(error)")
        }
    }

    private func reading(_ keys: [PublicKey], wholly: Bool) -> [PostgreSQLStatement] {
        let names = [PostgreSQLParameter.byteStrings(keys.map { $0.bytes.array })]
        let given = "\(schema.tables).validators AS v"
        let marks = "LEFT JOIN \(schema.tables).low_watermarks AS w ON w.validator_id = v.id"
        let these = "WHERE v.public_key = ANY($1)"
        return [
            PostgreSQLStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), Self.byIndexOnly,
            PostgreSQLStatement("SELECT v.id, v.public_key, v.enabled FROM \(given) \(these)", names),
            PostgreSQLStatement(
                "SELECT v.id, w.slot, w.source_epoch, w.target_epoch FROM \(given) \(marks) \(these)",
                names
            ),
            PostgreSQLStatement(
                """
                SELECT b.validator_id, b.slot, b.signing_root FROM \(given) \(marks)
                JOIN \(schema.tables).signed_blocks AS b ON b.validator_id = v.id
                    AND b.slot >= \(wholly ? "0" : "coalesce(w.slot, 0)")
                \(these) ORDER BY b.validator_id, b.slot
                """,
                names
            ),
            PostgreSQLStatement(
                """
                SELECT a.validator_id, a.source_epoch, a.target_epoch, a.signing_root FROM \(given) \(marks)
                JOIN \(schema.tables).signed_attestations AS a ON a.validator_id = v.id
                    AND a.target_epoch >= \(wholly ? "0" : "coalesce(w.target_epoch, 0)")
                \(these) ORDER BY a.validator_id, a.target_epoch
                """,
                names
            ),
            PostgreSQLStatement(
                """
                SELECT a.validator_id, max(a.source_epoch) FROM \(given) \(marks)
                JOIN \(schema.tables).signed_attestations AS a ON a.validator_id = v.id
                    AND a.target_epoch < w.target_epoch
                \(these) GROUP BY a.validator_id
                """,
                names
            ), Self.commit,
        ]
    }
}
