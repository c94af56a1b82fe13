// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Consensus
import Encoding
import Foundation
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import Testing

/// A database of its own for a test, with what the test does past the store.
struct PostgreSQLRecord: Sendable {
    let server: PostgreSQLServer
    let database: String
    private static let count = Lock(0)

    /// - Parameter server: the one that the tests of a process share, unless a test disturbs it.
    init(on server: PostgreSQLServer? = nil) async throws {
        if let server { self.server = server } else { self.server = try await PostgreSQLServer.shared() }
        database = "postgresql_\(Self.count.withLock { $0 += 1; return $0 })"
        _ = try await self.server.createDatabase(database)
    }

    var url: String { server.url(database) }

    /// Limits that a busy machine keeps: what they end, a test ends by itself.
    func settings(url: String? = nil) throws -> PostgreSQLStore.Settings {
        var settings = PostgreSQLStore.Settings(
            connection: try PostgreSQLSettings(url: url ?? self.url, applicationName: "tests"),
            genesisValidatorsRoot: network,
            createIfMissing: true
        )
        settings.callLimit = .seconds(20)
        settings.answerLimit = .seconds(60)
        settings.connection.connectTimeout = .seconds(20)
        settings.retryInterval = .milliseconds(10)
        settings.probeLimit = .seconds(20)
        return settings
    }

    /// Opens the record as a signer does.
    func open(
        url: String? = nil,
        _ change: (inout PostgreSQLStore.Settings) -> Void = { _ in }
    ) async throws -> PostgreSQLStore {
        var settings = try settings(url: url)
        change(&settings)
        return try await Self.open(settings)
    }

    static func open(_ settings: PostgreSQLStore.Settings) async throws -> PostgreSQLStore {
        try await Blocking.run(name: "opening") { Result { try PostgreSQLStore(settings) } }.get()
    }

    /// Why the record cannot be opened; nil where it can.
    func refusal(
        url: String? = nil,
        _ change: (inout PostgreSQLStore.Settings) -> Void = { _ in }
    ) async throws -> StoreError? {
        do {
            await (try await open(url: url, change)).close()
            return nil
        } catch let error as StoreError { return error }
    }

    /// A session of somebody else, as the owner of the tables.
    func session() async throws -> RawSession { try await RawSession.open(url) }

    @discardableResult
    func psql(_ script: String) async throws -> String { try await server.psql(script, database: database) }

    func remove() async throws { try await server.psql("DROP DATABASE \(database) WITH (FORCE)") }
}

/// A connection that says exactly what it is told, and waits on a thread of its own.
final class RawSession: Sendable {
    private let connection: Lock<PostgreSQLConnection?>

    private init(_ connection: consuming sending PostgreSQLConnection) { self.connection = Lock(connection) }

    static func open(_ url: String) async throws -> RawSession {
        var settings = try PostgreSQLSettings(url: url, applicationName: "somebody else")
        settings.connectTimeout = .seconds(20)
        let chosen = settings
        return try await Blocking.run(name: "session") { Result { RawSession(try PostgreSQLConnection(chosen)) } }
            .get()
    }

    /// One statement; the first thing that it answers.
    @discardableResult
    func run(_ sql: String, _ parameters: [PostgreSQLParameter] = []) async throws -> ResultTable {
        try await run([PostgreSQLStatement(sql, parameters)])[0]
    }

    /// Statements in one round trip.
    func run(_ statements: [PostgreSQLStatement]) async throws -> [ResultTable] {
        try await Blocking.run(name: "session") { [self] in
            Result {
                try connection.withLock {
                    // It is only taken away when the test is done with the session.
                    // swift-format-ignore: NeverForceUnwrap
                    try $0!.run(statements, within: .seconds(60))
                }
            }
        }.get()
    }

    /// The SQLSTATE of a statement that must fail.
    func failure(_ sql: String, _ parameters: [PostgreSQLParameter] = []) async throws -> String? {
        do {
            try await run(sql, parameters)
            return nil
        } catch let error as PostgreSQLError {
            guard case .server(let state, _) = error else { throw error }
            return state
        }
    }

    func close() { connection.withLock { $0 = nil } }
}

extension RecordIdentity {
    /// As SQL writes it.
    var literal: String { "'\\x\(Hex.encode(publicKey.bytes.array, prefix: false))'::bytea" }
    /// The number of its row.
    var row: String { "(SELECT id FROM validators WHERE public_key = \(literal))" }
}

extension SigningRoot {
    var literal: String { "'\\x\(Hex.encode(bytes.array, prefix: false))'::bytea" }
}

extension DutyBatch {
    /// Makes a record of it as the other signer would, for its first validator.
    var insertion: String {
        switch duty {
        case .block(let slot):
            """
            INSERT INTO signed_blocks (validator_id, slot, signing_root)
                VALUES (\(records[0].row), \(slot.value), \(signingRoot.literal))
            """
        case .attestation(let source, let target):
            """
            INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                VALUES (\(records[0].row), \(source.value), \(target.value), \(signingRoot.literal))
            """
        }
    }

    /// First argument of the advisory locks.
    var lockKind: Int { if case .block = duty { 0 } else { 1 } }
}

/// Asks until the answer is yes; an error after a minute.
func eventually(_ what: String, _ ask: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while try await !ask() {
        guard ContinuousClock.now < end else { throw WaitedInVain(description: "waited in vain: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Lets only some tests run at a time: each keeps a server busy, and all at once would meet limits in time that are there
/// for servers that do not answer.
struct FewAtOnce: SuiteTrait, TestTrait, TestScoping {
    private static let places = Lock((free: 4, waiting: [CheckedContinuation<Void, Never>]()))

    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await withCheckedContinuation { continuation in
            let isFree = Self.places.withLock { places in
                if places.free == 0 { places.waiting.append(continuation) } else { places.free -= 1; return true }
                return false
            }
            if isFree { continuation.resume() }
        }
        defer {
            let next = Self.places.withLock { places in
                if places.waiting.isEmpty { places.free += 1; return nil as CheckedContinuation<Void, Never>? }
                return places.waiting.removeFirst()
            }
            next?.resume()
        }
        try await function()
    }
}

extension Trait where Self == FewAtOnce {
    static var fewAtOnce: FewAtOnce { FewAtOnce() }
}

struct WaitedInVain: Error, CustomStringConvertible { let description: String }
