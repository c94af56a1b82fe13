// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(8)))
struct HealthTests {
    private struct Document: Decodable {
        struct Check: Decodable {
            let id: String
            let status: String
            let reason: String?
            let data: [String: Int]?
            let checks: [Check]?
        }
        let status: String
        let outcome: String
        let checks: [Check]

        subscript(id: String) -> Check? {
            (checks + checks.flatMap { $0.checks ?? [] }).first { $0.id == id }
        }
    }

    private func health(_ signer: RunningSigner) async throws -> (status: Int, document: Document) {
        let answer = try await signer.get("/healthcheck")
        #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
        return (answer.status, try JSONDecoder().decode(Document.self, from: Data(answer.body.utf8)))
    }

    @Test(arguments: [(false, 200, "UP"), (true, 503, "DOWN")])
    func `a key file that cannot be loaded`(isStrict: Bool, status: Int, word: String) async throws {
        let key = try TestKey(1)
        let workplace = try Workplace(keys: [key], settings: "health: {strict_keys: \(isStrict)}")
        try workplace.write("type: file-raw\n", to: "keys/bad.yaml")
        let signer = try await RunningSigner.start(in: workplace)
        let health = try await health(signer)
        #expect(health.status == status)
        #expect(health.document.status == word && health.document.outcome == word)
        #expect(health.document["config-files-loading"]?.data == ["keys-loaded": 1, "error-count": 1])
        #expect(health.document["keys-check"]?.status == word)
        #expect(health.document["default-check"]?.status == "UP")
        #expect(health.document["slashing-protection-db-health-check"]?.status == "UP")
        // Health is what the operator looks at; the good keys sign all the same.
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key).status == 200)
        #expect(try await signer.get("/upcheck").body == "OK")
        #expect(await signer.stop() == 0)
    }

    /// RLIMIT_FSIZE stands for a disk that is full: writes to the record fail, everything else works.
    @Test func `a record that cannot be written refuses, and serves again by itself`() async throws {
        let keys = try (1...2).map { try TestKey($0) }
        let signer = try await RunningSigner.start(in: Workplace(keys: keys))
        #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: keys[0]).status == 200)
        #expect(try await health(signer).document.status == "UP")

        try await limitFiles(of: signer, to: "1")
        let refused = try await signer.sign(SigningBody.attestation(source: 2, target: 3), with: keys[0])
        #expect(refused.status == 503)
        #expect(refused.errorCode == "slashing_protection_unavailable")
        #expect(refused.headers["retry-after"] != nil)
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: keys[1]).status == 503)
        let down = try await health(signer)
        #expect(down.status == 503 && down.document.status == "DOWN")
        #expect(down.document["slashing-protection-db-health-check"]?.reason?.contains("record.sqlite") == true)
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: keys[0]).status == 200)
        #expect(try await signer.get("/upcheck").body == "OK")

        try await limitFiles(of: signer, to: "unlimited")
        _ = try await eventually("health is UP again") { try await health(signer).status == 200 ? true : nil }
        #expect(try await signer.sign(SigningBody.attestation(source: 2, target: 3), with: keys[0]).status == 200)
        let twin = try await signer.sign(SigningBody.attestation(source: 1, target: 2, block: "0x09"), with: keys[0])
        #expect(twin.status == 412, "what was recorded before is not forgotten")
        #expect(await signer.stop() == 0)
    }

    /// Soft limit only, so that it can be lifted again.
    private func limitFiles(of signer: RunningSigner, to limit: String) async throws {
        let tool = try ChildProcess(
            URL(filePath: "/usr/bin/prlimit"),
            ["--pid", "\(signer.process.identifier)", "--fsize=\(limit):"],
            environment: [:],
            in: signer.workplace.folder.path
        )
        let (code, errors) = (await tool.exitCode, try tool.errors())
        try #require(code == 0, "\(errors)")
    }

    @Test func `noop says loudly that nothing is protected, and has no watermark`() async throws {
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(in: Workplace(keys: [key]), ["--anti-slashing-backend", "noop"])
        #expect(try signer.log().contains { $0.level == "ERROR" && $0.message.hasPrefix("NO SLASHING PROTECTION") })
        for block in ["0x01", "0x02"] {
            let body = SigningBody.attestation(source: 1, target: 2, block: block)
            #expect(try await signer.sign(body, with: key).status == 200)
        }
        #expect(try await signer.get("/api/v1/eth2/highWatermark").status == 404)
        #expect(try await health(signer).document["slashing-protection-db-health-check"] == nil)
        #expect(await signer.stop() == 0)
    }
}
