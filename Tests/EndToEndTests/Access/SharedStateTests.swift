// SPDX-License-Identifier: Apache-2.0
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// Two signers whose policies and tokens are in one PostgreSQL.
@Suite(.timeLimit(.minutes(8))) struct SharedStateTests {
    private struct Two {
        let server: PostgreSQLServer
        let one: GuardedSigner
        let other: RunningSigner

        static func start(key: TestKey) async throws -> Two {
            let server = try await PostgreSQLServer.started()
            let environment = [
                "CONTAINMENT_SIGNER_STATE__BACKEND": "postgres",
                "CONTAINMENT_SIGNER_STATE__URL": try await server.createDatabase("state"),
                "CONTAINMENT_AUTH__MODE": "enforced",
            ]
            async let first = RunningSigner.start(in: Workplace(keys: [key]), environment: environment)
            async let second = RunningSigner.start(in: Workplace(keys: [key]), environment: environment)
            let signers = [try await first, try await second]
            let made = try await signers[0].workplace.run("operator", "generate-root-token", "--json")
            try #require(made.exitCode == 0, "\(made)")
            let root = try made.decode(GuardedSigner.Made.self).token
            return Two(server: server, one: GuardedSigner(signer: signers[0], root: root), other: signers[1])
        }

        /// The status of a harmless signature with a token by the second signer.
        func status(_ key: TestKey, _ token: GuardedSigner.Made) async throws -> Int {
            try await GuardedSigner(signer: other, root: "")
                .sign(SigningBody.randaoReveal(epoch: 1), with: key, as: token).status
        }

        func stop() async {
            await one.signer.stop()
            await other.stop()
            await server.stop()
        }
    }

    @Test func `what one grants or revokes, the other follows`() async throws {
        let key = try TestKey(1)
        let two = try await Two.start(key: key)
        let client = try await two.one.token("vc-1", #"{"effect":"allow","scopes":["sign"]}"#)
        _ = try await eventually("the other knows the token") { try await two.status(key, client) == 200 ? true : nil }
        _ = try await two.one.token("vc-1", #"{"effect":"allow","scopes":["public_keys"]}"#)
        _ = try await eventually("the other knows the policy") { try await two.status(key, client) == 403 ? true : nil }
        #expect(try await two.one.command("tokens", "revoke", client.id).exitCode == 0)
        _ = try await eventually("the other refuses") { try await two.status(key, client) == 401 ? true : nil }
        await two.stop()
    }

    @Test func `without the database tokens are honoured and nothing is changed, and all goes on when it is back`()
        async throws
    {
        let key = try TestKey(1)
        let two = try await Two.start(key: key)
        let client = try await two.one.token("vc-1", #"{"effect":"allow","scopes":["sign"]}"#)
        _ = try await eventually("the other knows the token") { try await two.status(key, client) == 200 ? true : nil }
        try await two.server.kill()
        #expect(try await two.status(key, client) == 200)
        let refused = try await two.one.command("tokens", "revoke", client.id)
        #expect(refused.exitCode == 1 && refused.errors.contains("cannot be reached"), "\(refused)")
        #expect(try await two.status(key, client) == 200)
        _ = try await eventually("it is said") {
            try two.other.log().contains { $0.message.contains("are not followed") } ? true : nil
        }
        #expect(try await two.other.metrics().contains("containment_signer_state_reachable 0"))
        try await two.server.start()
        _ = try await eventually("it can be revoked") {
            try await two.one.command("tokens", "revoke", client.id).exitCode == 0 ? true : nil
        }
        _ = try await eventually("the other refuses") { try await two.status(key, client) == 401 ? true : nil }
        await two.stop()
    }
}
