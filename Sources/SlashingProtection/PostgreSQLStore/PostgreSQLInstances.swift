// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import PostgreSQL

extension PostgreSQLAdministrator {
    /// Does what the floor asks for, in one transaction.
    mutating func perform(_ task: FloorTask) throws(StoreError) -> FloorAnswer {
        switch task {
        case .compare(let marks): return .comparison(try compare(marks))
        case .register(let instance):
            try register(instance)
            return .registered
        case .merge(let merge):
            try merge.refuse(above: highWatermark())
            return .merged(try self.merge(merge))
        }
    }

    // MARK: Comparing

    private mutating func compare(_ marks: [FloorMark]) throws(StoreError) -> RecordComparison {
        let reading = [readInstances, readRecovery, readWhetherHistory]
        let results = try runOnCurrent { [database] incarnation in
            [
                PostgreSQLStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
                database.identityStatement(expected: incarnation),
            ] + reading
        }
        var comparison = RecordComparison(
            recovery: try recovery(results[2], results[3]),
            hasHistory: results[4].bool(0, 0) == true,
            identity: try identity(results[1])
        )
        var rest = marks[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(2_000))
            rest = rest.dropFirst(2_000)
            try hold(part, &comparison)
        }
        _ = try run([Self.commit])
        return comparison
    }

    /// The highest source is taken from the row with the highest target: only a slashable history has it elsewhere.
    private mutating func hold(_ marks: [FloorMark], _ comparison: inout RecordComparison) throws(StoreError) {
        let table = try run([
            PostgreSQLStatement(
                """
                SELECT coalesce(w.slot, f.slot), coalesce(w.source_epoch, f.epoch), coalesce(w.target_epoch, f.epoch),
                    b.slot, a.source_epoch, a.target_epoch,
                    EXISTS (SELECT FROM \(schema.tables).signed_blocks AS r
                            WHERE r.validator_id = v.id AND r.slot = m.slot::numeric),
                    EXISTS (SELECT FROM \(schema.tables).signed_attestations AS r
                            WHERE r.validator_id = v.id AND r.target_epoch = m.target::numeric)
                FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS m (key, slot, target, place)
                LEFT JOIN \(schema.tables).validators AS v ON v.public_key = m.key
                LEFT JOIN \(schema.tables).low_watermarks AS w ON w.validator_id = v.id
                LEFT JOIN \(schema.call("floor")) AS f ON f.id = 1
                LEFT JOIN LATERAL (SELECT r.slot FROM \(schema.tables).signed_blocks AS r
                                   WHERE r.validator_id = v.id ORDER BY r.slot DESC LIMIT 1) AS b ON true
                LEFT JOIN LATERAL (SELECT r.source_epoch, r.target_epoch FROM \(schema.tables).signed_attestations AS r
                                   WHERE r.validator_id = v.id ORDER BY r.target_epoch DESC LIMIT 1) AS a ON true
                ORDER BY m.place
                """,
                [
                    .byteStrings(marks.map { $0.record.publicKey.bytes.array }),
                    .int64s(marks.map { $0.marks.slot.map { Int64(clamping: $0.value) } }),
                    .int64s(marks.map { $0.marks.target.map { Int64(clamping: $0.value) } }),
                ]
            )
        ])[0]
        guard table.rowCount == marks.count else {
            throw .storage(reason: "the database compared \(table.rowCount) of \(marks.count) marks")
        }
        for (row, mark) in marks.enumerated() {
            comparison.hold(
                mark,
                recorded: try watermarks(table, row, 3),
                low: try watermarks(table, row, 0),
                hasSlot: mark.marks.slot == nil || table.bool(row, 6) == true,
                hasTarget: mark.marks.target == nil || table.bool(row, 7) == true
            )
        }
    }

    /// Slot, source and target from a column on.
    private func watermarks(_ table: ResultTable, _ row: Int, _ column: Int) throws(StoreError) -> Watermarks {
        Watermarks(
            slot: try unsigned(table, row, column).map { Slot($0) },
            source: try unsigned(table, row, column + 1).map { Epoch($0) },
            target: try unsigned(table, row, column + 2).map { Epoch($0) }
        )
    }

    private var readWhetherHistory: PostgreSQLStatement {
        PostgreSQLStatement(
            """
            SELECT EXISTS (SELECT FROM \(schema.tables).signed_blocks)
                OR EXISTS (SELECT FROM \(schema.tables).signed_attestations)
                OR EXISTS (SELECT FROM \(schema.tables).low_watermarks)
                OR EXISTS (SELECT FROM \(schema.call("floor")) WHERE slot IS NOT NULL OR epoch IS NOT NULL)
            """
        )
    }

    // MARK: Instances

    private var readInstances: PostgreSQLStatement {
        PostgreSQLStatement(
            "SELECT identifier, name, merged FROM \(schema.call("instances")) ORDER BY name, identifier"
        )
    }

    private var readRecovery: PostgreSQLStatement {
        PostgreSQLStatement("SELECT number FROM \(schema.call("recovery")) WHERE id = 1")
    }

    private func recovery(_ instances: ResultTable, _ number: ResultTable) throws(StoreError) -> RecoveryList {
        guard number.rowCount == 1, let last = number.int64(0, 0) else {
            throw .storage(
                reason: "the list of recoveries in \(settings.connection) is empty; run anti-slashing migrate"
            )
        }
        var known: [KnownInstance] = []
        for row in 0..<instances.rowCount {
            guard let bytes = instances.bytes(row, 0), let identifier = Bytes<16>(bytes) else { continue }
            let instance = FloorInstance(identifier: identifier, name: instances.text(row, 1) ?? "")
            known.append(KnownInstance(instance, merged: UInt64(clamping: instances.int64(row, 2) ?? 0)))
        }
        return RecoveryList(number: UInt64(clamping: last), instances: known)
    }

    /// Begins a transaction in which nobody else changes the list.
    private mutating func beginWithList() throws(StoreError) -> RecoveryList {
        let results = try run([
            Self.begin, PostgreSQLStatement("SELECT \(schema.call("prepare_v1"))('5s')"),
            PostgreSQLStatement("LOCK TABLE \(schema.call("instances")) IN SHARE ROW EXCLUSIVE MODE"), readInstances,
            readRecovery,
        ])
        return try recovery(results[3], results[4])
    }

    private func write(_ list: RecoveryList) -> [PostgreSQLStatement] {
        var statements = [PostgreSQLStatement("DELETE FROM \(schema.call("instances"))")]
        for known in list.instances {
            statements.append(
                PostgreSQLStatement(
                    "INSERT INTO \(schema.call("instances")) (identifier, name, merged) VALUES ($1, $2, $3)",
                    [
                        .bytes(known.instance.identifier.array), .text(known.instance.name),
                        .int64(Int64(clamping: known.merged)),
                    ]
                )
            )
        }
        statements.append(
            PostgreSQLStatement(
                "UPDATE \(schema.call("recovery")) SET number = $1 WHERE id = 1",
                [.int64(Int64(clamping: list.number))]
            )
        )
        return statements
    }

    private mutating func register(_ instance: FloorInstance) throws(StoreError) {
        var list = try beginWithList()
        let merged = list[instance.identifier]?.merged ?? list.number
        list.instances.removeAll { $0.instance.identifier == instance.identifier }
        list.instances.append(KnownInstance(instance, merged: merged))
        _ = try run(write(list) + [Self.commit])
    }

    /// Raises the low watermarks and writes the list.
    private mutating func merge(_ merge: FloorMerge) throws(StoreError) -> FloorMergeReport {
        let list = merge.applied(to: try beginWithList())
        let keys = PostgreSQLParameter.byteStrings(merge.marks.map { $0.record.publicKey.bytes.array })
        var statements = [
            PostgreSQLStatement("SELECT \(schema.call("register_v1"))($1, '5s')", [keys]),
            raise(
                "SELECT v.id, m.slot, m.source, m.target FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[]) "
                    + "AS m (key, slot, source, target) JOIN \(schema.tables).validators AS v ON v.public_key = m.key",
                [
                    keys, .int64s(merge.marks.map { $0.marks.slot.map { Int64(clamping: $0.value) } }),
                    .int64s(merge.marks.map { $0.marks.source.map { Int64(clamping: $0.value) } }),
                    .int64s(merge.marks.map { $0.marks.target.map { Int64(clamping: $0.value) } }),
                ]
            ),
        ]
        if let floor = merge.clockFloor { statements += raiseAll(to: floor) }
        statements += disown(merge.marks.map { ($0.record.publicKey, $0.marks) }, clockFloor: merge.clockFloor)
        // Every row of every validator may be written.
        let results = try run(
            statements + write(list) + [Self.commit, database.identityStatement(expected: nil)],
            within: .seconds(900)
        )
        var raised: Set<Int32> = []
        for table in [results[1]] + (merge.clockFloor == nil ? [] : [results[3]]) {
            for row in 0..<table.rowCount { if let id = table.int32(row, 0) { raised.insert(id) } }
        }
        return FloorMergeReport(
            raised: raised.count,
            recovery: list,
            identity: try identity(results[results.count - 1])
        )
    }

    /// Forgets which messages the entries were that could stand against something behind the marks: a database that had
    /// gone back may have taken them without anybody releasing them, and as repeats they would pass. The entries stay, and
    /// refuse every message in their place.
    private func disown(_ marks: [(PublicKey, Watermarks)], clockFloor: Watermarks?) -> [PostgreSQLStatement] {
        func number(_ value: UInt64?) -> Int64? { value.map { Int64(clamping: $0) } }
        func parameters(_ mark: (Watermarks) -> UInt64?) -> [PostgreSQLParameter] {
            [
                .int64s(marks.map { number(mark($0.1)) }),
                number(clockFloor.flatMap(mark)).map { PostgreSQLParameter.int64($0) } ?? .null,
            ]
        }
        let keys = PostgreSQLParameter.byteStrings(marks.map { $0.0.bytes.array })
        return [
            PostgreSQLStatement(
                """
                UPDATE \(schema.tables).signed_blocks AS b SET signing_root = NULL
                FROM \(schema.tables).validators AS v
                    LEFT JOIN unnest($1::bytea[], $2::bigint[]) AS m (key, slot) ON m.key = v.public_key
                WHERE b.validator_id = v.id AND b.signing_root IS NOT NULL AND b.slot <= greatest(m.slot, $3::bigint)
                """,
                [keys] + parameters { $0.slot?.value }
            ),
            PostgreSQLStatement(
                """
                UPDATE \(schema.tables).signed_attestations AS a SET signing_root = NULL
                FROM \(schema.tables).validators AS v
                    LEFT JOIN unnest($1::bytea[], $2::bigint[], $4::bigint[]) AS m (key, target, source)
                        ON m.key = v.public_key
                WHERE a.validator_id = v.id AND a.signing_root IS NOT NULL
                    AND (a.target_epoch <= greatest(m.target, $3::bigint) OR a.source_epoch < greatest(m.source, $5::bigint))
                """,
                [keys] + parameters { $0.target?.value } + parameters { $0.source?.value }
            ),
        ]
    }

    /// The clock floor, for those to come and for all that are there. The floor of those to come has one epoch for both.
    private func raiseAll(to floor: Watermarks) -> [PostgreSQLStatement] {
        func number(_ value: UInt64?) -> PostgreSQLParameter { value.map { .int64(Int64(clamping: $0)) } ?? .null }
        let epoch = [floor.source, floor.target].compactMap(\.self).max()
        return [
            PostgreSQLStatement(
                "UPDATE \(schema.call("floor")) SET slot = greatest(slot, $1::bigint), epoch = greatest(epoch, $2::bigint)",
                [number(floor.slot?.value), number(epoch?.value)]
            ),
            raise(
                "SELECT v.id, $1::bigint, $2::bigint, $3::bigint FROM \(schema.tables).validators AS v",
                [number(floor.slot?.value), number(floor.source?.value), number(floor.target?.value)]
            ),
        ]
    }

    /// Raises low watermarks to rows of validator, slot, source and target; gives those that rose. A row names both epochs
    /// or none.
    private func raise(_ rows: String, _ parameters: [PostgreSQLParameter]) -> PostgreSQLStatement {
        PostgreSQLStatement(
            """
            INSERT INTO \(schema.tables).low_watermarks AS w (validator_id, slot, source_epoch, target_epoch)
                SELECT id, slot, CASE WHEN coalesce(source, target) IS NOT NULL THEN coalesce(source, 0) END,
                    CASE WHEN coalesce(source, target) IS NOT NULL THEN coalesce(target, 0) END
                FROM (\(rows)) AS r (id, slot, source, target) ORDER BY id
                ON CONFLICT (validator_id) DO UPDATE SET slot = greatest(w.slot, excluded.slot),
                    source_epoch = greatest(w.source_epoch, excluded.source_epoch),
                    target_epoch = greatest(w.target_epoch, excluded.target_epoch)
                WHERE (w.slot, w.source_epoch, w.target_epoch) IS DISTINCT FROM (
                    greatest(w.slot, excluded.slot), greatest(w.source_epoch, excluded.source_epoch),
                    greatest(w.target_epoch, excluded.target_epoch))
                RETURNING validator_id
            """,
            parameters
        )
    }

    private func identity(_ table: ResultTable) throws(StoreError) -> DatabaseIdentity {
        do throws(PostgreSQLError) { return try database.incarnation(table).identity } catch {
            throw .storage(reason: "\(error)")
        }
    }
}
