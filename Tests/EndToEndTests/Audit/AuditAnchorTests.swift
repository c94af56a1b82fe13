// SPDX-License-Identifier: Apache-2.0
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// The anchored head of the audit file, in a signer state that comes and goes.
@Suite(.timeLimit(.minutes(8))) struct AuditAnchorTests {
    @Test func `without the state the anchor is late and signing goes on; an anchor that was edited is noticed`()
        async throws
    {
        let server = try await PostgreSQLServer.started()
        let key = try TestKey(1)
        let url = try await server.createDatabase("state")
        let trail = try Trail(keys: [key], "signer_state: {backend: postgres, url: \"\(url)\"}")
        let signer = try await RunningSigner.start(in: trail.workplace)
        #expect(try await trail.verify().exitCode == 0)
        try await server.kill()
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key).status == 200)
        let health = try await eventually("it is said") {
            let answer = try await signer.get("/healthcheck")
            return answer.body.contains("is not anchored") ? answer : nil
        }
        #expect(health.status == 200)
        let age = try await signer.metrics().firstMatch(of: /containment_audit_anchor_age_seconds ([0-9.]+)/)
        #expect(age.flatMap { Double($0.output.1) } ?? 0 > 0)
        try await server.start()
        _ = try await eventually("it is anchored again") {
            try signer.log().contains { $0.message == "the head of the audit file is anchored again" } ? true : nil
        }
        #expect(await signer.stop() == 0)
        let stopped = try await trail.verify()
        #expect(stopped.exitCode == 0, "\(stopped)")
        // Somebody makes the anchor fit a file that he has cut.
        let table = "containment_chamber.signer_state_rows_v1"
        let edit =
            "convert_to(regexp_replace(convert_from(body, 'UTF8'), '\"sequence\":\"[0-9]+\"', '\"sequence\":\"2\"'), 'UTF8')"
        _ = try await server.psql("UPDATE \(table) SET body = \(edit) WHERE kind = 'audit_head'", database: "state")
        let edited = try await trail.verify()
        #expect(edited.exitCode == 1 && edited.output.contains("anchor: "), "\(edited)")
        await server.stop()
    }
}
