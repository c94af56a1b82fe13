// SPDX-License-Identifier: Apache-2.0
import PostgreSQL
import PostgreSQLServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct PgBouncerTests {
    @Test func `in transaction mode, more sessions than connections take turns`() async throws {
        let server = try await PostgreSQLServer.started()
        _ = try await server.createDatabase("d")
        let bouncer = try await PgBouncer.started(before: server, connections: 2)
        let url = bouncer.url("d")
        try await connected(url) { connection in
            _ = try connection.ask("CREATE TABLE t (worker int8, n int8, PRIMARY KEY (worker, n))")
        }
        let backends = try await withThrowingTaskGroup(of: Set<Int32>.self) { group in
            for worker in 0..<8 as Range<Int64> {
                group.addTask {
                    try await connected(url) { connection in
                        var backends: Set<Int32> = []
                        for number in 0..<20 as Range<Int64> {
                            let tables = try connection.run(
                                [
                                    PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED"),
                                    PostgreSQLStatement(
                                        "INSERT INTO t VALUES ($1, $2)",
                                        [.int64(worker), .int64(number)]
                                    ),
                                    PostgreSQLStatement("SELECT pg_backend_pid()"),
                                    PostgreSQLStatement("COMMIT"),
                                ],
                                within: .seconds(30)
                            )
                            backends.insert(try #require(tables[2].int32(0, 0)))
                            // Refused, and rolled back, whichever connection it meets.
                            let again = PostgreSQLStatement(
                                "INSERT INTO t VALUES ($1, $2)",
                                [.int64(worker), .int64(number)]
                            )
                            do throws(PostgreSQLError) {
                                let begin = PostgreSQLStatement("BEGIN")
                                _ = try connection.run(
                                    [begin, again, PostgreSQLStatement("COMMIT")],
                                    within: .seconds(30)
                                )
                                Issue.record("a row was inserted twice")
                            } catch { #expect(error.sqlState == "23505", "\(error)") }
                        }
                        return backends
                    }
                }
            }
            return try await group.reduce(into: Set()) { $0.formUnion($1) }
        }
        #expect((1...2).contains(backends.count), "\(backends)")
        try await connected(url) { connection in
            let count = try connection.ask("SELECT count(*) FROM t").int64(0, 0)
            #expect(count == 160)
        }
    }

    @Test func `when the server goes behind it, the connection is lost`() async throws {
        let server = try await PostgreSQLServer.started()
        let bouncer = try await PgBouncer.started(before: server)
        let url = bouncer.url("postgres")
        let sleep = Sleep()
        async let error = connected(url) { connection in
            connection.failure(sleep.sql, within: .seconds(60))
        }
        try await sleep.hasBegun(on: server)
        try await server.kill()
        #expect(try await error?.isLost == true)
    }
}
