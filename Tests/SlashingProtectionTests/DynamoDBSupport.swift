// SPDX-License-Identifier: Apache-2.0
import AWS
import BLS
import Concurrency
import Consensus
import DynamoDB
import Foundation
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
