// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Consensus
internal import Encoding
internal import PostgreSQL

/// The thread that works on tasks of administration, one after another, over a connection of its own.
struct PostgreSQLAdministrator: ~Copyable {
    let settings: PostgreSQLStore.Settings
    let database: PostgreSQLDatabase
    private let inbox: Condition<TaskInbox>
    private var session: PostgreSQLSession?
    /// Of the session.
    private var generation: UInt64 = 0
    private var incarnation = ""

    var schema: PostgreSQLSchema { database.schema }

    init(_ settings: PostgreSQLStore.Settings, _ inbox: Condition<TaskInbox>, _ incarnations: Incarnations) {
        self.settings = settings
        self.inbox = inbox
        database = PostgreSQLDatabase(settings, incarnations)
    }

    /// Works until the store closes.
    mutating func run() {
        while let task = inbox.wait(until: { inbox -> WaitingTask?? in
            if let task = inbox.next() { return task }
            return inbox.isClosing ? .some(nil) : nil
        }).flatMap(\.self) {
            freshen()
            switch task.work {
            case .administration(let task, let caller):
                caller.resume(returning: result { this throws(StoreError) in try this.perform(task) })
            case .floor(let task, let caller):
                caller.resume(returning: result { this throws(StoreError) in try this.perform(task) })
            }
        }
    }

    private mutating func result<Answer>(
        _ body: (inout Self) throws(StoreError) -> Answer
    ) -> Result<Answer, StoreError> {
        do throws(StoreError) { return .success(try body(&self)) } catch { return .failure(error) }
    }

    private mutating func perform(_ task: AdministrativeTask) throws(StoreError) -> AdministrativeAnswer {
        switch task {
        case .take(let interchange, let dryRun): return .taken(try take(interchange, dryRun: dryRun))
        case .register(let records):
            try register(records.map(\.publicKey))
            return .registered
        case .outline: return .outline(try outline())
        case .give(let validators): return .given(try give(validators))
        case .verify(let validators): return .verified(try verify(validators))
        case .prune(let validators, let keepEpochs):
            return .pruned(try prune(validators, keepEpochs: keepEpochs))
        case .count(let validators): return .counted(try count(validators))
        case .disable(let validators, let instance): return .changed(try disable(validators, by: instance))
        case .enable(let validators, let ground): return .changed(try enable(validators, ground))
        case .disabled(let wanted): return .disabled(try disabled(among: wanted))
        case .status: return .status(try status())
        case .raiseLowWatermarks(let slot, let epoch):
            return .raised(validators: try raiseLowWatermarks(slot: slot, epoch: epoch))
        case .setHighWatermark(let mark): return .watermark(try setHighWatermark(mark))
        case .highWatermark: return .watermark(try highWatermark())
        }
    }

    // MARK: The connection

    /// Drops a connection that ended while nothing was asked, or that leads to a server of before: a task that has only
    /// begun has lost nothing by that.
    private mutating func freshen() {
        if generation != database.generation { session = nil }
        do throws(PostgreSQLError) {
            guard session != nil else { return }
            _ = try session.lend(or: .notConnected) { session throws(PostgreSQLError) in
                try session.connection.run([PostgreSQLStatement("SELECT 1")], within: settings.probeLimit)
            }
        } catch {
            session = nil
        }
    }

    /// Statements in one round trip. Inside a transaction that was begun before they belong to it.
    mutating func run(
        _ statements: [PostgreSQLStatement],
        within limit: Duration = .seconds(60)
    ) throws(StoreError) -> [ResultTable] {
        do throws(PostgreSQLError) { return try attempt(statements, within: limit) } catch { throw .storage(error) }
    }

    /// The same, for those who have an answer to some errors.
    mutating func attempt(
        _ statements: [PostgreSQLStatement],
        within limit: Duration = .seconds(60)
    ) throws(PostgreSQLError) -> [ResultTable] {
        do throws(PostgreSQLError) {
            if session?.connection.isUsable != true { try connect() }
            return try session.lend(or: .notConnected) { session throws(PostgreSQLError) in
                try session.connection.run(statements, within: limit)
            }
        } catch {
            // Whatever was begun ends with the connection.
            session = nil
            throw error
        }
    }

    /// Statements for the database that the store speaks with now; `statements` is told its incarnation and names it to
    /// `identity_v1`. A connection that leads elsewhere, such as to the primary of before or through a proxy to a server
    /// that was started anew, is made again once.
    mutating func runOnCurrent(
        _ statements: (_ incarnation: String) -> [PostgreSQLStatement]
    ) throws(StoreError) -> [ResultTable] {
        do throws(PostgreSQLError) {
            if let results = try attemptOnCurrent(statements) { return results }
            if let results = try attemptOnCurrent(statements) { return results }
        } catch {
            throw .storage(error)
        }
        throw .storage(reason: "the database was started anew or exchanged again while it was being looked at")
    }

    private mutating func connect() throws(PostgreSQLError) {
        let opened = try database.open()
        generation = opened.generation
        incarnation = opened.incarnation
        session = consume opened
    }

    /// Nil where another incarnation answered; the next attempt connects anew.
    private mutating func attemptOnCurrent(
        _ statements: (_ incarnation: String) -> [PostgreSQLStatement]
    ) throws(PostgreSQLError) -> [ResultTable]? {
        if generation != database.generation { session = nil }
        if session?.connection.isUsable != true { try connect() }
        do throws(PostgreSQLError) {
            return try attempt(statements(incarnation))
        } catch {
            guard case .server(SQLState.otherIncarnation, _) = error else { throw error }
            return nil
        }
    }

    /// One statement in a transaction of its own.
    mutating func transaction(_ statement: PostgreSQLStatement) throws(StoreError) -> ResultTable {
        try run([Self.begin, statement, Self.commit])[1]
    }

    static let begin = PostgreSQLDatabase.begin
    static let commit = PostgreSQLStatement("COMMIT")
    static let rollback = PostgreSQLStatement("ROLLBACK")

    /// A number that may be larger than the column's type should hold.
    func unsigned(_ table: ResultTable, _ row: Int, _ column: Int) throws(StoreError) -> UInt64? {
        do throws(PostgreSQLError) { return try table.unsigned(row, column) } catch {
            throw .storage(reason: "\(error)")
        }
    }

    // MARK: Validators

    /// Rows of `validators`, all or some, oldest first.
    mutating func validators(_ wanted: [RecordIdentity]? = nil) throws(StoreError) -> [(id: Int32, key: PublicKey)] {
        let sql = "SELECT id, public_key FROM \(schema.tables).validators"
        let names = wanted.map { PostgreSQLParameter.byteStrings($0.map { $0.publicKey.bytes.array }) }
        let table = try run([
            PostgreSQLStatement(
                sql + (names == nil ? "" : " WHERE public_key = ANY($1)") + " ORDER BY id",
                names.map { [$0] } ?? []
            )
        ])[0]
        var found: [(Int32, PublicKey)] = []
        for row in 0..<table.rowCount {
            // Another signer may have put something here that is no key; nothing is ever signed for it.
            guard let id = table.int32(row, 0),
                let key = table.bytes(row, 1).flatMap({ Bytes($0) }).map({ PublicKey($0) })
            else { continue }
            found.append((id, key))
        }
        return found
    }

    private mutating func register(_ keys: [PublicKey]) throws(StoreError) {
        var rest = keys[...]
        while !rest.isEmpty {
            let part = rest.prefix(1_000)
            rest = rest.dropFirst(1_000)
            _ = try transaction(
                PostgreSQLStatement(
                    "SELECT \(schema.call("register_v1"))($1, '5s')",
                    [.byteStrings(part.map { $0.bytes.array })]
                )
            )
        }
    }

    private mutating func status() throws(StoreError) -> RecordStatus {
        let table = try run([
            PostgreSQLStatement(
                """
                SELECT (SELECT count(*) FROM \(schema.tables).validators),
                    (SELECT count(*) FROM \(schema.tables).validators WHERE NOT enabled)
                """
            )
        ])[0]
        func count(_ column: Int) -> Int { Int(table.int64(0, column) ?? 0) }
        return RecordStatus(
            backend: "postgres",
            path: settings.connection.description,
            schemaVersion: Int(PostgreSQLSchema.version),
            genesisValidatorsRoot: settings.genesisValidatorsRoot.description,
            validators: count(0),
            disabled: count(1),
            highWatermark: try highWatermark(),
            health: .ready
        )
    }

    // MARK: Watermarks

    mutating func highWatermark() throws(StoreError) -> HighWatermark? {
        let sql = "SELECT high_watermark_slot, high_watermark_epoch FROM \(schema.tables).metadata WHERE id = 1"
        let table = try run([PostgreSQLStatement(sql)])[0]
        guard table.rowCount == 1 else { return nil }
        let slot = try unsigned(table, 0, 0)
        let epoch = try unsigned(table, 0, 1)
        // Web3Signer can set one of both; the other then ends nothing.
        guard slot != nil || epoch != nil else { return nil }
        return HighWatermark(slot: Slot(slot ?? .max), epoch: Epoch(epoch ?? .max))
    }

    private mutating func setHighWatermark(_ mark: HighWatermark?) throws(StoreError) -> HighWatermark? {
        if let mark {
            let sql = """
                SELECT greatest(max(w.slot), max(f.slot)),
                    greatest(max(w.source_epoch), max(w.target_epoch), max(f.epoch))
                FROM \(schema.call("floor")) AS f LEFT JOIN \(schema.tables).low_watermarks AS w ON true
                """
            let lowest = try run([PostgreSQLStatement(sql)])[0]
            try mark.refuse(
                belowSlot: try unsigned(lowest, 0, 0).map { Slot($0) },
                epoch: try unsigned(lowest, 0, 1).map { Epoch($0) }
            )
        }
        _ = try run([
            Self.begin, PostgreSQLStatement("SELECT \(schema.call("prepare_v1"))('5s')"),
            PostgreSQLStatement(
                "UPDATE \(schema.tables).metadata SET high_watermark_slot = $1, high_watermark_epoch = $2 WHERE id = 1",
                [
                    mark.map { .int64(Int64($0.slot.value)) } ?? .null,
                    mark.map { .int64(Int64($0.epoch.value)) } ?? .null,
                ]
            ), Self.commit,
        ])
        return mark
    }

    /// Raises all low watermarks in one transaction, and the floor for validators to come.
    private mutating func raiseLowWatermarks(slot: Slot?, epoch: Epoch?) throws(StoreError) -> Int {
        guard max(slot?.value ?? 0, epoch?.value ?? 0) <= UInt64(Int64.max) else {
            throw .refused(reason: "a low watermark must be below 2^63")
        }
        let high = try highWatermark()
        if let high, let slot, slot > high.slot {
            throw .refused(reason: "slot \(slot) is above the high watermark \(high.slot)")
        }
        if let high, let epoch, epoch > high.epoch {
            throw .refused(reason: "epoch \(epoch) is above the high watermark \(high.epoch)")
        }
        let marks: [PostgreSQLParameter] = [
            slot.map { .int64(Int64($0.value)) } ?? .null, epoch.map { .int64(Int64($0.value)) } ?? .null,
        ]
        let results = try run([
            Self.begin, PostgreSQLStatement("SELECT \(schema.call("prepare_v1"))('5s')"),
            PostgreSQLStatement(
                """
                UPDATE \(schema.call("floor")) SET slot = greatest(slot, $1::numeric), epoch = greatest(epoch, $2::numeric)
                """,
                marks
            ),
            PostgreSQLStatement(
                """
                INSERT INTO \(schema.tables).low_watermarks AS w (validator_id, slot, source_epoch, target_epoch)
                    SELECT id, $1::numeric, $2::numeric, $2::numeric FROM \(schema.tables).validators ORDER BY id
                    ON CONFLICT (validator_id) DO UPDATE SET slot = greatest(w.slot, excluded.slot),
                        source_epoch = greatest(w.source_epoch, excluded.source_epoch),
                        target_epoch = greatest(w.target_epoch, excluded.target_epoch)
                    WHERE w.slot IS DISTINCT FROM greatest(w.slot, excluded.slot)
                        OR w.source_epoch IS DISTINCT FROM greatest(w.source_epoch, excluded.source_epoch)
                        OR w.target_epoch IS DISTINCT FROM greatest(w.target_epoch, excluded.target_epoch)
                """,
                marks
            ), Self.commit,
        ])
        return results[3].affectedRows
    }
}
