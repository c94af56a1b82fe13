// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Secrets

/// A client of one service of AWS that speaks JSON over POST: DynamoDB, KMS.
package struct AWSClient: Sendable {
    private let service: String
    private let contentType: String
    private let region: String
    private let endpoint: Endpoint
    private let runtime: AWSRuntime
    private let pool: ConnectionPool
    private let signer: RequestSigner
    private var retries: RetryRules

    /// - Parameters:
    ///   - service: as it stands in host names and signatures, such as `dynamodb`.
    ///   - jsonVersion: of the service's protocol: `1.0` for DynamoDB, `1.1` for KMS.
    package init(
        service: String,
        jsonVersion: String = "1.0",
        settings: AWSSettings,
        runtime: AWSRuntime,
        retries: RetryRules = RetryRules()
    ) throws(AWSError) {
        self.service = service
        contentType = "application/x-amz-json-\(jsonVersion)"
        region = settings.region
        endpoint = try settings.endpoint(of: service)
        self.runtime = runtime
        self.retries = retries
        pool = try ConnectionPool(to: endpoint, runtime: runtime)
        signer = RequestSigner(
            service: service,
            region: region,
            credentials: try CredentialsProvider(settings.credentials, runtime: runtime)
        )
    }

    /// The same client, over the same connections, that waits so long for the answer to what may be asked again.
    package func waiting(_ longestAttempt: Duration) -> AWSClient {
        var client = self
        client.retries.longestAttempt = longestAttempt
        return client
    }

    /// For errors: which service, where.
    package var place: String { "\(service) at \(endpoint) (region \(region))" }

    /// Calls one operation and returns the body of its answer.
    ///
    /// What certainly has not happened is tried again, after a random pause that grows; what may have happened is tried
    /// again only where twice is the same as once.
    ///
    /// - Parameters:
    ///   - target: the operation as the service names it, such as `DynamoDB_20120810.GetItem`.
    ///   - limit: for all attempts together.
    ///   - isIdempotent: whether having it happen twice is the same as once: a read, or a write with a token of its own.
    ///   - endsEarly: whether it ends at once where the task is called off: for what changes nothing.
    ///   - isTransient: which refusals mean that it has not happened and may go well the next time, besides throttling.
    package func call(
        target: String,
        body: [UInt8],
        within limit: Duration,
        isIdempotent: Bool,
        endsEarly: Bool = false,
        isTransient: (ServiceError) -> Bool = { _ in false }
    ) async throws(AWSError) -> [UInt8] {
        let request = request(target, .plain(body))
        return try await answer(to: request, false, limit, isIdempotent, endsEarly: endsEarly, isTransient).plain()
    }

    /// Calls one operation whose request holds a secret: it is sent from secret memory.
    ///
    /// - Parameter quotable: refusals in whose words nothing of the request stands, by code. Of every other the error has the
    ///   code alone: a service that finds fault with a request may quote it.
    package func call(
        target: String,
        secretBody: consuming SecretBytes,
        within limit: Duration,
        isIdempotent: Bool,
        quotable: Set<String>
    ) async throws(AWSError) -> [UInt8] {
        let request = request(target, .secret(SecretBox(secretBody)), quotable: quotable)
        return try await answer(to: request, false, limit, isIdempotent, { _ in false }).plain()
    }

    /// Calls one operation whose answer holds a secret: it is received into secret memory.
    package func callForSecret(
        target: String,
        body: [UInt8],
        within limit: Duration,
        isIdempotent: Bool
    ) async throws(AWSError) -> SecretBytes {
        let request = request(target, .plain(body))
        return try await answer(to: request, true, limit, isIdempotent, { _ in false }).secretBytes()
    }

    private func request(_ target: String, _ body: RequestBody, quotable: Set<String>? = nil) -> Request {
        Request(
            headers: [
                ("Host", endpoint.authority), ("Content-Type", contentType), ("X-Amz-Target", target),
                ("Content-Length", String(body.count)), ("Accept-Encoding", "identity"),
                ("User-Agent", "containment-chamber"),
            ],
            body: body,
            quotable: quotable
        )
    }

    private func answer(
        to request: Request,
        _ expectingSecret: Bool,
        _ limit: Duration,
        _ isIdempotent: Bool,
        endsEarly: Bool = false,
        _ isTransient: (ServiceError) -> Bool
    ) async throws(AWSError) -> AnswerBody {
        let end = MonotonicClock.nanoseconds &+ UInt64(clamping: limit.nanoseconds)
        var attempts = RetryState(rules: retries, isIdempotent: isIdempotent)
        while true {
            let left = Duration.nanoseconds(Int64(clamping: end) - Int64(clamping: MonotonicClock.nanoseconds))
            let outcome = await Exchange.run(
                request,
                expectingSecret: expectingSecret,
                signer: signer,
                pool: pool,
                runtime: runtime,
                within: attempts.limit(left: left),
                endsEarly: endsEarly
            )
            let answer = Answer(
                outcome,
                to: request,
                place: place,
                source: signer.credentials.source,
                isTransient: isTransient
            )
            if case .success(let body) = answer { return body }
            let remaining = Duration.nanoseconds(Int64(clamping: end) - Int64(clamping: MonotonicClock.nanoseconds))
            var generator = SystemRandomNumberGenerator()
            switch attempts.next(after: answer, left: remaining, using: &generator) {
            case .giveUp(let error): throw error
            case .retry(let pause):
                do { try await Task.sleep(for: pause) } catch {
                    throw attempts.conclusion(.unreachable(reason: "\(place): the call was called off"))
                }
            }
        }
    }
}
