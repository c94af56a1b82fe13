// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(8))) struct TraceTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private static func workplace(_ key: TestKey, _ endpoint: String, ratio: String = "0") throws -> Workplace {
        let tracing = "tracing: {otlp_endpoint: \"\(endpoint)\", sample_ratio: \(ratio)}"
        return try Workplace(keys: [key], settings: tracing)
    }

    @Test func `the collector gets the parts of a request, in the trace of its client`() async throws {
        let collector = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(in: Self.workplace(key, collector.endpoint))
        let answer = try await signer.send(
            "POST",
            "/api/v1/eth2/sign/\(key.publicKey)",
            ["traceparent: \(Self.parent)"],
            body: SigningBody.attestation(source: 1, target: 2)
        )
        #expect(answer.status == 200)
        // Not asked for: not traced.
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key).status == 200)
        let request = try await eventually("a batch") { collector.requests.first }
        #expect(await signer.stop() == 0)
        #expect(request.hasPrefix("POST /v1/traces HTTP/1.1") && request.contains("Content-Type: application/json"))
        for name in ["sign_request", "read", "record", "sign", "audit"] {
            #expect(request.contains("\"name\":\"\(name)\""))
        }
        #expect(request.contains("\"traceId\":\"0af7651916cd43dd8448eb211c80319c\""))
        #expect(request.contains("\"parentSpanId\":\"b7ad6b7169203331\"") && request.contains("ATTESTATION"))
        let all = collector.requests.joined()
        #expect(!all.contains("RANDAO_REVEAL") && !all.contains(key.secret))
    }

    @Test(arguments: [true, false]) func `a collector that is gone or silent costs nothing`(isGone: Bool) async throws {
        let collector = try ScriptedServer { _ in .silence }
        let endpoint = isGone ? "http://127.0.0.1:\(try ScriptedServer.unusedPort())" : collector.endpoint
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(in: Self.workplace(key, endpoint, ratio: "1"))
        for epoch in UInt64(1)..<20 {
            #expect(try await signer.sign(SigningBody.randaoReveal(epoch: epoch), with: key).status == 200)
        }
        #expect(await signer.stop() == 0)
        #expect(try signer.log().contains { $0.level == "WARN" && $0.message.contains("traces are dropped") })
    }

    @Test(arguments: ["ftp://x", "http://user:secret@127.0.0.1", "127.0.0.1:4318"])
    func `an endpoint that is none is refused`(endpoint: String) async throws {
        let result = try await Self.workplace(try TestKey(1), endpoint).run("config", "check")
        #expect(result.exitCode == 2 && result.errors.contains("tracing.otlp_endpoint"))
        #expect(!result.errors.contains("secret@"))
    }
}
