// SPDX-License-Identifier: Apache-2.0
import Foundation
import SQLite
import TestSupport
import Testing

/// The signer state of a real signer, edited past it: while it runs, and while it is stopped.
@Suite(.timeLimit(.minutes(8))) struct AccessRowTests {
    /// A signer with an open chamber, a key, and a token that may sign with it.
    private struct Attacked {
        let place: SealedPlace
        let signer: SealedSigner
        let key: String
        let token: GuardedSigner.Made

        var state: String { place.workplace.folder.file("state.sqlite") }

        init() async throws {
            place = try await SealedPlace()
            signer = try await place.startOpen()
            key = try await signer.generate(1)[0]
            try place.workplace.write(
                #"{"name":"vc","rules":[{"effect":"allow","scopes":["sign"]}]}"#,
                to: "vc.json"
            )
            let applied = try await signer.command("operator", "auth", "policies", "apply", "vc.json")
            try #require(applied.exitCode == 0, "\(applied)")
            let made = try await signer.command(
                "operator",
                "auth",
                "tokens",
                "create",
                "--name",
                "vc",
                "--policy",
                "vc",
                "--json"
            )
            token = try made.decode(GuardedSigner.Made.self)
        }

        func revoke(_ signer: SealedSigner) async throws {
            let revoked = try await signer.command("operator", "auth", "tokens", "revoke", token.id)
            #expect(revoked.exitCode == 0, "\(revoked)")
        }

        func status(_ signer: SealedSigner) async throws -> Int {
            let body = SigningBody.randaoReveal(epoch: 1)
            let path = "/api/v1/eth2/sign/\(key)"
            return try await signer.signer.send("POST", path, token.headers, body: body).status
        }

        /// The state as it is, beside it.
        func keep(_ name: String) throws {
            try place.workplace.folder.write(try Data(contentsOf: URL(filePath: state)), to: name)
        }

        /// Writes into the file past whoever holds it.
        func edit(_ sql: String) throws {
            let connection = try Connection(path: state, mode: .readWrite, vfs: "unix-none")
            try connection.execute("PRAGMA journal_mode = MEMORY")
            try connection.execute("ATTACH '\(place.workplace.folder.file("yesterday"))' AS yesterday")
            try connection.execute(sql)
        }

        /// The row of the token as it was before it was revoked, its version too.
        func putBackToken() throws {
            try edit(
                """
                UPDATE rows SET (version, body) = (SELECT version, body FROM yesterday.rows AS old
                    WHERE old.kind = 'token' AND old.name = '\(token.id)')
                    WHERE kind = 'token' AND name = '\(token.id)'
                """
            )
        }

        func restart() async throws -> SealedSigner {
            let again = try await place.start()
            try await again.waitUntil("unsealed")
            return again
        }
    }

    @Test func `a revoked token that is put back into the file stays revoked, also after a restart`() async throws {
        let attacked = try await Attacked()
        let first = attacked.signer
        #expect(try await attacked.status(first) == 200)
        try attacked.keep("yesterday")
        try await attacked.revoke(first)
        #expect(try await attacked.status(first) == 401)
        // Under the running signer.
        try attacked.putBackToken()
        #expect(try await attacked.status(first) == 401)
        #expect(await first.stop() == 0)

        let second = try await attacked.restart()
        #expect(try await attacked.status(second) == 401)
        let health = try await second.signer.get("/healthcheck")
        #expect(health.status == 200 && health.body.contains(#""refused-rows":1"#), "\(health)")
        let line = try second.log().first { $0["fault"] == "replayed" }
        #expect(line?["row"] == "token \(attacked.token.id)" && line?.level == "ERROR")
        let listed = try await second.command("operator", "auth", "tokens", "list")
        #expect(listed.errors.contains("REFUSED: token \(attacked.token.id) is replayed"), "\(listed)")
        let faults = try await second.signer.metrics()
        #expect(faults.contains(#"containment_access_row_faults_total{fault="replayed"} 1"#), "\(faults)")
        // A management token can clear it away, and not bring it back.
        #expect(try await second.command("operator", "auth", "tokens", "delete", attacked.token.id).exitCode == 0)
        #expect(try await attacked.status(second) == 401)
        #expect(await second.stop() == 0)
    }

    @Test func `a policy that is widened while the signer is stopped lets nobody do anything`() async throws {
        let attacked = try await Attacked()
        try attacked.keep("yesterday")
        #expect(await attacked.signer.stop() == 0)
        try attacked.edit(
            """
            UPDATE rows SET body = CAST(replace(CAST(body AS TEXT), '"scopes":["sign"]', '"keys":null') AS BLOB)
                WHERE kind = 'policy' AND name = 'vc'
            """
        )
        let second = try await attacked.restart()
        #expect(try await attacked.status(second) == 403)
        #expect(try second.log().contains { $0["fault"] == "tampered" && $0["row"] == "policy vc" })
        // Applied anew it is whole again.
        let applied = try await second.command("operator", "auth", "policies", "apply", "vc.json")
        #expect(applied.exitCode == 0, "\(applied)")
        #expect(try await attacked.status(second) == 200)
        #expect(await second.stop() == 0)
    }

    @Test func `a state of yesterday lets nobody in until an operator has looked at it`() async throws {
        let attacked = try await Attacked()
        let first = attacked.signer
        try attacked.keep("yesterday")
        try await attacked.revoke(first)
        #expect(await first.stop() == 0)
        let folder = attacked.place.workplace.folder
        try folder.write(try folder.contents("yesterday"), to: "state.sqlite")

        let second = try await attacked.place.start()
        _ = try await eventually("a refusal of the catalogue") {
            try second.log().first { $0["row"] == "access CATALOGUE" && $0["fault"] == "replayed" }
        }
        #expect(try await attacked.status(second) == 503)
        let health = try await second.signer.get("/healthcheck")
        #expect(health.status == 503 && health.body.contains("access-check"), "\(health)")
        let arguments = ["operator", "generate-root-token", "--json"]
        let environment = attacked.place.environment
        let refused = try await attacked.place.workplace.run(arguments, environment: environment)
        #expect(refused.exitCode != 0 && refused.errors.contains("--accept-access-rows"), "\(refused)")

        let shown = try await attacked.place.workplace.run(
            arguments + ["--accept-access-rows"],
            environment: environment
        )
        #expect(shown.exitCode == 0 && shown.output.isEmpty, "\(shown)")
        #expect(shown.errors.contains("believe  token \(attacked.token.id)"), "\(shown)")
        #expect(try await attacked.status(second) == 503)
        let accepted = try await attacked.place.workplace.run(
            arguments + ["--accept-access-rows", "--yes"],
            environment: environment
        )
        #expect(accepted.exitCode == 0, "\(accepted)")
        let root = SealedSigner(
            signer: second.signer,
            root: try accepted.decode(GuardedSigner.Made.self).token
        )
        // The operator was told to look for it.
        #expect(try await attacked.status(second) == 200)
        try await attacked.revoke(root)
        #expect(try await attacked.status(second) == 401)
        #expect(await second.stop() == 0)
        let third = try await attacked.restart()
        #expect(try await attacked.status(third) == 401)
        #expect(try await third.signer.get("/healthcheck").status == 200)
        #expect(await third.stop() == 0)
    }

    @Test func `where operators open the chamber, they approve the rows and the token that comes of it`() async throws {
        let quorum = try await QuorumPlace()
        let place = quorum.place
        let signer = try await quorum.startOpen()
        let folder = place.workplace.folder
        let made = try await signer.command(
            "operator",
            "auth",
            "tokens",
            "create",
            "--name",
            "vc",
            "--policy",
            "root",
            "--json"
        )
        let token = try made.decode(GuardedSigner.Made.self)
        let yesterday = try folder.contents("state.sqlite")
        #expect(try await signer.command("operator", "auth", "tokens", "revoke", token.id).exitCode == 0)
        #expect(await signer.stop() == 0)
        try folder.write(yesterday, to: "state.sqlite")

        let second = try await quorum.restart(signer)
        for name in ["alice", "carol"] { #expect(try await quorum.unseal(name, at: second).exitCode == 0) }
        _ = try await eventually("a refusal of the catalogue") {
            try second.log().first { $0["row"] == "access CATALOGUE" && $0["fault"] == "replayed" }
        }
        // The operator of the machine, who waits; what is said there they tell the others.
        let waiting = try ChildProcess(
            Chamber.binary,
            [
                "operator", "generate-root-token", "--json", "--accept-access-rows", "--yes", "-c",
                place.workplace.configuration,
            ],
            environment: Chamber.environment(Workplace.environment.merging(place.environment) { $1 }),
            in: folder.path
        )
        var approved: [String] = []
        for what in ["the rows", "the token"] {
            let proposal = try await eventually("a proposal of \(what)") { () -> String? in
                let said = try waiting.errors().matches(of: /--proposal ([0-9a-f]+) --operator/).map { String($0.1) }
                return said.first { !approved.contains($0) }
            }
            let health = try await second.signer.get("/healthcheck")
            #expect(health.body.contains("access-check") == approved.isEmpty, "\(what): \(health)")
            for name in ["bob", "carol"] {
                let answer = try await quorum.approve(proposal, name, at: second)
                #expect(answer.exitCode == 0, "\(answer)")
            }
            approved.append(proposal)
        }
        let code = await waiting.exitCode
        let said = try waiting.errors()
        #expect(code == 0 && said.contains("believe  token \(token.id)"), "\(said)")
        let root = try JSONDecoder().decode(GuardedSigner.Made.self, from: Data(waiting.output().utf8)).token
        let revoked = try await SealedSigner(signer: second.signer, root: root)
            .command("operator", "auth", "tokens", "revoke", token.id)
        #expect(revoked.exitCode == 0, "\(revoked)")
        #expect(await second.stop() == 0)
    }

    @Test func `while the chamber is sealed tokens are good for looking and unsealing, and none is made`() async throws
    {
        let attacked = try await Attacked()
        let signer = attacked.signer
        #expect(try await signer.command("operator", "seal").exitCode == 0)
        let listed = try await signer.command("operator", "auth", "tokens", "list")
        #expect(listed.exitCode == 0 && listed.output.contains(attacked.token.id), "\(listed)")
        for arguments in [
            ["operator", "auth", "policies", "apply", "vc.json"],
            ["operator", "auth", "tokens", "delete", attacked.token.id],
        ] {
            let refused = try await signer.command(arguments)
            #expect(refused.exitCode != 0 && refused.errors.contains("unseal"), "\(refused)")
        }
        let made = try await attacked.place.workplace.run(
            ["operator", "generate-root-token"],
            environment: attacked.place.environment
        )
        #expect(made.exitCode != 0 && made.errors.contains("unseal the chamber first"), "\(made)")
        #expect(try await signer.command("operator", "unseal").exitCode == 0)
        #expect(try await attacked.status(signer) == 200)
        #expect(await signer.stop() == 0)
    }
}
