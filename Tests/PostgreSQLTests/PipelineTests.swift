// SPDX-License-Identifier: Apache-2.0
import PostgreSQL
import Testing

@Suite(.timeLimit(.minutes(5))) struct PipelineTests {
    @Test func `results come in the order of the statements`() async throws {
        try await connected(freshDatabase()) { connection in
            let (descriptor, version) = (connection.descriptor, connection.serverVersion)
            #expect(descriptor >= 0 && version >= 130000)
            let tables = try connection.run(
                [
                    PostgreSQLStatement("CREATE TABLE t (n int8 PRIMARY KEY, b bytea)"),
                    PostgreSQLStatement("INSERT INTO t VALUES ($1, $2), (2, NULL)", [.int64(1), .bytes([7, 0, 8])]),
                    PostgreSQLStatement(""),
                    PostgreSQLStatement("SELECT n, b FROM t ORDER BY n"),
                ],
                within: .seconds(30)
            )
            #expect(tables.map(\.rowCount) == [0, 0, 0, 2])
            #expect(tables.map(\.columnCount) == [0, 0, 0, 2])
            #expect(tables.map(\.commandTag) == ["CREATE TABLE", "INSERT 0 2", "", "SELECT 2"])
            #expect(tables[1].affectedRows == 2)
            #expect(tables[3].int64(0, 0) == 1 && tables[3].bytes(0, 1) == [7, 0, 8])
            #expect(tables[3].int64(1, 0) == 2 && tables[3].isNull(1, 1) && tables[3].bytes(1, 1) == nil)
            #expect(try connection.run([], within: .seconds(1)).isEmpty)
        }
    }

    @Test func `an error in the middle is thrown, undoes the transaction and leaves the connection usable`()
        async throws
    {
        try await connected(freshDatabase()) { connection in
            try connection.execute(script: "CREATE TABLE t (n int8 PRIMARY KEY)", within: .seconds(30))
            func insert(_ numbers: [Int64], around: [String]) -> [PostgreSQLStatement] {
                let inserts = numbers.map { PostgreSQLStatement("INSERT INTO t VALUES ($1)", [.int64($0)]) }
                return around.first.map { [PostgreSQLStatement($0)] + inserts + [PostgreSQLStatement(around[1])] }
                    ?? inserts
            }
            for around in [[], ["BEGIN", "COMMIT"]] {
                do throws(PostgreSQLError) {
                    _ = try connection.run(insert([1, 2, 1, 3], around: around), within: .seconds(30))
                    Issue.record("a row was inserted twice")
                } catch {
                    guard case .server("23505", let message) = error else { return #expect(error.sqlState == "23505") }
                    #expect(message == "duplicate key value violates unique constraint \"t_pkey\"")
                }
                expectUsable(connection)
                // Nothing is left, and the connection is in no failed transaction.
                #expect(try connection.ask("SELECT count(*) FROM t").int64(0, 0) == 0)
                #expect(try connection.ask("SELECT pg_current_xact_id_if_assigned() IS NULL").bool(0, 0) == true)
            }
            _ = try connection.run(insert([1, 2], around: ["BEGIN", "COMMIT"]), within: .seconds(30))
            #expect(try connection.ask("SELECT count(*) FROM t").int64(0, 0) == 2)
        }
    }

    @Test func `a commit that fails after every statement has succeeded is an error`() async throws {
        try await connected(freshDatabase()) { connection in
            try connection.execute(
                script: """
                    CREATE TABLE a (n int8 PRIMARY KEY);
                    CREATE TABLE b (n int8 REFERENCES a DEFERRABLE INITIALLY DEFERRED);
                    """,
                within: .seconds(30)
            )
            let insert = PostgreSQLStatement("INSERT INTO b VALUES (1)")
            for around in [[insert], [PostgreSQLStatement("BEGIN"), insert, PostgreSQLStatement("COMMIT")]] {
                do throws(PostgreSQLError) {
                    _ = try connection.run(around, within: .seconds(30))
                    Issue.record("the commit succeeded")
                } catch { #expect(error.sqlState == "23503", "\(error)") }
                expectUsable(connection)
                #expect(try connection.ask("SELECT count(*) FROM b").int64(0, 0) == 0)
            }
        }
    }

    @Test func `a transaction goes on over several calls until one fails`() async throws {
        try await connected(freshDatabase()) { connection in
            _ = try connection.ask("CREATE TABLE t (n int8)")
            _ = try connection.ask("BEGIN")
            _ = try connection.ask("INSERT INTO t VALUES (1)")
            _ = try connection.ask("COMMIT")
            _ = try connection.ask("BEGIN")
            _ = try connection.ask("INSERT INTO t VALUES (2)")
            #expect(connection.failure("SELECT 1/0")?.sqlState == "22012")
            #expect(try connection.ask("SELECT count(*) FROM t").int64(0, 0) == 1)
        }
    }

    @Test func `what the library or the protocol cannot do is said`() async throws {
        try await connected(freshDatabase()) { connection in
            #expect(connection.failure("SELECT 1; SELECT 2")?.sqlState == "42601")
            #expect(connection.failure("nonsense")?.sqlState == "42601")
            expectUsable(connection)
            // COPY puts the connection into a state of its own: it is closed.
            #expect(throws: PostgreSQLError.self) {
                try connection.execute(script: "COPY (SELECT 1) TO STDOUT", within: .seconds(30))
            }
            expectClosed(connection)
            #expect(connection.failure("SELECT 1")?.isLost == true)
        }
    }

    @Test func `a script is one transaction, and its notices go nowhere`() async throws {
        try await connected(freshDatabase()) { connection in
            try connection.execute(
                script: "CREATE TABLE IF NOT EXISTS t (n int8); CREATE TABLE IF NOT EXISTS t (n int8); SELECT 1;",
                within: .seconds(30)
            )
            for script in ["INSERT INTO t VALUES (1); SELECT 1/0", "BEGIN; INSERT INTO t VALUES (1); SELECT 1/0"] {
                #expect(throws: PostgreSQLError.server(sqlState: "22012", message: "division by zero")) {
                    try connection.execute(script: script, within: .seconds(30))
                }
                #expect(try connection.ask("SELECT count(*) FROM t").int64(0, 0) == 0)
            }
        }
    }

    @Test func `a statement and its answer may be larger than every buffer between`() async throws {
        try await connected(freshDatabase()) { connection in
            let block = [UInt8](repeating: 0xab, count: 4 << 20)
            let statements = (0..<8).map { _ in PostgreSQLStatement("SELECT $1::bytea", [.bytes(block)]) }
            let tables = try connection.run(statements, within: .seconds(60))
            #expect(tables.count == 8 && tables.allSatisfy { $0.bytes(0, 0) == block })
        }
    }

    @Test func `many statements in one round trip`() async throws {
        try await connected(freshDatabase()) { connection in
            let statements = (0..<5000).map { PostgreSQLStatement("SELECT $1", [.int64($0)]) }
            let tables = try connection.run(statements, within: .seconds(60))
            #expect(tables.map { $0.int64(0, 0) } == (0..<5000).map { $0 })
        }
    }
}
