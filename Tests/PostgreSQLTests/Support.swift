// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import PostgreSQL
import PostgreSQLServer
import Testing

/// Runs what blocks on a thread of its own.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await Blocking.run(name: "test") { Result { try body() } }.get()
}

/// Connects, and gives the connection to `body`, on a thread of its own.
func connected<Value: Sendable>(
    _ url: String,
    _ body: @escaping @Sendable (inout PostgreSQLConnection) throws -> Value
) async throws -> Value {
    try await blocking {
        var connection = try PostgreSQLConnection(try PostgreSQLSettings(url: url, applicationName: "tests"))
        return try body(&connection)
    }
}

/// The refusal of an attempt to connect, in words; nil where it was taken.
func refusal(_ url: String, timeout: Duration? = nil) async throws -> String? {
    var settings = try PostgreSQLSettings(url: url, applicationName: "tests")
    if let timeout { settings.connectTimeout = timeout }
    let chosen = settings
    return try await blocking {
        do throws(PostgreSQLError) {
            _ = try PostgreSQLConnection(chosen)
            return nil
        } catch {
            guard case .unreachable(let reason) = error else { throw error }
            return reason
        }
    }
}

/// A database of its own on the server that all share.
func freshDatabase() async throws -> String {
    try await PostgreSQLServer.shared().createDatabase("test_" + UUID().uuidString.prefix(8).lowercased())
}

extension PostgreSQLConnection {
    /// One statement, with ample time.
    mutating func ask(_ sql: String, _ parameters: [PostgreSQLParameter] = []) throws(PostgreSQLError) -> ResultTable {
        try run([PostgreSQLStatement(sql, parameters)], within: .seconds(30))[0]
    }

    /// The error of one statement; nil where it succeeds.
    mutating func failure(_ sql: String, within limit: Duration = .seconds(30)) -> PostgreSQLError? {
        do throws(PostgreSQLError) {
            _ = try run([PostgreSQLStatement(sql)], within: limit)
            return nil
        } catch { return error }
    }
}

/// Lets others run; an error once the test's time is over.
func yield() async throws {
    try Task.checkCancellation()
    await Task.yield()
}

/// A statement that takes for ever and can be told from others of its kind: the server goes on with one whose client
/// has left.
struct Sleep: Sendable {
    private let mark = UUID().uuidString
    var sql: String { "SELECT pg_sleep(3600) /* \(mark) */" }

    func hasBegun(on server: PostgreSQLServer) async throws {
        let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
        while try await server.psql("\(running) AND query LIKE '%\(mark)%'") != "1" { try await yield() }
    }
}

extension PostgreSQLError {
    var isLost: Bool { if case .lost = self { true } else { false } }
    var isTimedOut: Bool { if case .timedOut = self { true } else { false } }
    var sqlState: String? { if case .server(let state, _) = self { state } else { nil } }
}

/// Macros of the tests take no value that cannot be copied.
func expectUsable(_ connection: borrowing PostgreSQLConnection, sourceLocation: SourceLocation = #_sourceLocation) {
    let isUsable = connection.isUsable
    #expect(isUsable, sourceLocation: sourceLocation)
}

func expectClosed(_ connection: borrowing PostgreSQLConnection, sourceLocation: SourceLocation = #_sourceLocation) {
    let (isUsable, descriptor, version) = (connection.isUsable, connection.descriptor, connection.serverVersion)
    #expect(!isUsable && descriptor == -1 && version == 0, sourceLocation: sourceLocation)
}
