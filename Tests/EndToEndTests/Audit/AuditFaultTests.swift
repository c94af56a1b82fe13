// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

private let prlimit = ["/usr/bin/prlimit", "/bin/prlimit"].first { FileManager.default.isExecutableFile(atPath: $0) }

/// The real program whose audit file cannot grow any more: the limit on the size of files (RLIMIT_FSIZE) stands for a full
/// disk. Randao reveals leave the slashing record alone, which would meet the limit too.
@Suite(.timeLimit(.minutes(8)), .enabled(if: prlimit != nil, "prlimit is not installed")) struct AuditFaultTests {
    /// A signer whose audit file is larger than all its other files.
    private static func start(_ trail: Trail, _ key: TestKey) async throws -> RunningSigner {
        let signer = try await RunningSigner.start(in: trail.workplace, environment: ["RUST_LOG": "info,audit=off"])
        let port = signer.port
        try await onThread {
            let connection = try HTTPConnection(port: port)
            for epoch in UInt64(0)..<700 {
                let target = "/api/v1/eth2/sign/\(key.publicKey)"
                let answer = try connection.exchange("POST", target, body: SigningBody.randaoReveal(epoch: epoch))
                #expect(answer.status == 200)
            }
        }
        return signer
    }

    private static func limit(_ signer: RunningSigner, to bytes: String) async throws {
        let tool = try ChildProcess(
            URL(filePath: prlimit ?? ""),
            ["--pid", "\(signer.process.identifier)", "--fsize=\(bytes):unlimited"],
            environment: [:],
            in: signer.workplace.folder.path
        )
        #expect(await tool.exitCode == 0)
    }

    /// So far and not a line further.
    private static func fill(_ signer: RunningSigner, _ trail: Trail) async throws {
        try await limit(signer, to: "\(try trail.folder.contents("audit.log").count + 20)")
    }

    private static func health(_ signer: RunningSigner, is status: Int) async throws -> String {
        try await eventually("health \(status)") {
            let answer = try await signer.get("/healthcheck")
            return answer.status == status ? answer.body : nil
        }
    }

    @Test func `what cannot be audited is not signed, until it can`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key])
        let signer = try await Self.start(trail, key)
        try await Self.fill(signer, trail)
        let refused = try await signer.sign(SigningBody.randaoReveal(epoch: 9000), with: key)
        #expect(refused.status == 503 && refused.body.contains(#""code":"audit_unavailable""#))
        #expect(!refused.body.contains("signature\""))
        let health = try await Self.health(signer, is: 503)
        #expect(health.contains("audit-file-check") && health.contains("audit file cannot be written"))
        // An admin action is not begun.
        let token = try await trail.workplace.run("operator", "generate-root-token")
        #expect(token.exitCode == 1 && token.errors.contains("nothing was done"), "\(token)")
        let metrics = try await signer.metrics()
        #expect(metrics.contains("containment_audit_writable 0"))
        try await Self.limit(signer, to: "unlimited")
        _ = try await Self.health(signer, is: 200)
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 9001), with: key).status == 200)
        #expect(try await trail.workplace.run("operator", "generate-root-token").exitCode == 0)
        #expect(await signer.stop() == 0)
        let lines = try trail.lines()
        #expect(lines.count { $0["event"] == "signing" } == 701)
        #expect(lines.contains { $0["event"] == "audit_resumed" && $0["unwritten"] != "0" })
        #expect(lines.filter { $0["event"] == "admin" }.map { $0["outcome"] } == ["begun", "done"])
        #expect(try await trail.verify().exitCode == 0)
    }

    @Test func `continue signs all the same, and counts`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key], audit: "on_failure: continue")
        let signer = try await Self.start(trail, key)
        try await Self.fill(signer, trail)
        for epoch in UInt64(9000)..<9005 {
            #expect(try await signer.sign(SigningBody.randaoReveal(epoch: epoch), with: key).status == 200)
        }
        let health = try await Self.health(signer, is: 200)
        #expect(health.contains("audit file cannot be written"))
        let failures = try await signer.metrics().firstMatch(of: /containment_audit_failures_total (\d+)/)?.output.1
        #expect(failures.flatMap { Int($0) } ?? 0 >= 5)
        // Not so an admin action.
        #expect(try await trail.workplace.run("operator", "generate-root-token").exitCode == 1)
        try await Self.limit(signer, to: "unlimited")
        #expect(await signer.stop() == 0)
        #expect(
            try signer.log().contains { $0.level == "ERROR" && $0.message.hasPrefix("AUDIT: nothing can be written") }
        )
    }
}
