// SPDX-License-Identifier: Apache-2.0
internal import PostgreSQL

/// The lowest generation of the master key that is still written, in the row that every change locks.
extension SealedKeyTables {
    /// Of a transaction that changes something.
    static let beginning = [
        PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED"),
        PostgreSQLStatement("SET LOCAL synchronous_commit = on"),
        PostgreSQLStatement("SET LOCAL lock_timeout = '4s'"),
        // A chamber that is stopped in between must not keep the others waiting.
        PostgreSQLStatement("SET LOCAL idle_in_transaction_session_timeout = '10s'"),
    ]

    static let fence = "least_generation bigint NOT NULL DEFAULT 0"

    /// Whether the table that `$2` names has the column.
    static let isFenced = """
        EXISTS (SELECT FROM pg_attribute
            WHERE attrelid = to_regclass($2) AND attname = 'least_generation' AND NOT attisdropped)
        """

    /// Gives tables of before the column: no fence yet.
    func addFence(_ connection: inout PostgreSQLConnection) throws(PostgreSQLError) {
        let statement = "ALTER TABLE \(header) ADD COLUMN IF NOT EXISTS \(Self.fence)"
        do throws(PostgreSQLError) {
            try connection.execute(
                script: "BEGIN; SELECT pg_advisory_xact_lock(\(Self.migrationLock)); \(statement); COMMIT;",
                within: .seconds(30)
            )
        } catch {
            guard case .server("42501", _) = error else { throw error }
            throw .server(
                sqlState: Self.unsuitable,
                message:
                    "the table is of a version before, and this role may not change it; as its owner run: \(statement)"
            )
        }
    }

    /// Waits for the transaction that holds the row, so that whoever reads after this sees what was let in before.
    func raiseFence(
        _ connection: inout PostgreSQLConnection,
        to generation: UInt64
    ) throws(PostgreSQLError) {
        let results = try connection.run(
            Self.beginning + [
                PostgreSQLStatement(
                    "UPDATE \(header) SET least_generation = greatest(least_generation, $1) WHERE id = 1",
                    [.int64(Int64(clamping: generation))]
                ), PostgreSQLStatement("COMMIT"),
            ],
            within: Self.limit
        )
        guard results[4].commandTag == "UPDATE 1" else {
            throw .server(sqlState: Self.unsuitable, message: "the row of \(header) is gone")
        }
        guard results.last?.commandTag == "COMMIT" else { throw .lost(reason: "the server did not commit") }
    }

    func leastGeneration(_ connection: inout PostgreSQLConnection) throws(PostgreSQLError) -> UInt64 {
        let look = PostgreSQLStatement("SELECT least_generation FROM \(header) WHERE id = 1")
        let found = try connection.run([look], within: Self.limit)[0]
        guard found.rowCount == 1, let least = found.int64(0, 0) else {
            throw .server(sqlState: Self.unsuitable, message: "the row of \(header) is gone")
        }
        return UInt64(clamping: least)
    }
}
