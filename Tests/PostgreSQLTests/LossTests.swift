// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import PostgreSQL
import PostgreSQLServer
import Testing

/// What happens to a connection when something happens to the server. Each test has a server of its own.
@Suite(.timeLimit(.minutes(5))) struct LossTests {
    /// The error of a statement that takes for ever, to which something happens once the server has begun with it.
    private static func error(
        _ server: PostgreSQLServer,
        parameters: String = "sslmode=disable",
        within limit: Duration = .seconds(60),
        when disturb: @escaping @Sendable () async throws -> Void
    ) async throws -> PostgreSQLError? {
        let url = server.url("postgres", parameters: parameters)
        let sleep = Sleep()
        async let error = connected(url) { connection -> PostgreSQLError? in
            let error = connection.failure(sleep.sql, within: limit)
            expectClosed(connection)
            // What comes after is refused at once.
            #expect(connection.failure("SELECT 1")?.isLost == true)
            return error
        }
        try await sleep.hasBegun(on: server)
        try await disturb()
        return try await error
    }

    @Test func `SIGKILL of the server loses the connection, and the server comes back where it was`() async throws {
        let server = try await PostgreSQLServer.started()
        let error = try #require(try await Self.error(server) { try await server.kill() })
        #expect(error.isLost, "\(error)")
        #expect(try await refusal(server.url("postgres"))?.contains("Connection refused") == true)
        try await server.start()
        #expect(try await refusal(server.url("postgres")) == nil)
    }

    @Test(arguments: [PostgreSQLServer.StopMode.fast, .immediate])
    func `a stop loses the connection, and the reason is told`(mode: PostgreSQLServer.StopMode) async throws {
        let server = try await PostgreSQLServer.started()
        let error = try #require(try await Self.error(server) { await server.stop(mode) })
        guard case .lost(let reason) = error else { return #expect(error.isLost, "\(error)") }
        // An immediate stop is only announced by a notice.
        #expect(reason.contains("terminating connection"), "\(reason)")
    }

    @Test func `pg_terminate_backend loses the connection, pg_cancel_backend does not`() async throws {
        let server = try await PostgreSQLServer.started()
        let error = try #require(try await Self.error(server) { try await server.terminateBackends() })
        guard case .lost(let reason) = error else { return #expect(error.isLost, "\(error)") }
        #expect(reason.contains("administrator command"), "\(reason)")

        let sleep = Sleep()
        async let cancelled = connected(server.url("postgres")) { connection -> PostgreSQLError? in
            let error = connection.failure(sleep.sql, within: .seconds(60))
            expectUsable(connection)
            let answer = try connection.ask("SELECT 1::int8").int64(0, 0)
            #expect(answer == 1)
            return error
        }
        try await sleep.hasBegun(on: server)
        try await server.psql(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        )
        #expect(try await cancelled?.sqlState == "57014")
    }

    @Test func `a connection that was lost while idle says so at its next use`() async throws {
        let server = try await PostgreSQLServer.started()
        let ready = Condition(false)
        async let error = connected(server.url("postgres")) { connection -> PostgreSQLError? in
            _ = try connection.ask("SELECT 1")
            ready.withLock { $0 = true }
            _ = ready.wait { $0 ? nil : true }
            return connection.failure("SELECT 1")
        }
        while !ready.withLock(wake: false, { $0 }) { try await yield() }
        try await server.terminateBackends()
        ready.withLock { $0 = false }
        let lost = try #require(try await error)
        guard case .lost(let reason) = lost else { return #expect(lost.isLost, "\(lost)") }
        #expect(reason.contains("administrator command"), "\(reason)")
    }

    @Test func `a server that stands still is left after the limit, whether it was busy or is asked anew`() async throws
    {
        let server = try await PostgreSQLServer.started()
        let (running, paused, ended) = (Condition(false), Condition(false), Condition(0))
        let sleep = Sleep()
        async let busy = connected(server.url("postgres")) { connection -> PostgreSQLError? in
            let error = connection.failure(sleep.sql, within: .seconds(2))
            expectClosed(connection)
            ended.withLock { $0 += 1 }
            return error
        }
        async let idle = connected(server.url("postgres")) { connection -> PostgreSQLError? in
            _ = try connection.ask("SELECT 1")
            running.withLock { $0 = true }
            _ = paused.wait { $0 ? true : nil }
            let error = connection.failure("SELECT 1", within: .milliseconds(200))
            expectClosed(connection)
            return error
        }
        try await sleep.hasBegun(on: server)
        while !running.withLock(wake: false, { $0 }) { try await yield() }
        server.pause()
        paused.withLock { $0 = true }
        #expect(try await idle?.isTimedOut == true)
        #expect(try await busy?.isTimedOut == true)
        // The kernel still takes connections for it.
        let reason = try #require(await refusal(server.url("postgres"), timeout: .milliseconds(300)))
        #expect(reason.contains("did not answer in time"), "\(reason)")
        server.resume()
        #expect(try await refusal(server.url("postgres")) == nil)
    }

    @Test func `JDBC's socketTimeout is an upper bound`() async throws {
        let server = try await PostgreSQLServer.shared()
        let error = try await connected(server.url("postgres", parameters: "sslmode=disable&socketTimeout=1")) {
            connection in
            connection.failure("SELECT pg_sleep(3600)", within: .seconds(3000))
        }
        #expect(error == .timedOut(what: "SELECT pg_sleep(3600), within 1.0 seconds"))
    }

    @Test func `over TLS it is the same`() async throws {
        let server = try await PostgreSQLServer.started(tls: true)
        let parameters = "sslmode=require"
        #expect(
            try await Self.error(server, parameters: parameters) { try await server.terminateBackends() }?.isLost
                == true
        )
        let stopped = try await Self.error(server, parameters: parameters, within: .seconds(1)) { server.pause() }
        #expect(stopped?.isTimedOut == true, "\(stopped as Any)")
        server.resume()
        #expect(try await Self.error(server, parameters: parameters) { try await server.kill() }?.isLost == true)
    }

    @Test func `an answer that never ends its sending is left after the limit`() async throws {
        // The server stands still while we still send: the buffers between fill up.
        let server = try await PostgreSQLServer.started()
        let (ready, paused) = (Condition(false), Condition(false))
        async let error = connected(server.url("postgres")) { connection -> PostgreSQLError? in
            ready.withLock { $0 = true }
            _ = paused.wait { $0 ? true : nil }
            let block = [UInt8](repeating: 1, count: 64 << 20)
            do throws(PostgreSQLError) {
                let statement = PostgreSQLStatement("SELECT length($1)", [.bytes(block)])
                _ = try connection.run([statement], within: .milliseconds(500))
                return nil
            } catch { return error }
        }
        while !ready.withLock(wake: false, { $0 }) { try await yield() }
        server.pause()
        paused.withLock { $0 = true }
        #expect(try await error?.isTimedOut == true)
        server.resume()
    }
}
