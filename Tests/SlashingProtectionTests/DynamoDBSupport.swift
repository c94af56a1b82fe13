// SPDX-License-Identifier: Apache-2.0
import AWS
import BLS
import Concurrency
import Consensus
import DynamoDB
import Foundation
import HTTPClient
import SlashingProtection
import TestSupport

private let runtime = Result { () throws(AWSError) -> AWSRuntime in try AWSRuntime() }

extension DynamoDBStore.Settings {
    /// A table of its own on the shared server, or behind `endpoint`.
    static func fresh(endpoint: String? = nil, table: String = "record-\(UUID().uuidString)") async throws -> Self {
        let shared = try await MotoServer.shared.endpoint
        let settings = AWSSettings(
            region: "eu-central-1",
            endpoint: endpoint ?? shared,
            credentials: .fixed(accessKey: "AKIDEXAMPLE", secretKey: "a secret of tests")
        )
        let database = try DynamoDB(
            settings: settings,
            runtime: runtime.get(),
            within: .seconds(90),
            retries: RetryRules(attempts: 8, firstPause: .milliseconds(2), longestAttempt: .seconds(60))
        )
        return DynamoDBStore.Settings(
            database: database,
            table: table,
            genesisValidatorsRoot: network,
            createIfMissing: true,
            retryInterval: .milliseconds(2),
            beat: nil
        )
    }

    /// What only the tests' server can do with the table; scripts/moto-server says what there is.
    func travel(_ action: String, _ copy: String = "-") async throws {
        try await MotoServer.shared.travel(action, table, copy)
    }

    /// Marks a validator as given away.
    func disable(_ validator: RecordIdentity) async throws {
        _ = try await database.updateItem(
            table: table,
            key: ["record_key": .string(validator.publicKey.description), "entry_key": .string("marks")],
            Expression(
                "SET disabled = :t, revision = revision + :one",
                values: [":t": .boolean(true), ":one": .number(1)]
            )
        )
    }
}

/// Opens a record in a table of its own, lets `body` use it, and closes it.
@discardableResult
func withTable<Result>(
    _ change: (inout DynamoDBStore.Settings) -> Void = { _ in },
    _ body: (DynamoDBStore) async throws -> Result
) async throws -> Result {
    var settings = try await DynamoDBStore.Settings.fresh()
    change(&settings)
    let store = try await DynamoDBStore.open(settings)
    let result = try await body(store)
    await store.close()
    try await settings.travel("remove")
    return result
}

/// Lets only some tests of the shared suite use the server at a time: it does one thing at once, and all together would
/// wait longer for it than a client does.
enum MotoPlaces {
    private static let state = Lock((free: 6, waiting: [CheckedContinuation<Void, Never>]()))

    static func take() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 { state.free -= 1; return true }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    static func give() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty { state.free += 1; return nil }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}

/// A server in front of the shared one that loses what the test says.
struct LossyServer: Sendable {
    enum Loss: Sendable {
        case nothing
        /// It never happens.
        case request
        /// It happens, and nobody hears of it.
        case answer
    }

    let server: ScriptedServer

    /// - Parameter loss: by the name of the operation.
    init(_ loss: @escaping @Sendable (String) -> Loss) async throws {
        let target = try await MotoServer.shared.endpoint
        server = try ScriptedServer { _, request in
            let (head, body) = Self.parts(of: request)
            let operation =
                head.first { $0.hasPrefix("X-Amz-Target:") }?.split(separator: ".").last.map(String.init) ?? ""
            let loss = loss(operation)
            if case .request = loss { return .hangUp }
            let headers = head.dropFirst().filter { !$0.hasPrefix("Host:") && !$0.hasPrefix("Content-Length:") }
            let answer = try? HTTPClient().send("POST", target + "/", headers: Array(headers), body: Array(body.utf8))
            guard case .nothing = loss, let answer else { return .hangUp }
            return .answer(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
        }
    }

    private static func parts(of request: String) -> (head: [String], body: String) {
        guard let end = request.firstRange(of: "\r\n\r\n") else { return ([], "") }
        return (
            request[..<end.lowerBound].split(separator: "\r\n").map(String.init), String(request[end.upperBound...])
        )
    }
}
