// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import DynamoDB
internal import Foundation
internal import PostgreSQL
internal import SealedKeys
internal import SignerState
internal import TestSupport

/// Where a chamber keeps what its instances share, and the sections of the configuration that say so.
struct ChamberStore {
    let name: String
    /// The lines of `key_sources` and of `anti_slashing`, two blanks before all but the first.
    let sources: String
    let record: String
    /// The section `signer_state`.
    let settings: String
    private let place: Place

    private enum Place {
        case sqlite(keys: String, state: String)
        case postgreSQL(url: String)
        case dynamoDB(DynamoDB, keys: String, state: String)
    }

    static func sqlite(_ folder: WorkFolder) -> ChamberStore {
        let (keys, state) = (folder.path("chamber-keys.sqlite"), folder.path("chamber-state.sqlite"))
        return ChamberStore(
            name: "SQLite",
            sources: "sqlite:\n    path: \(keys)\n    create_if_missing: true",
            record: Self.record(folder.path("chamber-record.sqlite")),
            settings: "signer_state:\n  backend: sqlite\n  path: \(state)",
            place: .sqlite(keys: keys, state: state)
        )
    }

    static func postgreSQL(_ database: Database) async throws(BenchmarkFailure) -> ChamberStore {
        let url = try await database.make("bench_chamber")
        return ChamberStore(
            name: "PostgreSQL",
            sources: "postgres:\n    url: \"\(url)\"\n    create_if_missing: true",
            record: "backend: postgres\n  url: \"\(url)\"\n  create_if_missing: true\n  floor:\n    enabled: false",
            settings: "signer_state:\n  backend: postgres\n  url: \"\(url)\"",
            place: .postgreSQL(url: url)
        )
    }

    /// The server that stands in does one thing at a time: what the record would cost there is another figure.
    static func dynamoDB(_ folder: WorkFolder) async throws(BenchmarkFailure) -> ChamberStore {
        unsafe setenv("AWS_ACCESS_KEY_ID", "bench", 1)
        unsafe setenv("AWS_SECRET_ACCESS_KEY", "bench", 1)
        return try await attempt("DynamoDB on moto") {
            let endpoint = try await MotoServer.shared.endpoint
            let settings = AWSSettings(
                region: "eu-central-1",
                endpoint: endpoint,
                credentials: .fixed(accessKey: "bench", secretKey: "bench")
            )
            let database = try DynamoDB(settings: settings, runtime: AWSRuntime(), within: .seconds(120))
            let (keys, state) = ("bench_chamber_keys", "bench_chamber_state")
            try await DynamoDBState.createTable(database, table: state)
            try await DynamoDBSealedKeys.createTable(database, table: keys)
            let section = "region: eu-central-1\n    endpoint: \(endpoint)\n    table: "
            return ChamberStore(
                name: "DynamoDB on moto",
                sources: "dynamodb:\n    \(section)\(keys)",
                record: Self.record(folder.path("chamber-dynamodb-record.sqlite")),
                settings: "signer_state:\n    backend: dynamodb\n    \(section)\(state)",
                place: .dynamoDB(database, keys: keys, state: state)
            )
        }
    }

    private static func record(_ path: String) -> String {
        "backend: sqlite\n  path: \(path)\n  create_if_missing: true"
    }

    func keys() async throws(BenchmarkFailure) -> any SealedKeyStore {
        try await attempt("opening the keys") {
            switch place {
            case .sqlite(let keys, _): try SQLiteSealedKeys(path: keys, createIfMissing: true)
            case .postgreSQL(let url): try PostgreSQLSealedKeys(Self.connection(url), createIfMissing: true)
            case .dynamoDB(let database, let keys, _):
                try await DynamoDBSealedKeys.open(database, table: keys, patience: .seconds(120))
            }
        }
    }

    func state() async throws(BenchmarkFailure) -> any StateStore {
        try await attempt("opening the signer state") {
            switch place {
            case .sqlite(_, let state): try SQLiteState(path: state)
            case .postgreSQL(let url): try PostgreSQLState(Self.connection(url))
            case .dynamoDB(let database, _, let state): try await DynamoDBState.open(database, table: state)
            }
        }
    }

    private static func connection(_ url: String) throws -> PostgreSQLSettings {
        try PostgreSQLSettings(url: url, applicationName: "bench")
    }
}

/// Runs what throws anything, and says what was attempted.
func attempt<Result>(
    _ what: String,
    _ body: () async throws -> Result
) async throws(BenchmarkFailure) -> Result {
    do { return try await body() } catch { throw BenchmarkFailure("\(what): \(error)") }
}
