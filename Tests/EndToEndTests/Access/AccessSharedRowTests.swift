// SPDX-License-Identifier: Apache-2.0
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// Two instances of one chamber over one PostgreSQL, which somebody else can write too.
@Suite(.timeLimit(.minutes(8))) struct AccessSharedRowTests {
    private struct Two {
        let server: PostgreSQLServer
        let database: String
        let signers: [SealedSigner]

        static func start() async throws -> Two {
            let server = try await PostgreSQLServer.shared()
            let database = "chamber_\(UInt64.random(in: 0 ... .max))"
            let url = try await server.createDatabase(database)
            let environment = [
                "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": "",
                "CONTAINMENT_KEY_SOURCES__SQLITE__CREATE_IF_MISSING": "",
                "CONTAINMENT_SIGNER_STATE__PATH": "",
                "CONTAINMENT_KEY_SOURCES__POSTGRES__URL": url,
                "CONTAINMENT_KEY_SOURCES__POSTGRES__CREATE_IF_MISSING": "true",
                "CONTAINMENT_SIGNER_STATE__BACKEND": "postgres", "CONTAINMENT_SIGNER_STATE__URL": url,
                "CONTAINMENT_ANTI_SLASHING__BACKEND": "postgres", "CONTAINMENT_ANTI_SLASHING__URL": url,
            ]
            let place = try await SealedPlace(environment: environment)
            let one = try await place.startOpen()
            let other = try await SealedPlace(holders: place.holders, environment: environment).start()
            try await other.waitUntil("unsealed")
            return Two(server: server, database: database, signers: [one, other])
        }

        func psql(_ script: String) async throws {
            _ = try await server.psql("SET search_path = containment_chamber, public;\n" + script, database: database)
        }

        func status(_ signer: SealedSigner, _ token: GuardedSigner.Made) async throws -> Int {
            try await signer.signer.get("/api/v1/eth2/publicKeys", token.headers).status
        }

        func token(_ signer: SealedSigner, _ name: String) async throws -> CommandResult {
            try await signer.command(
                "operator",
                "auth",
                "tokens",
                "create",
                "--name",
                name,
                "--policy",
                "root",
                "--json"
            )
        }
    }

    @Test func `a token that is put back is refused and named by both, and what one does holds for the other`()
        async throws
    {
        let two = try await Two.start()
        let (one, other) = (two.signers[0], two.signers[1])
        let token = try await two.token(one, "vc").decode(GuardedSigner.Made.self)
        _ = try await eventually("the token on the other") { try await two.status(other, token) == 200 ? true : nil }
        try await two.psql("CREATE TABLE public.stolen AS SELECT * FROM signer_state_rows_v1;")
        let revoked = try await other.command("operator", "auth", "tokens", "revoke", token.id)
        #expect(revoked.exitCode == 0, "\(revoked)")
        _ = try await eventually("a revocation on the first") { try await two.status(one, token) == 401 ? true : nil }

        try await two.psql(
            """
            BEGIN;
            UPDATE signer_state_header_v1 SET revision = revision + 1;
            UPDATE signer_state_rows_v1 AS row SET body = old.body, version = old.version,
                revision = (SELECT revision FROM signer_state_header_v1)
                FROM public.stolen AS old
                WHERE row.kind = 'token' AND row.name = '\(token.id)' AND old.kind = row.kind AND old.name = row.name;
            COMMIT;
            """
        )
        for signer in two.signers {
            _ = try await eventually("a refused row") {
                try signer.log().first { $0["row"] == "token \(token.id)" && $0["fault"] == "replayed" }
            }
            #expect(try await two.status(signer, token) == 401)
        }
        #expect(try await other.command("operator", "auth", "tokens", "delete", token.id).exitCode == 0)

        // Both at once: each change is in the same catalogue.
        let made = try await withThrowingTaskGroup(of: CommandResult.self) { group in
            for number in 0..<6 {
                group.addTask { try await two.token(two.signers[number % 2], "token-\(number)") }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for result in made {
            #expect(result.exitCode == 0, "\(result)")
            let token = try result.decode(GuardedSigner.Made.self)
            for signer in two.signers {
                _ = try await eventually("the token everywhere") {
                    try await two.status(signer, token) == 200 ? true : nil
                }
            }
        }
        for signer in two.signers {
            #expect(!(try await signer.signer.get("/healthcheck")).body.contains("access-check"))
            #expect(await signer.stop() == 0)
        }
    }

    @Test func `without the catalogue both go on with what they have verified, and change nothing`() async throws {
        let two = try await Two.start()
        let token = try await two.token(two.signers[0], "vc").decode(GuardedSigner.Made.self)
        _ = try await eventually("the token on the other") {
            try await two.status(two.signers[1], token) == 200 ? true : nil
        }
        try await two.psql(
            """
            BEGIN;
            UPDATE signer_state_header_v1 SET revision = revision + 1;
            UPDATE signer_state_rows_v1 SET body = NULL, version = version + 1,
                revision = (SELECT revision FROM signer_state_header_v1) WHERE kind = 'access';
            COMMIT;
            """
        )
        for signer in two.signers {
            _ = try await eventually("a refused catalogue") {
                try signer.log().first { $0["row"] == "access CATALOGUE" && $0["fault"] == "missing" }
            }
            #expect(try await two.status(signer, token) == 200)
            let refused = try await two.token(signer, "another")
            #expect(refused.exitCode != 0 && refused.errors.contains("--accept-access-rows"), "\(refused)")
            let health = try await signer.signer.get("/healthcheck")
            #expect(health.status == 200 && health.body.contains("access-check"), "\(health)")
            #expect(await signer.stop() == 0)
        }
    }
}
