// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A signer with enforced tokens, its first management token, and what can be done with it.
struct GuardedSigner: Sendable {
    let signer: RunningSigner
    let root: String

    /// A token with its identifier.
    struct Made: Decodable, Sendable {
        let id: String
        let token: String
        var headers: [String] { ["Authorization: Bearer \(token)", "Accept: application/json"] }
    }

    static func start(
        keys: [TestKey],
        settings: String = "auth: {mode: enforced}",
        in place: Workplace? = nil
    ) async throws -> GuardedSigner {
        let workplace = try place ?? Workplace(keys: keys, settings: settings)
        let signer = try await RunningSigner.start(in: workplace)
        let made = try await workplace.run("operator", "generate-root-token", "--ttl", "1h", "--json")
        try #require(made.exitCode == 0, "\(made)")
        return GuardedSigner(signer: signer, root: try made.decode(Made.self).token)
    }

    /// An operator's command with the management token in the environment.
    func command(_ arguments: String...) async throws -> CommandResult { try await command(arguments) }

    func command(_ arguments: [String]) async throws -> CommandResult {
        try await Chamber.run(
            ["operator", "auth"] + arguments + [
                "--signer-url", "http://127.0.0.1:\(signer.port)", "--auth-token", "env:ROOT",
            ],
            environment: ["ROOT": root],
            in: signer.workplace.folder.path
        )
    }

    /// Makes a policy of these rules and a token that has it.
    func token(_ name: String, _ rules: String) async throws -> Made {
        try signer.workplace.write(#"{"name":"\#(name)","rules":[\#(rules)]}"#, to: name + ".json")
        let applied = try await command("policies", "apply", name + ".json")
        try #require(applied.exitCode == 0, "\(applied)")
        let made = try await command("tokens", "create", "--name", name, "--policy", name, "--json")
        return try made.decode(Made.self)
    }

    func sign(_ body: String, with key: TestKey, as token: Made) async throws -> HTTPAnswer {
        try await signer.send("POST", "/api/v1/eth2/sign/\(key.publicKey)", token.headers, body: body)
    }
}

@Suite(.timeLimit(.minutes(8))) struct TokenTests {
    private static let exit = """
        {"type":"VOLUNTARY_EXIT","fork_info":{"fork":{"previous_version":"0x10000910","current_version":"0x10000910",\
        "epoch":"0"},"genesis_validators_root":"\(SigningBody.hoodi)"},"voluntary_exit":{"epoch":"1",\
        "validator_index":"7"}}
        """

    @Test func `without a token nobody gets anything but health`() async throws {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key])
        let signer = guarded.signer
        for (method, path) in [
            ("GET", "/api/v1/eth2/publicKeys"), ("POST", "/api/v1/eth2/sign/\(key.publicKey)"), ("POST", "/reload"),
            ("GET", "/reload"), ("GET", "/api/v1/eth2/highWatermark"), ("GET", "/api/v1/auth/tokens"),
            ("POST", "/api/v1/auth/tokens"), ("GET", "/api/v1/auth/policies"),
        ] {
            let answer = try await signer.send(
                method,
                path,
                ["Accept: application/json"],
                body: method == "POST" ? "{}" : nil
            )
            #expect(answer.status == 401, "\(method) \(path)")
            #expect(answer.errorCode == "missing_token")
            #expect(answer.headers["www-authenticate"] != nil)
        }
        #expect(try await signer.get("/upcheck").status == 200)
        #expect(try await signer.get("/healthcheck").status == 200)
        let bad = try await signer.get("/api/v1/eth2/publicKeys", ["Authorization: Bearer cc_token_nonsense"])
        #expect(bad.status == 401)
        let twice = try await signer.get("/upcheck", ["Authorization: Bearer a", "authorization: Bearer b"])
        #expect(twice.status == 400)
        await signer.stop()
    }

    @Test func `a token can do what its policies say, and nothing else`() async throws {
        let keys = [try TestKey(1), try TestKey(2)]
        let guarded = try await GuardedSigner.start(keys: keys)
        let signer = guarded.signer
        let client = try await guarded.token(
            "vc-1",
            """
            {"effect":"allow","scopes":["sign","public_keys"],"keys":["\(keys[0].publicKey)"]},
            {"effect":"deny","operations":["VOLUNTARY_EXIT"]}
            """
        )
        let attestation = SigningBody.attestation(source: 1, target: 2)
        #expect(try await guarded.sign(attestation, with: keys[0], as: client).status == 200)
        #expect(try await guarded.sign(Self.exit, with: keys[0], as: client).status == 403)
        // The same answer for a key of somebody else and for one that nobody has.
        let other = try await guarded.sign(attestation, with: keys[1], as: client)
        let nobodys = try await guarded.sign(attestation, with: try TestKey(3), as: client)
        #expect(other.status == 403 && other.body == nobodys.body)
        let listed = try await signer.get("/api/v1/eth2/publicKeys", client.headers)
        #expect(listed.body == "[\"\(keys[0].publicKey)\"]")
        #expect(try await signer.get("/reload", client.headers).status == 403)
        #expect(try await signer.get("/api/v1/auth/tokens", client.headers).status == 403)

        // Basic, as a client sends it that is given http://any:TOKEN@host.
        let basic = "Authorization: Basic " + Data("any:\(client.token)".utf8).base64EncodedString()
        #expect(try await signer.get("/api/v1/eth2/publicKeys", [basic]).status == 200)

        let elsewhere = try await guarded.token(
            "elsewhere",
            #"{"effect":"allow","source_cidrs":["192.0.2.0/24"]}"#
        )
        #expect(try await guarded.sign(attestation, with: keys[0], as: elsewhere).status == 403)
        await signer.stop()
    }

    @Test func `a revoked token is refused at once, after a restart too, and nothing of it is in the log`() async throws
    {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key])
        var signer = guarded.signer
        let client = try await guarded.token("vc-1", #"{"effect":"allow","scopes":["sign"]}"#)
        let kept = try await guarded.token("vc-2", #"{"effect":"allow","scopes":["sign"]}"#)
        #expect(try await guarded.sign(SigningBody.randaoReveal(epoch: 1), with: key, as: client).status == 200)
        let revoked = try await guarded.command("tokens", "revoke", client.id)
        #expect(revoked.exitCode == 0 && revoked.output.contains("revoked"), "\(revoked)")
        let answer = try await guarded.sign(SigningBody.randaoReveal(epoch: 1), with: key, as: client)
        #expect(answer.status == 401 && answer.errorCode == "invalid_token")

        let log = try signer.process.output() + signer.process.errors()
        for secret in [client.token, kept.token, guarded.root] { #expect(!log.contains(secret.dropFirst(9))) }
        #expect(try signer.log().contains { $0.target == "audit" && $0["caller"] == "token:\(client.id)" })

        await signer.kill()
        signer = try await RunningSigner.start(in: signer.workplace)
        let again = GuardedSigner(signer: signer, root: guarded.root)
        #expect(try await again.sign(SigningBody.randaoReveal(epoch: 1), with: key, as: client).status == 401)
        #expect(try await again.sign(SigningBody.randaoReveal(epoch: 1), with: key, as: kept).status == 200)
        let state = try signer.workplace.folder.contents("record.sqlite.state")
        #expect(!String(decoding: state, as: UTF8.self).contains(kept.token.dropFirst(9)))
        #expect(try signer.workplace.folder.mode("record.sqlite.state") == 0o600)
        await signer.stop()
    }

    /// Many requests are under way when a token is revoked: once the answer is there, none of them is signed any more.
    @Test func `nothing is signed with a token after its revocation was answered`() async throws {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key])
        for round in 0..<5 {
            let client = try await guarded.token("vc-\(round)", #"{"effect":"allow","scopes":["sign"]}"#)
            let signed = try await withThrowingTaskGroup(of: (Bool, ContinuousClock.Instant).self) { group in
                let port = guarded.signer.port
                let begun = Places(0)
                for number in 0..<8 {
                    group.addTask {
                        try await onThread {
                            let connection = try HTTPConnection(port: port)
                            var last: ContinuousClock.Instant?
                            for epoch in 0..<100_000 {
                                if epoch == 3 { begun.giveBack() }
                                let sent = ContinuousClock.now
                                let answer = try connection.exchange(
                                    "POST",
                                    "/api/v1/eth2/sign/\(key.publicKey)",
                                    client.headers,
                                    body: SigningBody.randaoReveal(epoch: UInt64(number * 100_000 + epoch))
                                )
                                guard answer.status == 200 else {
                                    return ([401, 429].contains(answer.status), last ?? sent)
                                }
                                // When it was sent: what was sent before the revocation was answered may be signed.
                                last = sent
                            }
                            return (false, ContinuousClock.now)
                        }
                    }
                }
                for _ in 0..<8 { await begun.take() }
                let revoked = try await guarded.command("tokens", "revoke", client.id)
                let answered = ContinuousClock.now
                #expect(revoked.exitCode == 0, "\(revoked)")
                return try await group.reduce(into: (refused: 0, late: 0)) { counts, end in
                    if end.0 { counts.refused += 1 }
                    if end.1 > answered { counts.late += 1 }
                }
            }
            #expect(signed.refused == 8)
            #expect(signed.late == 0)
        }
        await guarded.signer.stop()
    }

    @Test func `what is not understood is refused with its place, and changes nothing`() async throws {
        let guarded = try await GuardedSigner.start(keys: [])
        let headers = ["Authorization: Bearer \(guarded.root)", "Accept: application/json"]
        for body in [
            "", "[]", "{", #"{"name":"a"}"#, #"{"name":"a","rules":[]}"#,
            #"{"name":"a","rules":[{"effect":"allow","scopes":[]}]}"#,
            #"{"name":"a","rules":[{"effect":"allow","x":1}]}"#, #"{"name":"root","rules":[{"effect":"allow"}]}"#,
            #"{"name":"a","name":"b","rules":[{"effect":"allow"}]}"#, "\u{feff}{}",
        ] {
            let answer = try await guarded.signer.send("POST", "/api/v1/auth/policies", headers, body: body)
            #expect(answer.status == 400 && answer.errorCode == "invalid_request", "\(body): \(answer)")
        }
        for body in [
            #"{"name":"a","policies":[]}"#, #"{"name":"a"}"#, #"{"name":"a","policies":["root"],"ttl_seconds":0}"#,
            #"{"name":"a","policies":["root"],"ttl_seconds":1e3}"#, #"{"name":"a","policies":["root","root"]}"#,
            #"{"name":"a","policies":["root"],"ttl":5}"#, #"{"name":"a","policies":["none"]}"#,
            #"{"name":"a","policies":["root"],"ttl_seconds":99999999999999999999}"#,
        ] {
            let answer = try await guarded.signer.send("POST", "/api/v1/auth/tokens", headers, body: body)
            #expect(answer.status == 400, "\(body): \(answer)")
        }
        let policies = try await guarded.signer.get("/api/v1/auth/policies", headers)
        #expect(policies.body == #"{"policies":[]}"#)
        let gone = try await guarded.signer.send("DELETE", "/api/v1/auth/tokens/0000000000000000", headers)
        #expect(gone.status == 404 && gone.errorCode == "not_found")
        await guarded.signer.stop()
    }

    @Test func `a token that is replaced keeps its secret, and its end where nothing is said of it`() async throws {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key])
        let token = try await guarded.token("vc-1", #"{"effect":"allow","scopes":["sign"]}"#)
        let replaced = ["tokens", "replace", token.id, "--name", "vc-2", "--policy", "vc-1"]
        func end(_ arguments: [String]) async throws -> String? {
            struct Shown: Decodable {
                let name: String
                let expires_at: String?
            }
            let result = try await guarded.command(replaced + arguments + ["--json"])
            #expect(result.exitCode == 0, "\(result)")
            let shown = try result.decode(Shown.self)
            #expect(shown.name == "vc-2")
            return shown.expires_at
        }
        #expect(try await end([]) == nil)
        let set = try await end(["--ttl", "30d"])
        #expect(set != nil)
        #expect(try await end([]) == set)
        #expect(try await end(["--ttl", "none"]) == nil)
        #expect(try await guarded.sign(SigningBody.randaoReveal(epoch: 1), with: key, as: token).status == 200)
        let gone = try await guarded.command(
            ["tokens", "replace", "0000000000000000", "--name", "x", "--policy", "vc-1"]
        )
        #expect(gone.exitCode != 0 && gone.errors.contains("no token"), "\(gone)")
        await guarded.signer.stop()
    }

    @Test func `on a loopback address the door is open where nothing is said, and whoever shows a token is held to it`()
        async throws
    {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key], settings: "")
        let signer = guarded.signer
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key).status == 200)
        #expect(try await signer.get("/api/v1/auth/tokens").status == 401)
        let reader = try await guarded.token("reader", #"{"effect":"allow","scopes":["public_keys"]}"#)
        #expect(try await guarded.sign(SigningBody.randaoReveal(epoch: 1), with: key, as: reader).status == 403)
        #expect(try signer.log().contains { $0.message.contains("auth.mode is open") })
        await signer.stop()
    }

    @Test func `guesses are slowed down and told in few lines, and a good token is answered meanwhile`() async throws {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key])
        let client = try await guarded.token("vc-1", #"{"effect":"allow","scopes":["sign"]}"#)
        let port = guarded.signer.port
        let statuses = try await onThread {
            let connection = try HTTPConnection(port: port)
            return try (0..<300).map { number in
                let guess = "cc_token_" + String(repeating: "0", count: 61) + String(1000 + number).suffix(3)
                let answer = try connection.exchange("GET", "/reload", ["Authorization: Bearer \(guess)"])
                if answer.status == 429 {
                    guard answer.headers["retry-after"] != nil else { return 0 }
                }
                return answer.status
            }
        }
        #expect(Set(statuses) == [401, 429])
        #expect(statuses.filter { $0 == 429 }.count > 200)
        #expect(try await guarded.sign(SigningBody.randaoReveal(epoch: 1), with: key, as: client).status == 200)
        let lines = try guarded.signer.log().filter { $0["reason"] == "invalid_token" }
        #expect(lines.count < 100)
        await guarded.signer.stop()
    }

    @Test func `a management token is not for a command line or a foreign network`() async throws {
        let inline = try await Chamber.run(["operator", "auth", "tokens", "list", "--auth-token", "cc_token_x"])
        #expect(inline.exitCode == 2 && inline.errors.contains("env:NAME"), "\(inline)")
        let plain = try await Chamber.run(
            ["operator", "auth", "tokens", "list", "--signer-url", "http://192.0.2.1:9000", "--auth-token", "env:T"],
            environment: ["T": "x"]
        )
        #expect(plain.exitCode == 2 && plain.errors.contains("not encrypted"), "\(plain)")
        let nobody = try await Workplace().run("operator", "generate-root-token")
        #expect(nobody.exitCode == 1 && nobody.errors.contains("no signer runs"), "\(nobody)")
    }
}
