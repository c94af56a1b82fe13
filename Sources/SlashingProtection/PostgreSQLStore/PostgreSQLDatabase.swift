// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import PostgreSQL

/// What the database says of one entry.
enum DatabaseAnswer {
    case verdict(Verdict)
    /// The validator has to be registered first.
    case unknown
    /// Another session holds the validator's lock.
    case busy
}

/// What a store does with a connection of its own: every call is one round trip and one transaction.
struct PostgreSQLDatabase: Sendable {
    let settings: PostgreSQLStore.Settings
    let schema: PostgreSQLSchema
    private let incarnations: Incarnations

    init(_ settings: PostgreSQLStore.Settings, _ incarnations: Incarnations = Incarnations()) {
        self.settings = settings
        self.incarnations = incarnations
        schema = PostgreSQLSchema()
    }

    /// Of the incarnation that a connection of the store has met last.
    var generation: UInt64 { incarnations.generation }

    // MARK: Signing

    /// Decides and records the entries, all blocks or all attestations, each validator once. What it returns is durable.
    func decide(
        _ entries: [PendingEntry],
        _ session: inout PostgreSQLSession
    ) throws(PostgreSQLError) -> (answers: [DatabaseAnswer], identity: DatabaseIdentity) {
        let isBlock = entries[0].duty.isBlock
        let function = schema.call(isBlock ? "decide_blocks_v1" : "decide_attestations_v1")
        var parameters: [PostgreSQLParameter] = [
            .bytes(settings.genesisValidatorsRoot.bytes.array), .byteStrings(entries.map { $0.key.bytes.array }),
        ]
        if isBlock {
            parameters.append(.int64s(entries.map { $0.duty.first }))
        } else {
            parameters.append(.int64s(entries.map { $0.duty.first }))
            parameters.append(.int64s(entries.map { $0.duty.second }))
        }
        parameters.append(.byteStrings(entries.map { $0.batch.batch.signingRoot.bytes.array }))
        parameters.append(.text(settings.lockPatience))
        let places = parameters.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let results = try session.connection.run(
            [
                PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
                identityStatement(expected: session.incarnation),
                PostgreSQLStatement("SELECT code, first, second FROM \(function)(\(places))", parameters),
                PostgreSQLStatement("COMMIT"),
            ],
            within: settings.callLimit
        )
        let table = results[2]
        guard table.rowCount == entries.count, results[3].commandTag == "COMMIT" else {
            throw .lost(reason: "the database did not commit, or answered for \(table.rowCount) of \(entries.count)")
        }
        var answers: [DatabaseAnswer] = []
        answers.reserveCapacity(entries.count)
        for (row, entry) in entries.enumerated() { answers.append(try answer(for: entry, table, row)) }
        return (answers, try incarnation(results[1]).identity)
    }

    func identityStatement(expected: String?) -> PostgreSQLStatement {
        PostgreSQLStatement(
            "SELECT incarnation, system, timeline, log_position FROM \(schema.call("identity_v1"))($1)",
            [expected.map { .text($0) } ?? .null]
        )
    }

    func incarnation(_ table: ResultTable) throws(PostgreSQLError) -> Incarnation {
        guard table.rowCount == 1, let name = table.text(0, 0), let system = table.text(0, 1),
            let timeline = table.int64(0, 2), let position = try table.unsigned(0, 3)
        else { throw .lost(reason: "the database does not say which it is") }
        let identity = DatabaseIdentity(system: system, timeline: UInt64(clamping: timeline), position: position)
        return Incarnation(name: name, identity: identity)
    }

    /// Which database answers on a connection.
    func identity(_ session: inout PostgreSQLConnection) throws(StoreError) -> Incarnation {
        do throws(PostgreSQLError) {
            return try incarnation(session.run([identityStatement(expected: nil)], within: settings.callLimit)[0])
        } catch {
            throw .storage(reason: "\(error)")
        }
    }

    private func answer(
        for entry: PendingEntry,
        _ table: ResultTable,
        _ row: Int
    ) throws(PostgreSQLError) -> DatabaseAnswer {
        let code = table.int32(row, 0).flatMap(DecisionCode.init)
        let first = try table.unsigned(row, 1) ?? 0
        switch code {
        case .recorded: return .verdict(.recorded)
        case .repeated: return .verdict(.repeated)
        case .unknown: return .unknown
        case .busy: return .busy
        case .disabled: return .verdict(.refused(.disabled))
        case .beyondHighWatermark: return .verdict(.refused(.beyondHighWatermark(highest: first)))
        case .belowLowWatermark: return .verdict(.refused(.belowLowWatermark(lowest: first)))
        case .atLowWatermark: return .verdict(.refused(.atLowWatermark(lowest: first)))
        case .double:
            switch entry.duty {
            case .block(let slot): return .verdict(.refused(.doubleBlock(slot: slot)))
            case .attestation(_, let target): return .verdict(.refused(.doubleVote(target: target)))
            }
        case .surrounded:
            let source = Epoch(try table.unsigned(row, 2) ?? 0)
            return .verdict(.refused(.surroundedBy(source: source, target: Epoch(first))))
        case .surrounds:
            let source = Epoch(try table.unsigned(row, 2) ?? 0)
            return .verdict(.refused(.surrounds(source: source, target: Epoch(first))))
        case .otherNetwork:
            let reason = "the database is pinned to another network, or to none any more"
            return .verdict(.refused(.notCheckable(reason: reason)))
        case nil: throw .lost(reason: "the database gave an answer that this version does not know")
        }
    }

    /// Gives validators a row, where they have none.
    func register(_ keys: [PublicKey], _ session: inout PostgreSQLSession) throws(PostgreSQLError) {
        _ = try session.connection.run(
            [
                PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
                PostgreSQLStatement(
                    "SELECT \(schema.call("register_v1"))($1, $2)",
                    [.byteStrings(keys.map { $0.bytes.array }), .text(settings.lockPatience)]
                ),
                PostgreSQLStatement("COMMIT"),
            ],
            within: settings.callLimit
        )
    }

    // MARK: Connecting

    /// A connection to a database that has been held against the settings: a database that was exchanged while the signer
    /// runs is noticed before it is used.
    func open() throws(PostgreSQLError) -> PostgreSQLSession {
        var connection = try PostgreSQLConnection(settings.connection)
        let found: Incarnation
        do throws(StoreError) {
            try check(&connection)
            found = try identity(&connection)
        } catch {
            throw .unreachable(reason: "\(error)")
        }
        return PostgreSQLSession(
            connection: connection,
            incarnation: found.name,
            generation: incarnations.enter(found)
        )
    }

    /// The same, for those who speak of failures in this module's words.
    func connect() throws(StoreError) -> PostgreSQLConnection {
        do throws(PostgreSQLError) {
            return try PostgreSQLConnection(settings.connection)
        } catch {
            throw .storage(reason: "\(error)")
        }
    }

    /// Connects for the first time; makes or migrates what is missing where the settings allow it.
    func prepare() throws(StoreError) -> PostgreSQLConnection {
        var session = try connect()
        let isThere = try pinnedRoot(&session) != nil
        guard isThere || settings.createIfMissing else { throw .missing(path: settings.connection.description) }
        let isCurrent = try version(&session) == PostgreSQLSchema.version
        let hasFunctions = try hasFunctions(&session)
        if !isCurrent || !hasFunctions { try migrate(&session) }
        if !isThere { try pin(&session) }
        return session
    }

    /// Whether the database can keep the record: its version, its network, and that it is durable and no standby.
    func check(_ session: inout PostgreSQLConnection) throws(StoreError) {
        let place = settings.connection.description
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
        guard try exists("database_version", &session) else { return try exists("validators", &session) ? 0 : nil }
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

    private func hasFunctions(_ session: inout PostgreSQLConnection) throws(StoreError) -> Bool {
        let table = try query(
            &session,
            "SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace($1) AND proname = ANY($2::text[])",
            [.text(schema.own), .text("{\(PostgreSQLSchema.functionNames.joined(separator: ","))}")]
        )
        return table.int64(0, 0) == Int64(PostgreSQLSchema.functionNames.count)
    }

    private func exists(_ table: String, _ session: inout PostgreSQLConnection) throws(StoreError) -> Bool {
        let found = try query(&session, "SELECT to_regclass($1) IS NOT NULL", [.text("\(schema.tables).\(table)")])
        return found.bool(0, 0) == true
    }

    /// One statement by itself.
    func query(
        _ session: inout PostgreSQLConnection,
        _ sql: String,
        _ parameters: [PostgreSQLParameter] = []
    ) throws(StoreError) -> ResultTable {
        do throws(PostgreSQLError) {
            return try session.run([PostgreSQLStatement(sql, parameters)], within: settings.callLimit)[0]
        } catch {
            throw .storage(reason: "\(error)")
        }
    }
}

extension SlashableDuty {
    /// Slot, or source epoch; below 2⁶³ by rule 4, which was applied before.
    fileprivate var first: Int64 {
        switch self {
        case .block(let slot): Int64(bitPattern: slot.value)
        case .attestation(let source, _): Int64(bitPattern: source.value)
        }
    }

    /// Target epoch.
    fileprivate var second: Int64 {
        switch self {
        case .block: 0
        case .attestation(_, let target): Int64(bitPattern: target.value)
        }
    }
}
