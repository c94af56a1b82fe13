// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import PostgreSQL
import PostgreSQLServer
import SQLite
import SlashingProtection
import TestSupport
import Testing

/// Every store passes the same tests; what may differ stands in StoreDifferences.swift.
enum StoreKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite
    case postgres
    case dynamodb
    var testDescription: String { rawValue }

    static var allCases: [StoreKind] { [.sqlite, .postgres] + (MotoServer.isPresent ? [.dynamodb] : []) }
}

/// How a record of a test is opened, whatever keeps it.
struct StoreOptions: Sendable {
    var genesisValidatorsRoot = network
    var slotsPerEpoch: UInt64 = 32
    var latestEpoch: @Sendable () -> Epoch? = { nil }
    var createIfMissing = true
}

/// A place where a record lives: a file in a folder, or a database or a table of the server that the tests of a process
/// share.
struct RecordPlace: Sendable {
    let kind: StoreKind
    var options: StoreOptions
    private var folder: TemporaryFolder?
    private var server: PostgreSQLServer?
    private var table: DynamoDBStore.Settings?
    private let database: String
    private var url = ""
    private static let count = Lock(0)

    init(_ kind: StoreKind, _ options: StoreOptions = StoreOptions()) async throws {
        self.kind = kind
        self.options = options
        database = "record_\(Self.count.withLock { $0 += 1; return $0 })"
        switch kind {
        case .sqlite: folder = try TemporaryFolder()
        case .postgres:
            let shared = try await PostgreSQLServer.shared()
            server = shared
            url = try await shared.createDatabase(database)
        case .dynamodb: table = try await DynamoDBStore.Settings.fresh()
        }
    }

    /// Opens the record; the one of before, where there was one.
    func open() async throws -> any RecordStore {
        switch kind {
        case .sqlite: try SQLiteStore(sqliteSettings())
        case .postgres: try PostgreSQLStore(postgreSQLSettings())
        case .dynamodb: try await DynamoDBStore.open(dynamoDBSettings())
        }
    }

    private func sqliteSettings() throws -> SQLiteStore.Settings {
        var settings = SQLiteStore.Settings(in: try #require(folder), createIfMissing: options.createIfMissing)
        settings.genesisValidatorsRoot = options.genesisValidatorsRoot
        settings.slotsPerEpoch = options.slotsPerEpoch
        settings.latestEpoch = options.latestEpoch
        return settings
    }

    private func dynamoDBSettings() throws -> DynamoDBStore.Settings {
        var settings = try #require(table)
        settings.genesisValidatorsRoot = options.genesisValidatorsRoot
        settings.slotsPerEpoch = options.slotsPerEpoch
        settings.latestEpoch = options.latestEpoch
        settings.createIfMissing = options.createIfMissing
        return settings
    }

    func postgreSQLSettings() throws -> PostgreSQLStore.Settings {
        var settings = PostgreSQLStore.Settings(
            connection: try PostgreSQLSettings(url: url, applicationName: "tests"),
            genesisValidatorsRoot: options.genesisValidatorsRoot,
            slotsPerEpoch: options.slotsPerEpoch,
            latestEpoch: options.latestEpoch,
            createIfMissing: options.createIfMissing
        )
        // A sanitizer, or a busy machine, is no reason to refuse; the limits have tests of their own.
        settings.callLimit = .seconds(30)
        settings.answerLimit = .seconds(60)
        return settings
    }

    /// Marks validators as given away in the closed record, past the store.
    func disable(_ validators: [RecordIdentity]) async throws {
        if let table {
            for validator in validators { try await table.disable(validator) }
        } else {
            try await execute("UPDATE validators SET enabled = \(kind == .sqlite ? "0" : "false")")
        }
    }

    /// Runs SQL on the closed record, past the store; nothing where it speaks none.
    func execute(_ sql: String) async throws {
        if let folder {
            try Connection(path: SQLiteStore.Settings(in: folder).path, mode: .readWrite).execute(sql)
        } else {
            _ = try await server?.psql(sql, database: database)
        }
    }

    /// Removes what a test has left, where that does not go by itself.
    func remove() async throws {
        _ = try await server?.psql("DROP DATABASE \(database) WITH (FORCE)")
        try await table?.travel("remove")
    }
}

/// Opens a new record, lets `body` use it, and closes it.
@discardableResult
func withStore<Result>(
    _ kind: StoreKind = .sqlite,
    _ change: (inout StoreOptions) -> Void = { _ in },
    _ body: (any RecordStore) async throws -> Result
) async throws -> Result {
    var options = StoreOptions()
    change(&options)
    if kind == .dynamodb { await MotoPlaces.take() }
    defer { if kind == .dynamodb { MotoPlaces.give() } }
    let place = try await RecordPlace(kind, options)
    let store = try await place.open()
    do {
        let result = try await body(store)
        await store.close()
        try await place.remove()
        return result
    } catch {
        await store.close()
        throw error
    }
}

/// What a fresh SQLite record knows after taking the whole export of `store`, by way of the JSON text.
@discardableResult
func withCopy<Result>(
    of store: any RecordStore,
    on root: Root = network,
    _ body: (any RecordStore) async throws -> Result
) async throws -> Result {
    let exported = try await store.give()
    return try await withStore(.sqlite) {
        $0.genesisValidatorsRoot = root
    } _: { copy async throws in
        try await copy.take(try Interchange(json: exported.json()))
        return try await body(copy)
    }
}
