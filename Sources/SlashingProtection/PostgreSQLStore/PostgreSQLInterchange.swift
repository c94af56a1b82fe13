// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import PostgreSQL

extension PostgreSQLAdministrator {
    /// Takes histories: many validators in one transaction of two round trips, under both locks of each. Who waits for a
    /// lock waits alone: a validator whose locks another session holds is put off, and taken by itself afterwards.
    mutating func take(_ interchange: Interchange, dryRun: Bool) throws(StoreError) -> ImportReport {
        try interchange.refuse(unlessFor: settings.genesisValidatorsRoot)
        var report = ImportReport(dryRun: dryRun)
        report.unreadable = interchange.unreadable
        var position = 0
        while position < interchange.validators.count {
            let part = interchange.part(from: position)
            position = part.endIndex
            report.validators += try take(part, dryRun: dryRun)
        }
        return report
    }

    private mutating func take(
        _ part: ArraySlice<ValidatorRecord>,
        dryRun: Bool
    ) throws(StoreError) -> [ImportReport.Validator] {
        var reports: [ImportReport.Validator?]
        do throws(PostgreSQLError) {
            reports = try take(together: part, waits: false, dryRun: dryRun)
        } catch {
            guard case .server(let state, _) = error, SQLState.passes(state) else { throw .storage(reason: "\(error)") }
            reports = part.map { _ in nil }
        }
        var whole: [ImportReport.Validator] = []
        for (offered, report) in zip(part, reports) {
            if let report { whole.append(report) } else { whole.append(try takeAlone(offered, dryRun: dryRun)) }
        }
        return whole
    }

    private mutating func takeAlone(
        _ offered: ValidatorRecord,
        dryRun: Bool
    ) throws(StoreError) -> ImportReport.Validator {
        let failed = ImportReport.Validator(publicKey: offered.publicKey.description, outcome: .failed)
            .failed("another session of the database holds its lock; import the file again")
        do throws(PostgreSQLError) {
            let reports = try take(together: [offered], waits: true, dryRun: dryRun)
            return reports[0] ?? failed
        } catch {
            guard case .server(let state, _) = error, SQLState.passes(state) else { throw .storage(reason: "\(error)") }
            return failed
        }
    }

    /// One transaction. Nil stands for a validator whose locks were held by somebody else.
    private mutating func take(
        together part: ArraySlice<ValidatorRecord>,
        waits: Bool,
        dryRun: Bool
    ) throws(PostgreSQLError) -> [ImportReport.Validator?] {
        var standing = try begin(part, waits: waits)
        var reports: [ImportReport.Validator?] = []
        for offered in part {
            guard var history = standing.histories[offered.publicKey] else {
                reports.append(nil)
                continue
            }
            let before = history
            let report = history.merge(offered, highWatermark: standing.high)
            standing.histories[offered.publicKey] = report.outcome == .failed ? before : history
            reports.append(report)
        }
        let changes = HistoryChanges(standing.histories.values.sorted { $0.validator < $1.validator })
        _ = try attempt(dryRun ? [Self.rollback] : changes.statements(schema) + [Self.commit])
        return reports
    }

    /// What the record has where the file has something.
    private struct Standing {
        var high: HighWatermark?
        /// Of those whose locks are ours.
        var histories: [PublicKey: HistoryInMemory] = [:]
    }

    /// Begins the transaction: rows and locks first, then, in statements that are younger than the locks, what stands in
    /// the record.
    private mutating func begin(
        _ part: ArraySlice<ValidatorRecord>,
        waits: Bool
    ) throws(PostgreSQLError) -> Standing {
        // A key can come twice.
        var ranges: [PublicKey: (low: Watermarks, high: Watermarks)] = [:]
        for offered in part {
            let known = ranges[offered.publicKey]
            ranges[offered.publicKey] = (
                (known?.low ?? offered.lowest).lowered(to: offered.lowest),
                (known?.high ?? Watermarks()).raised(to: offered.highest)
            )
        }
        let keys = ranges.keys.sorted()
        let names = PostgreSQLParameter.byteStrings(keys.map { $0.bytes.array })
        func numbers(_ number: ((low: Watermarks, high: Watermarks)) -> UInt64?) -> PostgreSQLParameter {
            .int64s(keys.map { key in ranges[key].flatMap(number).map { Int64(clamping: $0) } })
        }
        let lock =
            waits
            ? "pg_advisory_xact_lock(0, id) IS NOT NULL AND pg_advisory_xact_lock(1, id) IS NOT NULL"
            : "pg_try_advisory_xact_lock(0, id) AND pg_try_advisory_xact_lock(1, id)"
        let given = "unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS n (key, low, high)"
        let results = try attempt([
            Self.begin, PostgreSQLStatement("SELECT \(schema.call("register_v1"))($1, '5s')", [names]),
            Self.byIndexOnly,
            PostgreSQLStatement(
                """
                SELECT id, public_key, \(lock) FROM (SELECT v.id, v.public_key FROM \(schema.tables).validators AS v
                    WHERE v.public_key = ANY($1) ORDER BY v.id OFFSET 0) AS given
                """,
                [names]
            ),
            PostgreSQLStatement(
                "SELECT high_watermark_slot, high_watermark_epoch FROM \(schema.tables).metadata WHERE id = 1"
            ),
            PostgreSQLStatement(
                """
                SELECT w.validator_id, w.slot, w.source_epoch, w.target_epoch FROM \(schema.tables).low_watermarks AS w
                JOIN \(schema.tables).validators AS v ON v.id = w.validator_id WHERE v.public_key = ANY($1)
                """,
                [names]
            ),
            PostgreSQLStatement(
                """
                SELECT b.validator_id, b.slot, b.signing_root FROM \(given)
                JOIN \(schema.tables).validators AS v ON v.public_key = n.key
                JOIN \(schema.tables).signed_blocks AS b ON b.validator_id = v.id AND b.slot BETWEEN n.low AND n.high
                """,
                [names, numbers { $0.low.slot?.value }, numbers { $0.high.slot?.value }]
            ),
            PostgreSQLStatement(
                """
                SELECT a.validator_id, a.source_epoch, a.target_epoch, a.signing_root FROM \(given)
                JOIN \(schema.tables).validators AS v ON v.public_key = n.key
                JOIN \(schema.tables).signed_attestations AS a
                    ON a.validator_id = v.id AND a.target_epoch BETWEEN n.low AND n.high
                """,
                [names, numbers { $0.low.target?.value }, numbers { $0.high.target?.value }]
            ),
        ])
        return try standing(results)
    }

    private func standing(_ results: [ResultTable]) throws(PostgreSQLError) -> Standing {
        var standing = Standing()
        if results[4].rowCount == 1, let slot = try results[4].unsigned(0, 0), let epoch = try results[4].unsigned(0, 1)
        {
            standing.high = HighWatermark(slot: Slot(slot), epoch: Epoch(epoch))
        }
        let marks = try results[5].watermarks()
        let blocks = try results[6].blocks()
        let attestations = try results[7].attestations()
        for (id, key, isOurs) in results[3].validators() where isOurs {
            var history = HistoryInMemory(validator: id, watermarks: marks[id] ?? Watermarks())
            for block in blocks[id] ?? [] { history.stands(block) }
            for attestation in attestations[id] ?? [] { history.stands(attestation) }
            standing.histories[key] = history
        }
        return standing
    }

    /// For the rest of the transaction. Without statistics, right after an import, the planner would rather read a whole
    /// table of millions of rows than look some validators up.
    static let byIndexOnly = PostgreSQLStatement(
        """
        SELECT set_config(name, 'off', true)
        FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']) AS given (name)
        """
    )
}

extension Watermarks {
    /// The lower of both, mark by mark.
    fileprivate func lowered(to other: Watermarks) -> Watermarks {
        Watermarks(
            slot: [slot, other.slot].compactMap(\.self).min(),
            source: [source, other.source].compactMap(\.self).min(),
            target: [target, other.target].compactMap(\.self).min()
        )
    }
}
