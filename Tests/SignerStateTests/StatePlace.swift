// SPDX-License-Identifier: Apache-2.0
import AWS
import Concurrency
import DynamoDB
import Foundation
import PostgreSQL
import PostgreSQLServer
import SQLite
import SignerState
import TestSupport
import Testing

enum StateKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite
    case postgres
    case dynamodb

    var testDescription: String { rawValue }

    /// moto may be absent on a machine that tests only part of this.
    static let present = allCases.filter { $0 != .dynamodb || MotoServer.isPresent }
}

/// A place where a state lives, opened as often as a test likes.
struct StatePlace: Sendable {
    private let kind: StateKind
    private let folder: TemporaryFolder
    private let url: String
    private let name = "state_" + UUID().uuidString.prefix(8).lowercased()

    init(_ kind: StateKind) async throws {
        self.kind = kind
        folder = try TemporaryFolder()
        url = kind == .postgres ? try await PostgreSQLServer.shared().createDatabase(name) : ""
    }

    var path: String { folder.file("state.sqlite") }

    func open() async throws -> any StateStore {
        switch kind {
        case .sqlite: return try SQLiteState(path: path)
        case .postgres:
            let settings = try PostgreSQLSettings(url: url, applicationName: "tests")
            return try await Blocking.run(name: "opening") {
                Result { () throws(StateError) in try PostgreSQLState(settings) }
            }.get()
        case .dynamodb:
            let database = try await Self.database()
            do { return try await DynamoDBState.open(database, table: name) } catch {
                try? await DynamoDBState.createTable(database, table: name)
                return try await DynamoDBState.open(database, table: name)
            }
        }
    }

    private static let runtime = Result { () throws(AWSError) -> AWSRuntime in try AWSRuntime() }

    private static func database() async throws -> DynamoDB {
        let endpoint = try await MotoServer.shared.endpoint
        let settings = AWSSettings(
            region: "eu-central-1",
            endpoint: endpoint,
            credentials: .fixed(accessKey: "AKIDEXAMPLE", secretKey: "a secret of tests")
        )
        return try DynamoDB(settings: settings, runtime: runtime.get(), within: .seconds(30))
    }
}
