// SPDX-License-Identifier: Apache-2.0
import AWS
import DynamoDB
import Foundation
import TestSupport

let runtime = Result { () throws(AWSError) -> AWSRuntime in try AWSRuntime() }

func database(endpoint: String, region: String = "eu-central-1") throws -> DynamoDB {
    let settings = AWSSettings(
        region: region,
        endpoint: endpoint,
        credentials: .fixed(accessKey: "AKIDEXAMPLE", secretKey: "a secret of tests")
    )
    let retries = RetryRules(attempts: 3, firstPause: .milliseconds(1))
    return try DynamoDB(settings: settings, runtime: runtime.get(), within: .seconds(20), retries: retries)
}

/// A table of its own on the shared server.
struct TestTable: Sendable {
    static let keys = TableKeys(partition: .init("validator", .bytes), sort: .init("duty", .string))

    let database: DynamoDB
    let name = "test-\(UUID().uuidString)"

    init() async throws {
        database = try await DynamoDBTests.database(endpoint: MotoServer.shared.endpoint)
        do throws(DynamoDBError) {
            try await database.createTable(name, keys: Self.keys)
        } catch .aws(.unclear) {
            _ = try await database.describeTable(name)
        }
    }

    func key(_ duty: String, validator: UInt8 = 1) -> Item {
        ["validator": .bytes([validator]), "duty": .string(duty)]
    }

    func item(_ duty: String, _ attributes: Item, validator: UInt8 = 1) -> Item {
        key(duty, validator: validator).merging(attributes) { $1 }
    }
}

/// The error that an operation has to end with.
func failure<Value>(_ body: () async throws(DynamoDBError) -> Value) async -> DynamoDBError? {
    do {
        _ = try await body()
        return nil
    } catch { return error }
}
