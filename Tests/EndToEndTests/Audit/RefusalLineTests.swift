// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// What the real program refuses before a route sees it: a line and a count for each.
@Suite(.timeLimit(.minutes(8))) struct RefusalLineTests {
    /// What is sent, and the code that line and counter have.
    private static let refused: [(request: String, code: String)] = [
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "not_found"),
        ("DELETE /upcheck HTTP/1.1\r\nHost: localhost\r\n\r\n", "method_not_allowed"),
        ("GET /upcheck HTTP/1.1\r\nHost: evil.example\r\n\r\n", "host_not_authorized"),
        ("GET /upcheck HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "malformed_request"),
        ("GET /api/v1/eth2/publicKeys HTTP/1.1\r\nHost: localhost\r\nAccept: image/png\r\n\r\n", "not_acceptable"),
        ("GET /upcheck HTTP/1.1\r\nHost: localhost\r\nExpect: 200-ok\r\n\r\n", "unknown_expectation"),
        (
            "POST /api/v1/eth2/sign/0x00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
            "body_too_large"
        ),
        (
            "POST /api/v1/eth2/sign/0x00 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
            "malformed_"
        ),
        (
            "GET /upcheck HTTP/1.1\r\nHost: localhost\r\nX-A: \(String(repeating: "a", count: 20_000))\r\n\r\n",
            "head_too_large"
        ),
    ]

    @Test func `each request that the server itself refuses has one line and is counted`() async throws {
        let trail = try Trail(keys: [])
        let signer = try await RunningSigner.start(in: trail.workplace)
        let port = signer.port
        func lines() throws -> [LogLine] { try trail.lines().filter { $0["event"] == "access" } }
        let before = try lines().count
        try await onThread {
            for (request, _) in Self.refused {
                let connection = try HTTPConnection(port: port)
                try connection.send(request)
                let answer = try connection.answer()
                #expect(answer.map { (400..<500).contains($0.status) } == true, "\(request.prefix(80))")
            }
        }
        let metrics = try await signer.metrics()
        for (_, code) in Self.refused {
            #expect(metrics.contains("containment_refusals_total{code=\"\(code)"), "\(code)")
        }
        #expect(await signer.stop() == 0)
        let codes = try lines().dropFirst(before).map { $0["reason"] ?? "" }
        #expect(codes.count == Self.refused.count, "\(codes)")
        for (_, code) in Self.refused { #expect(codes.contains { $0.hasPrefix(code) }, "\(code)") }
        #expect(try await trail.verify().exitCode == 0)
    }

    @Test func `a canary counts where the Host is not authorized`() async throws {
        let canary = try TestKey(1)
        let trail = try Trail(keys: [], "canary_keys: [\"\(canary.publicKey)\"]")
        let signer = try await RunningSigner.start(in: trail.workplace)
        let port = signer.port
        let path = "/api/v1/eth2/sign/\(canary.publicKey)"
        try await onThread {
            let connection = try HTTPConnection(port: port)
            try connection.send("POST \(path) HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}")
            #expect(try connection.answer()?.status == 403)
        }
        #expect(try await signer.metrics().contains("containment_canary_signing_total 1"))
        #expect(await signer.stop() == 0)
        let lines = try trail.lines().filter { $0["canary"] != nil }
        #expect(lines.count == 1 && lines[0]["reason"] == "host_not_authorized", "\(lines)")
    }

    @Test func `a token that asks for what it may not leaves few lines, and all are counted`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key], "auth: {mode: enforced}")
        let guarded = try await GuardedSigner.start(keys: [], in: trail.workplace)
        let token = try await guarded.token("vc", #"{"effect":"allow","scopes":["public_keys"]}"#)
        let (port, count) = (guarded.signer.port, 2000)
        try await onThread {
            let connection = try HTTPConnection(port: port)
            for _ in 0..<count {
                let target = "/api/v1/eth2/sign/\(key.publicKey)"
                #expect(try connection.exchange("POST", target, token.headers, body: "{}").status == 403)
            }
        }
        #expect(try await guarded.signer.metrics().contains("containment_refusals_total{code=\"forbidden\"} \(count)"))
        #expect(await guarded.signer.stop() == 0)
        let lines = try trail.lines().filter { $0["event"] == "access" && $0["reason"] == "forbidden" }
        let told = lines.map { $0["detail"].flatMap { Int($0.prefix { $0.isNumber }) } ?? 1 }.reduce(0, +)
        #expect(told == count && lines.count < 200, "\(lines.count) lines tell of \(told)")
    }
}
