// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import PostgreSQL

/// The tables of a store in PostgreSQL, and the statements over them: `NAME_entries_v1` and, in one row, `NAME_revision_v1`.
///
/// The one row is what every change locks first. So changes come one after the other, in the order of their revisions, and
/// none becomes visible before those below it: a snapshot that shows a revision shows all that led to it.
struct SealedKeyTables: Sendable {
    private let name: String
    private let entries: String
    let header: String
    /// For one call, connecting left out.
    static let limit = Duration.seconds(5)
    /// Made on this side: the server answers, but cannot keep the keys as it is.
    static let unsuitable = "CC002"

    /// - Parameter name: it stands in SQL as it is. Small letters, digits and underscores after a first letter; at most 40,
    ///   which leaves room for what is put behind it (63 bytes).
    init(name: String) throws(SealedKeyError) {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let isPlain = name.utf8.allSatisfy { letters ~= $0 || digits ~= $0 || $0 == UInt8(ascii: "_") }
        guard isPlain, (1...40).contains(name.utf8.count), name.utf8.first.map({ letters ~= $0 }) == true,
            !name.hasPrefix("pg_")
        else {
            throw .unusable(
                reason: "\(name.debugDescription.prefix(60)) cannot be the name of a table: it must have at most 40 "
                    + "small letters, digits and underscores, begin with a letter, and not with pg_"
            )
        }
        self.name = name
        entries = "containment_chamber.\(name)_entries_v1"
        header = "containment_chamber.\(name)_revision_v1"
    }

    // MARK: Opening

    /// Looks whether the server can keep the keys; makes the tables.
    func prepare(_ connection: inout PostgreSQLConnection, createIfMissing: Bool) throws(PostgreSQLError) {
        let look = "SELECT to_regclass($1) IS NOT NULL, current_setting('fsync') = 'on', \(Self.isFenced)"
        let found = try connection.run(
            [PostgreSQLStatement(look, [.text(entries), .text(header)])],
            within: Self.limit
        )[0]
        guard found.bool(0, 1) == true else {
            throw .server(
                sqlState: Self.unsuitable,
                message: "the server runs with fsync = off; keys that it keeps can be lost. Turn it on"
            )
        }
        // A role that may not make tables can use what an administrator has made.
        if found.bool(0, 0) == true {
            if found.bool(0, 2) != true { try addFence(&connection) }
            return
        }
        guard createIfMissing else {
            throw .server(
                sqlState: Self.unsuitable,
                message: "there is no table \(entries); an empty one is only made where that is asked for"
            )
        }
        // Two instances that begin at once: IF NOT EXISTS alone is no protection, the lock is.
        try connection.execute(
            script: "BEGIN; SELECT pg_advisory_xact_lock(\(Self.migrationLock)); \(script) COMMIT;",
            within: .seconds(30)
        )
    }

    /// "CCSK".
    static let migrationLock: Int64 = 0x4343_534b

    private var script: String {
        var random = SystemRandomNumberGenerator()
        let store = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return """
            DO $$ BEGIN
                IF to_regnamespace('containment_chamber') IS NULL THEN CREATE SCHEMA containment_chamber; END IF;
            END $$;
            CREATE TABLE IF NOT EXISTS \(header) (
                id int PRIMARY KEY CHECK (id = 1),
                store_id bytea NOT NULL CHECK (octet_length(store_id) = 16),
                revision bigint NOT NULL,
                \(Self.fence)
            );
            INSERT INTO \(header) (id, store_id, revision) VALUES (1, '\\x\(Hex.encode(store, prefix: false))', 0)
                ON CONFLICT DO NOTHING;
            CREATE TABLE IF NOT EXISTS \(entries) (
                public_key bytea PRIMARY KEY CHECK (octet_length(public_key) = 48),
                version bigint NOT NULL CHECK (version > 0),
                revision bigint NOT NULL UNIQUE,
                status text NOT NULL CHECK (status IN ('active', 'inactive', 'deleted')),
                created_at bigint,
                updated_at bigint NOT NULL,
                key_generation bigint NOT NULL,
                key_name text,
                secret bytea,
                encrypted_mnemonic bytea,
                seal bytea NOT NULL,
                CHECK ((status = 'deleted') = (secret IS NULL)),
                CHECK ((status = 'deleted') = (created_at IS NULL))
            );
            """
    }

    // MARK: Reading

    func cursor(_ connection: inout PostgreSQLConnection) throws(PostgreSQLError) -> SealedKeyCursor {
        let table = try connection.run(
            [PostgreSQLStatement("SELECT store_id, revision FROM \(header) WHERE id = 1")],
            within: Self.limit
        )[0]
        return try cursor(table)
    }

    /// From the first two columns of the first row.
    private func cursor(_ table: ResultTable) throws(PostgreSQLError) -> SealedKeyCursor {
        guard table.rowCount > 0, let store = table.bytes(0, 0).flatMap({ Bytes<16>($0) }),
            let revision = table.int64(0, 1)
        else { throw .server(sqlState: Self.unsuitable, message: "the row of \(header) is gone") }
        return SealedKeyCursor(store: store, revision: UInt64(clamping: revision))
    }

    func rows(
        _ connection: inout PostgreSQLConnection,
        after publicKey: Bytes<48>?,
        limit: Int,
        _ statuses: Set<SealedKeyStatus>
    ) throws(PostgreSQLError) -> [SealedKeyRow] {
        guard !statuses.isEmpty else { return [] }
        let list = statuses.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let results = try connection.run(
            [
                PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"),
                // A table that was only just filled has no statistics: the server would take nearly all of it for another
                // status, and sort the whole rest for each page.
                PostgreSQLStatement("SET LOCAL enable_sort = off"),
                // An empty key stands before all others.
                PostgreSQLStatement(
                    """
                    SELECT \(SealedKeyColumns.list) FROM \(entries) e WHERE public_key > $1 AND status IN (\(list))
                        ORDER BY public_key LIMIT $2
                    """,
                    [.bytes(publicKey?.array ?? []), .int64(Int64(limit))]
                ), PostgreSQLStatement("COMMIT"),
            ],
            within: Self.limit
        )
        return try SealedKeyColumns.entries(results[2]).compactMap(\.row)
    }

    func entries(
        _ connection: inout PostgreSQLConnection,
        of publicKeys: [Bytes<48>]
    ) throws(PostgreSQLError) -> [SealedKeyEntry] {
        let table = try connection.run(
            [
                PostgreSQLStatement(
                    """
                    SELECT \(SealedKeyColumns.list) FROM unnest($1::bytea[]) WITH ORDINALITY AS k (public_key, place)
                        JOIN \(entries) e USING (public_key) ORDER BY k.place
                    """,
                    [.byteStrings(publicKeys.map { $0.array })]
                )
            ],
            within: Self.limit
        )[0]
        return try SealedKeyColumns.entries(table)
    }

    /// One statement: one snapshot of the revision and what belongs to it.
    func changes(
        _ connection: inout PostgreSQLConnection,
        after cursor: SealedKeyCursor,
        limit: Int
    ) throws(PostgreSQLError) -> SealedKeyChanges {
        let table = try connection.run(
            [
                PostgreSQLStatement(
                    """
                    SELECT h.store_id, h.revision, e.revision, \(SealedKeyColumns.list) FROM \(header) h LEFT JOIN LATERAL
                        (SELECT * FROM \(entries) WHERE revision > $1 ORDER BY revision LIMIT $2) e ON true
                        WHERE h.id = 1 ORDER BY e.revision
                    """,
                    [.int64(Int64(clamping: cursor.revision)), .int64(Int64(limit))]
                )
            ],
            within: Self.limit
        )[0]
        let now = try self.cursor(table)
        guard now.store == cursor.store, now.revision >= cursor.revision else { return .reload }
        guard now.revision > cursor.revision else { return .unchanged }
        // Without any the join gives one row of nothing.
        let isEmpty = table.isNull(0, 2)
        let last = UInt64(clamping: table.int64(table.rowCount - 1, 2) ?? 0)
        return .changed(
            isEmpty ? [] : try SealedKeyColumns.entries(table, from: 3),
            SealedKeyCursor(store: now.store, revision: table.rowCount < limit ? now.revision : last)
        )
    }

    func count(_ connection: inout PostgreSQLConnection) throws(PostgreSQLError) -> SealedKeyCount {
        let table = try connection.run(
            [
                PostgreSQLStatement(
                    """
                    SELECT count(*) FILTER (WHERE status = 'active'), count(*) FILTER (WHERE status = 'inactive')
                        FROM \(entries)
                    """
                )
            ],
            within: Self.limit
        )[0]
        return SealedKeyCount(
            active: UInt64(clamping: table.int64(0, 0) ?? 0),
            inactive: UInt64(clamping: table.int64(0, 1) ?? 0)
        )
    }

    // MARK: Changing

    /// One transaction; no key twice.
    func apply(
        _ connection: inout PostgreSQLConnection,
        _ changes: [SealedKeyChange]
    ) throws(PostgreSQLError) -> [SealedKeyOutcome] {
        let (revision, decisions) = try decide(&connection, changes)
        let writes = zip(changes, decisions).filter { $1 == .write }.map(\.0.entry)
        var statements: [PostgreSQLStatement] = []
        if !writes.isEmpty {
            statements.append(SealedKeyColumns.write(writes, to: entries, firstRevision: revision + 1))
        }
        // Also where everything was done before: the commit of a transaction without a write waits for nothing, and what it
        // has found may not have reached the disk, or the standbys, yet.
        statements.append(
            PostgreSQLStatement(
                "UPDATE \(header) SET revision = $1 WHERE id = 1",
                [.int64(revision + Int64(writes.count))]
            )
        )
        statements.append(PostgreSQLStatement("COMMIT"))
        let results = try connection.run(statements, within: Self.limit)
        guard results.last?.commandTag == "COMMIT" else { throw .lost(reason: "the server did not commit") }
        return decisions.map(\.outcome)
    }

    /// Takes the lock, then reads: under read committed the second statement sees what its former holder has just written.
    /// Only what stands in the way is fetched.
    private func decide(
        _ connection: inout PostgreSQLConnection,
        _ changes: [SealedKeyChange]
    ) throws(PostgreSQLError) -> (revision: Int64, decisions: [ChangeDecision]) {
        let results = try connection.run(
            Self.beginning + [
                PostgreSQLStatement("SELECT revision, least_generation FROM \(header) WHERE id = 1 FOR UPDATE"),
                PostgreSQLStatement(
                    """
                    SELECT k.place, \(SealedKeyColumns.list)
                        FROM unnest($1::bytea[], $2::int8[]) WITH ORDINALITY AS k (public_key, expected, place)
                        LEFT JOIN \(entries) e ON e.public_key = k.public_key
                        WHERE coalesce(e.version, 0) <> k.expected ORDER BY k.place
                    """,
                    [
                        .byteStrings(changes.map { $0.entry.publicKey.array }),
                        .int64s(changes.map { Int64(clamping: $0.expected) }),
                    ]
                ),
            ],
            within: Self.limit
        )
        guard results[4].rowCount == 1, let revision = results[4].int64(0, 0), let least = results[4].int64(0, 1) else {
            throw .server(sqlState: Self.unsuitable, message: "the row of \(header) is gone")
        }
        let fence = UInt64(clamping: least)
        var decisions = changes.map { $0.entry.keyGeneration < fence ? ChangeDecision.outdated : .write }
        for row in 0..<results[5].rowCount {
            guard let place = results[5].int64(row, 0).map({ Int($0) - 1 }) else { continue }
            let standing = try results[5].isNull(row, 1) ? nil : SealedKeyColumns.entry(results[5], row, from: 1)
            decisions[place] = changes[place].decision(over: standing, fence: fence)
        }
        return (revision, decisions)
    }
}
