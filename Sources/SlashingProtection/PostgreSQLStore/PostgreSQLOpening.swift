// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Encoding
internal import PostgreSQL

/// Whether a database can keep the record, and making it so.
extension PostgreSQLDatabase {
    /// Connects for the first time; makes what is missing where the settings allow it. Our own schema beside current tables
    /// needs no leave: nobody else uses it.
    func prepare() throws(StoreError) -> PostgreSQLConnection {
        var session = try connect()
        try refuseOtherSchema(&session)
        if !settings.migrates { try refuseOldTables(&session) }
        let isThere = try pinnedRoot(&session) != nil
        guard isThere || settings.createIfMissing else { throw .missing(path: settings.connection.description) }
        let isCurrent = try version(&session) == PostgreSQLSchema.version
        let hasFunctions = try hasFunctions(&session)
        if !isCurrent || !hasFunctions { try migrate(&session) }
        if !isThere { try pin(&session) }
        return session
    }

    /// Tables of an older version belong to a signer that may be running on them: they are changed only where an operator
    /// says so.
    func refuseOldTables(_ session: inout PostgreSQLConnection) throws(StoreError) {
        guard let found = try version(&session), found < PostgreSQLSchema.version else { return }
        throw .refused(
            reason: "the tables in \(settings.connection) are of an older schema of Web3Signer "
                + "(\(found == 0 ? "before version 7" : "version \(found)")), this program needs version "
                + "\(PostgreSQLSchema.version); stop the Web3Signer that uses them, then run "
                + "`containment-chamber anti-slashing migrate`, or set anti_slashing.migrate: true"
        )
    }

    /// Two records for the same keys, one of them empty, would be worse than none: the schema of the tables is one plain
    /// name, and it is the one in which other programs of this role find them too.
    func refuseOtherSchema(_ session: inout PostgreSQLConnection) throws(StoreError) {
        let found = try query(
            &session,
            """
            SELECT current_schema()::text, (SELECT relnamespace::regnamespace::text FROM pg_class
                                            WHERE oid = to_regclass('signed_blocks')),
                to_regclass($1) IS NOT NULL
            """,
            [.text("\(schema.tables).signed_blocks")]
        )
        let isThere = found.bool(0, 2) == true
        guard let other = found.text(0, 1) ?? (isThere ? nil : found.text(0, 0)), other != schema.tables else { return }
        throw .refused(
            reason:
                "the search_path of this role in \(settings.connection) leads to the tables of schema \(other), but "
                + "anti_slashing.url names the schema \(schema.tables); add currentSchema=\(other) to the URL, or change the "
                + "role's search_path"
        )
    }

    /// Whether the database can keep the record: its version, its network, and that it is durable and no standby.
    func check(_ session: inout PostgreSQLConnection) throws(StoreError) {
        let place = settings.connection.description
        try refuseOtherSchema(&session)
        let found = try version(&session)
        guard found == PostgreSQLSchema.version else {
            throw .unknownVersion(
                path: place,
                found: found.map { "\($0)" } ?? "none",
                known: Int(PostgreSQLSchema.version)
            )
        }
        guard try hasFunctions(&session) else {
            throw .storage(
                reason: "the functions of schema \(schema.own) are missing in \(place); run anti-slashing migrate"
            )
        }
        guard let pinned = try pinnedRoot(&session) else { throw .missing(path: place) }
        guard pinned == settings.genesisValidatorsRoot else {
            throw .otherNetwork(path: place, pinned: pinned, configured: settings.genesisValidatorsRoot)
        }
        let server = try query(&session, "SELECT current_setting('fsync') = 'on', pg_is_in_recovery()")
        guard server.bool(0, 0) == true else {
            throw .storage(
                reason: "the server of \(place) runs with fsync = off; what it records can be lost. Turn it on"
            )
        }
        guard server.bool(0, 1) == false else {
            throw .storage(reason: "\(place) is a standby; the record is checked on the primary only")
        }
    }

    /// What `database_version` says; 0 for tables of the time before it, nil where there is no table at all.
    func version(_ session: inout PostgreSQLConnection) throws(StoreError) -> Int32? {
        if try !exists("database_version", &session) {
            guard try exists("validators", &session) else { return nil }
            // All tables are made in one transaction, which may have ended between the two looks.
            guard try exists("database_version", &session) else { return 0 }
        }
        let table = try query(&session, "SELECT version FROM \(schema.tables).database_version WHERE id = 1")
        return table.rowCount == 1 ? table.int32(0, 0) : 0
    }

    /// The network that the record belongs to; nil where there is no record yet.
    func pinnedRoot(_ session: inout PostgreSQLConnection) throws(StoreError) -> Root? {
        guard try exists("metadata", &session) else { return nil }
        let table = try query(&session, "SELECT genesis_validators_root FROM \(schema.tables).metadata WHERE id = 1")
        guard table.rowCount == 1, let bytes = table.bytes(0, 0) else { return nil }
        guard let root = Bytes(bytes).map({ Root($0) }) else {
            throw .storage(
                reason: "the genesis validators root in \(settings.connection) has \(bytes.count) bytes, not 32"
            )
        }
        return root
    }

    /// Pins the record to the network, unless another signer was first; `check` compares.
    func pin(_ session: inout PostgreSQLConnection) throws(StoreError) {
        do throws(PostgreSQLError) {
            _ = try session.run(
                [
                    PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
                    PostgreSQLStatement(
                        """
                        INSERT INTO \(schema.tables).metadata (id, genesis_validators_root) VALUES (1, $1)
                            ON CONFLICT DO NOTHING
                        """,
                        [.bytes(settings.genesisValidatorsRoot.bytes.array)]
                    ), PostgreSQLStatement("COMMIT"),
                ],
                within: settings.callLimit
            )
        } catch {
            throw .storage(reason: "\(error)")
        }
    }

    /// Brings tables and functions up to date, in one transaction; signers that start together wait for each other.
    func migrate(_ session: inout PostgreSQLConnection) throws(StoreError) {
        try refuseOtherSchema(&session)
        if let found = try version(&session), found > PostgreSQLSchema.version {
            throw .unknownVersion(
                path: settings.connection.description,
                found: "\(found)",
                known: Int(PostgreSQLSchema.version)
            )
        }
        let isCurrent = try version(&session) == PostgreSQLSchema.version
        do throws(PostgreSQLError) {
            try session.execute(
                script: """
                    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
                    SELECT pg_advisory_xact_lock(\(PostgreSQLSchema.migrationLock));
                    \(isCurrent ? "" : schema.migration)
                    \(schema.functions)
                    COMMIT;
                    """,
                within: .seconds(600)
            )
        } catch {
            throw .storage(
                reason:
                    "the tables in \(settings.connection) could not be brought to version \(PostgreSQLSchema.version): \(error). "
                    + "Run `anti-slashing migrate` once as a role that may create schemas and tables"
            )
        }
    }

    func hasFunctions(_ session: inout PostgreSQLConnection) throws(StoreError) -> Bool {
        let table = try query(
            &session,
            "SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace($1) AND proname = ANY($2::text[])",
            [.text(schema.own), .text("{\(PostgreSQLSchema.functionNames.joined(separator: ","))}")]
        )
        return table.int64(0, 0) == Int64(PostgreSQLSchema.functionNames.count)
    }

    func exists(_ table: String, _ session: inout PostgreSQLConnection) throws(StoreError) -> Bool {
        let found = try query(&session, "SELECT to_regclass($1) IS NOT NULL", [.text("\(schema.tables).\(table)")])
        return found.bool(0, 0) == true
    }
}
