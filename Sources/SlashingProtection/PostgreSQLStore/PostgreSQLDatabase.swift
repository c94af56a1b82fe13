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
        schema = PostgreSQLSchema(tables: settings.connection.currentSchema ?? "public")
    }

    /// The generation that took no writes when it was last asked.
    var refusingGeneration: UInt64? {
        get { incarnations.refusingGeneration }
        nonmutating set { incarnations.refusingGeneration = newValue }
    }

    /// Of the incarnation that a connection of the store has met last.
    var generation: UInt64 { incarnations.generation }

    // MARK: Signing

    /// Not READ WRITE, which would overrule an operator who has frozen the database (`default_transaction_read_only`).
    static let begin = PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED")

    /// Decides and records the entries, all blocks or all attestations, each validator once. What it returns is durable.
    ///
    /// A repeat writes no row, and the commit of a transaction without a write waits for nothing. But the row that it has
    /// found may be on this server only: somebody's commit whose wait for a standby was cut short, or that did not wait
    /// for the disk. So a repeat writes a word into the log, and its commit waits for everything before that.
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
                Self.begin, identityStatement(expected: session.incarnation),
                PostgreSQLStatement(
                    """
                    SELECT code, first, second, CASE code WHEN \(DecisionCode.repeated.rawValue)
                        THEN pg_logical_emit_message(true, 'containment_chamber', '') END FROM \(function)(\(places))
                    """,
                    parameters
                ), PostgreSQLStatement("COMMIT"),
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
                Self.begin,
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
            if let standstill = try standstill(&connection) { throw .storage(reason: standstill) }
            found = try identity(&connection)
        } catch {
            if !connection.isUsable { throw .unreachable(reason: "\(error)") }
            throw .server(
                sqlState: SQLState.unsuitable,
                message: "the slashing record cannot be used: \(error)"
            )
        }
        return PostgreSQLSession(
            connection: connection,
            incarnation: found.name,
            generation: incarnations.enter(found)
        )
    }

    /// The first connection, for those who speak of failures in this module's words.
    func connect() throws(StoreError) -> PostgreSQLConnection {
        guard schema.hasPlainName else {
            throw .refused(
                reason:
                    "currentSchema=\(schema.tables) in anti_slashing.url cannot be used: it must be the name of one schema, "
                    + "of at most 40 small letters, digits and underscores, and not begin with a digit or pg_"
            )
        }
        do throws(PostgreSQLError) {
            return try PostgreSQLConnection(settings.connection)
        } catch {
            throw .storage(reason: "\(error)")
        }
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
