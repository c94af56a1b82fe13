// SPDX-License-Identifier: Apache-2.0
internal import PostgreSQL

/// The statements over the tables of a state.
enum StateTables {
    /// `signer_state_v1`: the one header row is what every change locks first, so that changes come one after the other and
    /// revisions have no gaps that somebody could be behind.
    private static let script = """
        CREATE SCHEMA IF NOT EXISTS containment_chamber;
        CREATE TABLE IF NOT EXISTS containment_chamber.signer_state_header_v1 (
            id int PRIMARY KEY CHECK (id = 1),
            revision bigint NOT NULL
        );
        INSERT INTO containment_chamber.signer_state_header_v1 (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING;
        CREATE TABLE IF NOT EXISTS containment_chamber.signer_state_rows_v1 (
            kind text NOT NULL,
            name text NOT NULL,
            version bigint NOT NULL CHECK (version > 0),
            revision bigint NOT NULL,
            body bytea,
            PRIMARY KEY (kind, name)
        );
        CREATE INDEX IF NOT EXISTS signer_state_rows_v1_revision
            ON containment_chamber.signer_state_rows_v1 (revision);
        """

    static func prepare(_ connection: inout PostgreSQLConnection) throws(PostgreSQLError) {
        let found = try connection.run(
            [PostgreSQLStatement("SELECT to_regclass('containment_chamber.signer_state_rows_v1') IS NOT NULL")],
            within: .seconds(10)
        )
        // A role that may not make schemas can use what an administrator has made.
        if found[0].bool(0, 0) == true { return }
        // Two instances that begin at once: IF NOT EXISTS alone is no protection, the lock is.
        try connection.execute(
            script: "BEGIN; SELECT pg_advisory_xact_lock(7234119850317); \(script) COMMIT;",
            within: .seconds(30)
        )
    }

    /// One statement: one snapshot.
    static func read(
        _ connection: inout PostgreSQLConnection,
        after revision: UInt64,
        within limit: Duration
    ) throws(PostgreSQLError) -> StateReading {
        let sql = """
            SELECT h.revision, r.kind, r.name, r.version, r.revision, r.body
                FROM containment_chamber.signer_state_header_v1 h
                LEFT JOIN containment_chamber.signer_state_rows_v1 r ON r.revision > $1
                ORDER BY r.kind COLLATE "C", r.name COLLATE "C"
            """
        let table = try connection.run([PostgreSQLStatement(sql, [.int64(Int64(clamping: revision))])], within: limit)[
            0
        ]
        guard table.rowCount > 0, let now = table.int64(0, 0) else {
            throw .server(sqlState: "42P01", message: "the header of the signer state is gone")
        }
        var rows: [StateRow] = []
        for row in 0..<table.rowCount {
            guard let kind = table.text(row, 1), let name = table.text(row, 2), let version = table.int64(row, 3),
                let changed = table.int64(row, 4)
            else { continue }
            rows.append(
                StateRow(
                    name: StateRowName(kind, name),
                    version: UInt64(version),
                    revision: UInt64(changed),
                    body: table.bytes(row, 5)
                )
            )
        }
        return StateReading(revision: UInt64(now), rows: rows)
    }

    static func apply(
        _ connection: inout PostgreSQLConnection,
        _ changes: [StateChange],
        within limit: Duration
    ) throws(PostgreSQLError) -> StateOutcome {
        // Read committed: the second statement sees what the holder of the header's lock has just written.
        let header = "SELECT revision FROM containment_chamber.signer_state_header_v1 WHERE id = 1 FOR UPDATE"
        let versions = """
            SELECT version, body IS NULL FROM containment_chamber.signer_state_rows_v1 WHERE kind = $1 AND name = $2
            """
        let read = try connection.run(
            [
                PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED"),
                PostgreSQLStatement("SET LOCAL synchronous_commit = on"),
                PostgreSQLStatement("SET LOCAL lock_timeout = '4s'"), PostgreSQLStatement(header),
            ] + changes.map { PostgreSQLStatement(versions, [.text($0.name.kind), .text($0.name.name)]) },
            within: limit
        )
        guard let revision = read[3].int64(0, 0) else {
            throw .server(sqlState: "42P01", message: "the header of the signer state is gone")
        }
        var writes: [PostgreSQLStatement] = []
        for (change, found) in zip(changes, read.dropFirst(4)) {
            let version = found.rowCount == 0 ? 0 : found.int64(0, 0) ?? 0
            let isDeleted = found.rowCount == 0 || found.bool(0, 1) == true
            guard change.expected == (isDeleted ? 0 : UInt64(version)) else {
                _ = try connection.run([PostgreSQLStatement("ROLLBACK")], within: limit)
                return .conflict(change.name)
            }
            guard version < .max, revision < .max else {
                _ = try connection.run([PostgreSQLStatement("ROLLBACK")], within: limit)
                return .exhausted(change.name)
            }
            writes.append(write(change, version: version + 1, revision: revision + 1))
        }
        writes.append(
            PostgreSQLStatement(
                "UPDATE containment_chamber.signer_state_header_v1 SET revision = $1 WHERE id = 1",
                [.int64(revision + 1)]
            )
        )
        writes.append(PostgreSQLStatement("COMMIT"))
        _ = try connection.run(writes, within: limit)
        return .applied(UInt64(revision + 1))
    }

    private static func write(_ change: StateChange, version: Int64, revision: Int64) -> PostgreSQLStatement {
        let sql = """
            INSERT INTO containment_chamber.signer_state_rows_v1 (kind, name, version, revision, body)
                VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (kind, name) DO UPDATE SET version = $3, revision = $4, body = $5
            """
        return PostgreSQLStatement(
            sql,
            [
                .text(change.name.kind), .text(change.name.name), .int64(version), .int64(revision),
                change.body.map { .bytes($0) } ?? .null,
            ]
        )
    }
}
