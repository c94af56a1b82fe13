// SPDX-License-Identifier: Apache-2.0
import AWS

/// The runtime is made to be shared.
let runtime = Result { () throws(AWSError) -> AWSRuntime in try AWSRuntime() }

func client(
    endpoint: String,
    credentials: AWSSettings.Credentials = .fixed(accessKey: "AKIDEXAMPLE", secretKey: "a secret of tests"),
    region: String = "eu-central-1",
    retries: RetryRules = RetryRules(attempts: 4, firstPause: .milliseconds(1))
) throws -> AWSClient {
    let settings = AWSSettings(region: region, endpoint: endpoint, credentials: credentials)
    return try AWSClient(service: "dynamodb", settings: settings, runtime: runtime.get(), retries: retries)
}

extension AWSClient {
    func listTables(
        within limit: Duration = .seconds(20),
        isIdempotent: Bool = true,
        endsEarly: Bool = false
    ) async throws(AWSError) -> String {
        let body = Array("{}".utf8)
        let target = "DynamoDB_20120810.ListTables"
        return String(
            decoding: try await call(
                target: target,
                body: body,
                within: limit,
                isIdempotent: isIdempotent,
                endsEarly: endsEarly
            ),
            as: UTF8.self
        )
    }

    /// The error of a call that has to fail.
    func failure(
        within limit: Duration = .seconds(20),
        isIdempotent: Bool = true,
        endsEarly: Bool = false
    ) async -> AWSError? {
        do {
            _ = try await listTables(within: limit, isIdempotent: isIdempotent, endsEarly: endsEarly)
            return nil
        } catch { return error }
    }
}
