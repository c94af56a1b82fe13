// SPDX-License-Identifier: Apache-2.0
import AWS
import TestSupport
import Testing

/// Calls against servers that say what the test wants.
@Suite(.timeLimit(.minutes(2))) struct CallTests {
    static let throttled =
        #"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}"#

    @Test func `a request is signed and names its operation`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{\"said\":1}") }
        #expect(try await client(endpoint: server.endpoint).listTables() == "{\"said\":1}")
        let request = try #require(server.requests.first)
        #expect(request.hasPrefix("POST / HTTP/1.1\r\n"))
        #expect(request.hasSuffix("\r\n\r\n{}"))
        for line in [
            "Host: 127.0.0.1:\(server.port)\r\n", "X-Amz-Target: DynamoDB_20120810.ListTables\r\n",
            "Content-Type: application/x-amz-json-1.0\r\n", "/eu-central-1/dynamodb/aws4_request, SignedHeaders=",
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/",
        ] { #expect(request.contains(line), "\(line) is not in\n\(request)") }
        #expect(!request.contains("a secret of tests"))
    }

    @Test func `a session token is sent along`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let credentials = AWSSettings.Credentials.fixed(accessKey: "A", secretKey: "B", sessionToken: "a token")
        _ = try await client(endpoint: server.endpoint, credentials: credentials).listTables()
        #expect(server.requests.first?.contains("X-Amz-Security-Token: a token\r\n") == true)
    }

    @Test func `throttling is waited out`() async throws {
        let server = try ScriptedServer {
            $0 < 2 ? .answer(status: 400, body: Self.throttled) : .answer(status: 200, body: "{}")
        }
        #expect(try await client(endpoint: server.endpoint).listTables(isIdempotent: false) == "{}")
        #expect(server.requests.count == 3)
    }

    @Test func `throttling without end is an error that says so`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 400, body: Self.throttled) }
        let error = try await client(endpoint: server.endpoint).failure()
        guard case .throttled(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("ThrottlingException") && reason.contains("eu-central-1"))
        #expect(server.requests.count == 4)
    }

    @Test func `a failure inside the service is tried again only where twice is as good as once`() async throws {
        let fault = #"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"oops"}"#
        let server = try ScriptedServer {
            $0 < 1 ? .answer(status: 500, body: fault) : .answer(status: 200, body: "{}")
        }
        #expect(try await client(endpoint: server.endpoint).listTables(isIdempotent: true) == "{}")
        let other = try ScriptedServer { _ in .answer(status: 500, body: fault) }
        let error = try await client(endpoint: other.endpoint).failure(isIdempotent: false)
        guard case .unclear = error else { throw Unexpected(error) }
        #expect(other.requests.count == 1)
    }

    @Test func `a server that never answers leaves it unclear within the limit`() async throws {
        let server = try ScriptedServer { _ in .silence }
        let error = try await client(endpoint: server.endpoint).failure(within: .seconds(2), isIdempotent: false)
        guard case .unclear(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("no answer within") && reason.contains(server.endpoint))
        #expect(server.requests.count == 1)
    }

    @Test func `a read is asked again where no answer came`() async throws {
        let server = try ScriptedServer { $0 < 1 ? .silence : .answer(status: 200, body: "{}") }
        let retries = RetryRules(attempts: 5, firstPause: .milliseconds(1), longestAttempt: .milliseconds(300))
        let client = try client(endpoint: server.endpoint, retries: retries)
        #expect(try await client.listTables(within: .seconds(60), isIdempotent: true) == "{}")
        #expect(server.requests.count >= 2)
    }

    @Test func `a client can be told how long to wait for an answer`() async throws {
        let server = try ScriptedServer { $0 < 1 ? .silence : .answer(status: 200, body: "{}") }
        let retries = RetryRules(attempts: 5, firstPause: .milliseconds(1), longestAttempt: .seconds(3600))
        let client = try client(endpoint: server.endpoint, retries: retries).waiting(.milliseconds(300))
        #expect(try await client.listTables(within: .seconds(3600), isIdempotent: true) == "{}")
        #expect(server.requests.count >= 2)
    }

    @Test func `a connection that closes instead of an answer leaves it unclear`() async throws {
        let server = try ScriptedServer { _ in .hangUp }
        let error = try await client(endpoint: server.endpoint).failure(isIdempotent: false)
        guard case .unclear = error else { throw Unexpected(error) }
        #expect(server.requests.count == 1)
    }

    @Test func `a call that is called off after a lost answer stays unclear`() async throws {
        let server = try ScriptedServer { _ in .hangUp }
        let retries = RetryRules(attempts: 9, firstPause: .seconds(60), longestPause: .seconds(60))
        let client = try client(endpoint: server.endpoint, retries: retries)
        let call = Task { await client.failure(within: .seconds(100), isIdempotent: true) }
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        call.cancel()
        let error = await call.value
        guard case .unclear = error else { throw Unexpected(error) }
    }

    @Test func `what changes nothing ends at once where it is called off`() async throws {
        let server = try ScriptedServer { _ in .silence }
        let retries = RetryRules(attempts: 2, longestAttempt: .seconds(3600))
        let client = try client(endpoint: server.endpoint, retries: retries)
        let call = Task { await client.failure(within: .seconds(7200), isIdempotent: true, endsEarly: true) }
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        call.cancel()
        let error = await call.value
        guard case .unclear(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("called off"))
        // One that is called off before it begins.
        let early = Task {
            while !Task.isCancelled { await Task.yield() }
            return await client.failure(within: .seconds(7200), isIdempotent: true, endsEarly: true)
        }
        early.cancel()
        _ = await early.value
        #expect(server.requests.count == 1)
    }

    @Test func `nobody listens`() async throws {
        let endpoint = "http://127.0.0.1:\(try ScriptedServer.unusedPort())"
        let error = try await client(endpoint: endpoint).failure(isIdempotent: false)
        guard case .unreachable(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains(endpoint) && reason.contains("dynamodb"))
    }

    @Test func `a name that does not exist`() async throws {
        let error = try await client(endpoint: "https://dynamodb.invalid").failure(within: .seconds(30))
        guard case .unreachable(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("https://dynamodb.invalid") && reason.contains("region"))
    }

    @Test func `a server without TLS is not spoken to where TLS is asked for`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let error = try await client(endpoint: "https://127.0.0.1:\(server.port)").failure(
            within: .seconds(1),
            isIdempotent: false
        )
        guard case .unreachable = error else { throw Unexpected(error) }
        #expect(server.requests.isEmpty)
    }

    @Test func `many calls at once share the connections`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let client = try client(endpoint: server.endpoint)
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<300 {
                group.addTask { try await client.listTables(within: .seconds(60), isIdempotent: false) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 300 && server.requests.count == 300)
    }

    @Test func `a refused signature does not quote the request`() async throws {
        let body =
            #"{"__type":"x#InvalidSignatureException","message":"It does not match.\n\nX-Amz-Security-Token: a token"}"#
        let server = try ScriptedServer { _ in .answer(status: 400, body: body) }
        let error = try await client(endpoint: server.endpoint).failure()
        guard case .credentials(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("It does not match.") && !reason.contains("a token"))
        #expect(reason.contains("region eu-central-1") && reason.contains("clock"))
    }

    @Test(arguments: [(403, "<html>"), (404, ""), (200 + 101, "{}")])
    func `something else than AWS answers`(status: Int, body: String) async throws {
        let server = try ScriptedServer { _ in .answer(status: status, body: body) }
        let error = try await client(endpoint: server.endpoint).failure()
        guard case .settings(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("right endpoint"))
    }

    @Test func `a refusal keeps the words of the service`() async throws {
        let body = #"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"No table"}"#
        let server = try ScriptedServer { _ in .answer(status: 400, body: body) }
        let error = try await client(endpoint: server.endpoint).failure()
        guard case .service(let refusal) = error else { throw Unexpected(error) }
        #expect(refusal.code == "ResourceNotFoundException" && refusal.message == "No table" && refusal.status == 400)
        #expect(server.requests.count == 1)
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ error: AWSError?) { description = error.map { "\($0)" } ?? "it succeeded" }
}
