// SPDX-License-Identifier: Apache-2.0
package import AWS
internal import JSON

/// A client of DynamoDB. Reads are strongly consistent, those of an index excepted, which says so (`queryIndex`): what is
/// read decides what may be signed.
package struct DynamoDB: Sendable {
    private var client: AWSClient
    /// For one operation, all attempts together.
    private var limit: Duration

    package init(
        settings: AWSSettings,
        runtime: AWSRuntime,
        within limit: Duration = .seconds(5),
        retries: RetryRules = RetryRules()
    ) throws(AWSError) {
        client = try AWSClient(service: "dynamodb", settings: settings, runtime: runtime, retries: retries)
        self.limit = limit
    }

    /// The same, over the same connections, for answers that take their time: pages of a megabyte, many of them on one way.
    ///
    /// - Parameters:
    ///   - longestAttempt: how long to wait for one answer before it is asked again.
    ///   - limit: for one operation, all attempts together.
    package func patient(longestAttempt: Duration, within limit: Duration) -> DynamoDB {
        var patient = self
        patient.client = client.waiting(longestAttempt)
        patient.limit = limit
        return patient
    }

    /// For errors: which service, where.
    package var place: String { client.place }

    func call(
        _ operation: String,
        _ members: [(name: String, value: JSONOutput)],
        isIdempotent: Bool,
        endsEarly: Bool = false
    ) async throws(DynamoDBError) -> [UInt8] {
        do {
            return try await client.call(
                target: "DynamoDB_20120810.\(operation)",
                body: JSONOutput.object(members).bytes,
                within: limit,
                isIdempotent: isIdempotent,
                endsEarly: endsEarly,
                isTransient: DynamoDBError.isTransient
            )
        } catch { throw DynamoDBError(error) }
    }

    /// Calls an operation that changes nothing, and reads its answer.
    ///
    /// - Parameter endsEarly: whether it ends at once where the task is called off.
    func read(
        _ operation: String,
        _ members: [(name: String, value: JSONOutput)],
        endsEarly: Bool = false
    ) async throws(DynamoDBError) -> JSONValue {
        let body = try await call(operation, members, isIdempotent: true, endsEarly: endsEarly)
        do { return try JSONDocument(body).root } catch {
            throw .malformed(reason: "the answer to \(operation) is no JSON, \(error)")
        }
    }
}
