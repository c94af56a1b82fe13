// SPDX-License-Identifier: Apache-2.0
import AWS
import Concurrency
import DynamoDB
import Foundation
import PostgreSQL
import PostgreSQLServer
import SealedKeys
import TestSupport
import Testing

enum KeyBackend: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite
    case postgres
    case dynamodb

    var testDescription: String { rawValue }

    /// moto may be absent on a machine that tests only part of this.
    static let present = allCases.filter { $0 != .dynamodb || MotoServer.isPresent }
    /// Those that several instances can share.
    static let shared = present.filter { $0 != .sqlite }
    /// Backends that pass through transactions of some hundred keys quickly; moto does about 70 a second.
    var isFast: Bool { self != .dynamodb }
}

/// A place where keys lie, opened as often as a test likes.
struct KeyPlace: Sendable {
    let backend: KeyBackend
    let folder: TemporaryFolder
    let server: PostgreSQLServer?
    private let url: String
    /// Of the database, or of the DynamoDB table.
    let name = "keys_" + UUID().uuidString.prefix(8).lowercased()

    /// - Parameter server: for tests that disturb it.
    init(_ backend: KeyBackend, server: PostgreSQLServer? = nil) async throws {
        self.backend = backend
        folder = try TemporaryFolder()
        if backend == .postgres {
            let running = if let server { server } else { try await PostgreSQLServer.shared() }
            url = try await running.createDatabase(name)
            self.server = running
        } else {
            url = ""
            self.server = nil
        }
        if backend == .dynamodb { try await DynamoDBSealedKeys.createTable(Self.database(), table: name) }
    }

    /// All tests share two processors, and a server that does one thing at a time.
    private static let patience = Duration.seconds(120)

    var path: String { folder.file("keys.sqlite") }

    func open(_ store: String = "sealed_keys", changesKept: UInt64 = 4096) async throws -> any SealedKeyStore {
        switch backend {
        case .sqlite: return try SQLiteSealedKeys(path: path, createIfMissing: true, patience: Self.patience)
        case .postgres: return try await openPostgreSQL(store)
        case .dynamodb: return try await openDynamoDB(changesKept: changesKept)
        }
    }

    /// - Parameter role: another than the owner of the database.
    func openPostgreSQL(
        _ store: String = "sealed_keys",
        role: String? = nil,
        createIfMissing: Bool = true
    ) async throws -> PostgreSQLSealedKeys {
        var url = url
        if let role, let server {
            url = server.administratorURL(name).replacing("postgres@", with: "\(role)@")
        }
        let settings = try PostgreSQLSettings(url: url, applicationName: "tests")
        return try await Blocking.run(name: "opening") {
            Result { () throws(SealedKeyError) in
                try PostgreSQLSealedKeys(
                    settings,
                    name: store,
                    createIfMissing: createIfMissing,
                    patience: Self.patience
                )
            }
        }.get()
    }

    func openDynamoDB(changesKept: UInt64 = 4096, readers: Int = 4) async throws -> DynamoDBSealedKeys {
        try await DynamoDBSealedKeys.open(
            Self.database(),
            table: name,
            readers: readers,
            changesKept: changesKept,
            patience: Self.patience
        )
    }

    static func database(endpoint: String? = nil) async throws -> DynamoDB {
        let endpoint = if let endpoint { endpoint } else { try await MotoServer.shared.endpoint }
        let settings = AWSSettings(
            region: "eu-central-1",
            endpoint: endpoint,
            credentials: .fixed(accessKey: "AKIDEXAMPLE", secretKey: "a secret of tests")
        )
        return try DynamoDB(settings: settings, runtime: runtime.get(), within: .seconds(30))
    }

    private static let runtime = Result { () throws(AWSError) -> AWSRuntime in try AWSRuntime() }
}
