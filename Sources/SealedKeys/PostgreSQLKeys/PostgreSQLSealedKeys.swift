// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Encoding
package import PostgreSQL

/// The keys of a chamber of several instances, in two tables of a PostgreSQL database, in the schema `containment_chamber`.
/// A database can hold several such stores, each under a name.
///
/// One connection reads and one writes, so that an import does not hold up those who look for changes.
package final class PostgreSQLSealedKeys: SealedKeyStore {
    private let place: String
    private let tables: SealedKeyTables
    private let reading: Session
    private let writing: Session
    /// Of one transaction. While it goes on nobody else can change anything.
    private static let part = (count: 500, bytes: 8 << 20)

    /// Connects, and makes the tables where there are none and that is asked for.
    ///
    /// Blocks: not on the pool.
    ///
    /// - Parameters:
    ///   - name: of the store; see `SealedKeyTables`.
    ///   - createIfMissing: an empty store in a wrong database would look like keys that are lost.
    ///   - patience: how long a call waits for those before it.
    package init(
        _ settings: PostgreSQLSettings,
        name: String = "sealed_keys",
        createIfMissing: Bool,
        patience: Duration = .seconds(10)
    ) throws(SealedKeyError) {
        tables = try SealedKeyTables(name: name)
        place = "\(name) in \(settings)"
        reading = Session(settings, Gate(place: place, limit: patience))
        writing = Session(settings, Gate(place: place, limit: patience))
        let (tables, place) = (tables, place)
        try writing.use { connection throws(PostgreSQLError) in
            try tables.prepare(&connection, createIfMissing: createIfMissing)
        }.refuse(place)
    }

    package func load(
        _ statuses: Set<SealedKeyStatus>,
        _ take: ([SealedKeyRow]) async -> Void
    ) async throws(SealedKeyError) -> SealedKeyCursor {
        let cursor = try await read { connection, tables throws(PostgreSQLError) in try tables.cursor(&connection) }
        var last: Bytes<48>?
        repeat {
            let rows = try await read { [last] connection, tables throws(PostgreSQLError) in
                try tables.rows(&connection, after: last, limit: SealedKeyLimits.batch, statuses)
            }
            if !rows.isEmpty { await take(rows) }
            last = rows.count < SealedKeyLimits.batch ? nil : rows.last?.publicKey
        } while last != nil
        return cursor
    }

    package func changes(after cursor: SealedKeyCursor) async throws(SealedKeyError) -> SealedKeyChanges {
        try await read { connection, tables throws(PostgreSQLError) in
            try tables.changes(&connection, after: cursor, limit: SealedKeyLimits.batch)
        }
    }

    package func entries(of publicKeys: [Bytes<48>]) async throws(SealedKeyError) -> [SealedKeyEntry] {
        var entries: [SealedKeyEntry] = []
        for start in stride(from: 0, to: publicKeys.count, by: SealedKeyLimits.batch) {
            let part = Array(publicKeys[start..<min(start + SealedKeyLimits.batch, publicKeys.count)])
            entries += try await read { connection, tables throws(PostgreSQLError) in
                try tables.entries(&connection, of: part)
            }
        }
        return entries
    }

    package func page(
        after publicKey: Bytes<48>?,
        limit: Int,
        status: SealedKeyStatus?
    ) async throws(SealedKeyError) -> [SealedKeyRow] {
        precondition((1...SealedKeyLimits.page).contains(limit), "a page of \(limit) rows")
        let statuses = status.map { [$0] } ?? Set(SealedKeyStatus.allCases)
        return try await read { connection, tables throws(PostgreSQLError) in
            try tables.rows(&connection, after: publicKey, limit: limit, statuses)
        }
    }

    package func apply(_ changes: [SealedKeyChange]) async throws(SealedKeyError) -> [SealedKeyOutcome] {
        try changes.check()
        var outcomes: [SealedKeyOutcome] = []
        for part in changes.parts(count: Self.part.count, bytes: Self.part.bytes) {
            outcomes += try await perform(writing) { connection, tables throws(PostgreSQLError) in
                try tables.apply(&connection, Array(part))
            }
        }
        return outcomes
    }

    package func raiseFence(to generation: UInt64) async throws(SealedKeyError) {
        try await perform(writing) { connection, tables throws(PostgreSQLError) in
            try tables.raiseFence(&connection, to: generation)
        }
    }

    package func leastGeneration() async throws(SealedKeyError) -> UInt64 {
        try await read { connection, tables throws(PostgreSQLError) in try tables.leastGeneration(&connection) }
    }

    package func count() async throws(SealedKeyError) -> SealedKeyCount {
        try await read { connection, tables throws(PostgreSQLError) in try tables.count(&connection) }
    }

    package func close() async {
        await Blocking.run(name: "sealed-keys") { [reading, writing] in
            reading.close()
            writing.close()
        }
    }

    private func read<Value: Sendable>(
        _ work: @escaping @Sendable (inout PostgreSQLConnection, SealedKeyTables) throws(PostgreSQLError) -> Value
    ) async throws(SealedKeyError) -> Value {
        try await perform(reading, work)
    }

    /// On a thread that may wait for the server.
    private func perform<Value: Sendable>(
        _ session: Session,
        _ work: @escaping @Sendable (inout PostgreSQLConnection, SealedKeyTables) throws(PostgreSQLError) -> Value
    ) async throws(SealedKeyError) -> Value {
        let (tables, place) = (tables, place)
        return try await session.gate.pass { () async throws(SealedKeyError) -> Value in
            let result = await Blocking.run(name: "sealed-keys") {
                session.use { connection throws(PostgreSQLError) in try work(&connection, tables) }
            }
            return try result.refuse(place)
        }
    }
}

/// A connection and the gate in front of it.
private final class Session: Sendable {
    private let connection: Lock<RecoveringConnection>
    let gate: Gate

    init(_ settings: PostgreSQLSettings, _ gate: Gate) {
        connection = Lock(RecoveringConnection(settings))
        self.gate = gate
    }

    /// Everything that is done over it can be done twice: reading, and changes that find themselves done.
    func use<Value>(
        _ work: (inout PostgreSQLConnection) throws(PostgreSQLError) -> Value
    ) -> Result<Value, PostgreSQLError> {
        connection.withLock { (connection) -> Result<Value, PostgreSQLError> in
            do throws(PostgreSQLError) { return .success(try connection.use(mayHappenTwice: true, work)) } catch {
                return .failure(error)
            }
        }
    }

    func close() { connection.withLock { $0.close() } }
}

extension Result where Failure == PostgreSQLError {
    /// The value, or the error in this module's words.
    @discardableResult
    fileprivate func refuse(_ place: String) throws(SealedKeyError) -> Success {
        switch self {
        case .success(let value): return value
        case .failure(.server(SealedKeyTables.unsuitable, let message)): throw .unusable(reason: "\(place): \(message)")
        // Classes 42 and 3D, 3F: a name that is not there, or no right to it.
        case .failure(.server(let state, let message)) where state.hasPrefix("42") || state.hasPrefix("3"):
            throw .unusable(reason: "\(place): \(message) (SQLSTATE \(state))")
        case .failure(.settings(let reason)): throw .unusable(reason: "\(place): \(reason)")
        case .failure(let error): throw .unavailable(reason: "\(place): \(error)")
        }
    }
}
