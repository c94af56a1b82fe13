// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// `keys generate` under a request identifier that somebody is at work on.
@Suite(.timeLimit(.minutes(4))) struct BusyRequestTests {
    private static let key = "0x" + String(repeating: "ab", count: 48)
    private static let made = #"{"data":[{"pubkey":"\#(key)","status":"existing","message":""}]}"#

    private static func busy(_ seconds: Int) -> ScriptedServer.Reply {
        .answer(
            status: 409,
            body: #"{"error":{"code":"request_in_progress","message":"it is being carried out"}}"#,
            headers: ["Retry-After: \(seconds)"]
        )
    }

    private func generate(at server: ScriptedServer) async throws -> CommandResult {
        try await Chamber.run([
            "keys", "generate", "--count", "1", "--request-id", "order", "--signer-url", server.endpoint,
        ])
    }

    @Test func `the command waits as it is told, says so, and asks with the same identifier again`() async throws {
        let server = try ScriptedServer { number in number < 2 ? Self.busy(1) : .answer(status: 200, body: Self.made) }
        let result = try await generate(at: server)
        #expect(result.exitCode == 0 && result.output.contains("existing"), "\(result)")
        #expect(result.errors.split(separator: "\n").count { $0.contains("asked again in 1 s") } == 2, "\(result)")
        #expect(server.requests.count == 3)
        let hasOneName = server.requests.allSatisfy { $0.contains(#""request_id":"order-0""#) }
        #expect(hasOneName, "\(server.requests)")
    }

    @Test func `it does not wait for longer than a minute, and says how to go on`() async throws {
        let server = try ScriptedServer { _ in Self.busy(61) }
        let result = try await generate(at: server)
        #expect(result.exitCode == 1 && server.requests.count == 1, "\(result)")
        #expect(result.errors.contains("it is being carried out") && result.errors.contains("--request-id order"))
    }
}
