// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A signer behind TLS, with curl as its client.
private struct EncryptedSigner: Sendable {
    let signer: RunningSigner
    let certificates: TestCertificates
    let healthPort: UInt16

    /// - Parameter tls: further settings of the section.
    static func start(
        keys: [TestKey] = [],
        tls: String = "",
        settings: String = "auth: {mode: enforced}"
    ) async throws -> EncryptedSigner {
        let certificates = try TestCertificates()
        try certificates.makeAuthority("authority")
        try certificates.make("server", by: "authority", names: ["DNS:localhost", "IP:127.0.0.1"])
        let workplace = try Workplace(keys: keys, settings: section(certificates, tls) + "\n" + settings)
        let signer = try await RunningSigner.start(in: workplace)
        let line = try #require(try signer.log().first { $0.message == "listening" && $0["port"] == "health" })
        let port = try #require(UInt16(line["address"]?.split(separator: ":").last ?? ""))
        return EncryptedSigner(signer: signer, certificates: certificates, healthPort: port)
    }

    static func section(_ certificates: TestCertificates, _ more: String = "") -> String {
        """
        tls:
          mode: file
          listen_port: 0
          file:
            cert_path: "\(certificates.certificate("server"))"
            key_path: "\(certificates.key("server"))"
            reload_interval_seconds: 1
        \(more.isEmpty ? "" : more.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
        """
    }

    var url: String { "https://127.0.0.1:\(signer.port)" }

    struct Answer: Sendable {
        /// 0 where TLS was not agreed on.
        let status: Int
        let body: String
    }

    /// What curl got; `identity` names a certificate to show.
    func curl(
        _ path: String,
        _ options: [String] = [],
        identity: String? = nil,
        url: String? = nil
    ) async throws -> Answer {
        let shown =
            identity.map { ["--cert", certificates.certificate($0), "--key", certificates.key($0)] } ?? []
        let child = try ChildProcess(
            URL(filePath: "/usr/bin/curl"),
            ["--silent", "--cacert", certificates.certificate("authority"), "--write-out", "\n%{http_code}"] + shown
                + options + [(url ?? self.url) + path],
            environment: Chamber.environment(),
            in: certificates.folder.path
        )
        _ = await child.exitCode
        let output = try child.output()
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        return Answer(status: Int(lines.last ?? "") ?? 0, body: lines.dropLast().joined(separator: "\n"))
    }

    func sign(
        _ body: String,
        with key: TestKey,
        _ options: [String] = [],
        identity: String? = nil
    ) async throws -> Answer {
        try await curl(
            "/api/v1/eth2/sign/\(key.publicKey)",
            ["--header", "Accept: application/json", "--data-binary", body] + options,
            identity: identity
        )
    }

    func rootToken() async throws -> String {
        let made = try await signer.workplace.run("operator", "generate-root-token", "--json")
        try #require(made.exitCode == 0, "\(made)")
        return try made.decode(GuardedSigner.Made.self).token
    }

    /// An operator's command over TLS.
    func command(_ arguments: [String], root: String) async throws -> CommandResult {
        try await Chamber.run(
            ["operator", "auth"] + arguments + [
                "--signer-url", url, "--ca-cert", certificates.certificate("authority"), "--auth-token", "env:ROOT",
            ],
            environment: ["ROOT": root],
            in: signer.workplace.folder.path
        )
    }

    func apply(_ name: String, _ rules: String, root: String) async throws {
        try signer.workplace.write(#"{"name":"\#(name)","rules":[\#(rules)]}"#, to: name + ".json")
        let applied = try await command(["policies", "apply", name + ".json"], root: root)
        try #require(applied.exitCode == 0, "\(applied)")
    }

    /// Waits for a line of the log.
    func line(_ text: String) async throws -> LogLine {
        try await eventually("a line about \(text)") { try signer.log().first { $0.message.contains(text) } }
    }
}

/// One after another: making certificates holds a thread of the pool.
@Suite(.serialized, .timeLimit(.minutes(8))) struct TLSTests {
    @Test func `a canary that is named on the plain port counts too`() async throws {
        let canary = try TestKey(1)
        let encrypted = try await EncryptedSigner.start(
            settings: "auth: {mode: enforced}\ncanary_keys: [\"\(canary.publicKey)\"]"
        )
        let answer = try await encrypted.curl(
            "/api/v1/eth2/sign/\(canary.publicKey)",
            ["--data", "{}"],
            url: "http://127.0.0.1:\(encrypted.healthPort)"
        )
        #expect(answer.status == 403)
        #expect(try await encrypted.signer.metrics().contains("containment_canary_signing_total 1"))
        #expect(await encrypted.signer.stop() == 0)
        let lines = try encrypted.signer.log().filter { $0.target == "audit" && $0["canary"] != nil }
        #expect(lines.count == 1 && lines[0]["reason"] == "tls_required", "\(lines)")
    }

    @Test func `over TLS a token signs, and the plain port answers health checks alone`() async throws {
        let key = try TestKey(1)
        let encrypted = try await EncryptedSigner.start(keys: [key])
        let root = try await encrypted.rootToken()
        let attestation = SigningBody.attestation(source: 1, target: 2)
        let authorization = ["--header", "Authorization: Bearer \(root)"]
        #expect(try await encrypted.sign(attestation, with: key, authorization).status == 200)
        #expect(try await encrypted.sign(attestation, with: key).status == 401)

        let plain = "http://127.0.0.1:\(encrypted.healthPort)"
        for path in ["/upcheck", "/healthcheck"] {
            #expect(try await encrypted.curl(path, url: plain).status == 200)
            #expect(try await encrypted.curl(path).status == 200)
        }
        for path in ["/api/v1/eth2/publicKeys", "/api/v1/auth/tokens", "/reload", "/", "/nothing"] {
            let answer = try await encrypted.curl(
                path,
                authorization + ["--header", "Accept: application/json"],
                url: plain
            )
            #expect(answer.status == 403 && answer.body.contains("tls_required"), "\(path)")
            #expect(answer.body.contains("tls.listen_port"))
        }
        // Plain HTTP has no answer on the port of TLS.
        let mistaken = try await encrypted.curl("/upcheck", url: "http://127.0.0.1:\(encrypted.signer.port)")
        #expect(mistaken.status == 0)
        await encrypted.signer.stop()
    }

    @Test func `a bound certificate signs by its policy and not beyond it, until it is unbound`() async throws {
        let keys = [try TestKey(1), try TestKey(2)]
        let folder = try TemporaryFolder()
        let authority = try TestCertificates()
        try authority.makeAuthority("clients")
        try FileManager.default.copyItem(atPath: authority.certificate("clients"), toPath: folder.file("ca.pem"))
        let encrypted = try await EncryptedSigner.start(
            keys: keys,
            tls: "client_auth: optional\nclient_ca_path: \"\(folder.file("ca.pem"))\""
        )
        let certificates = encrypted.certificates
        for suffix in ["crt", "key"] {
            try FileManager.default.copyItem(
                atPath: authority.folder.file("clients." + suffix),
                toPath: certificates.folder.file("clients." + suffix)
            )
        }
        try certificates.make("vc", by: "clients", names: ["DNS:vc-1.example"])
        try certificates.make("successor", by: "clients", names: ["DNS:vc-1.example"])
        try certificates.make("namesake", by: "clients", subject: "vc")
        try certificates.make("stranger", by: "authority", names: ["DNS:vc-1.example"])
        let root = try await encrypted.rootToken()
        try await encrypted.apply(
            "vc-1",
            #"{"effect":"allow","scopes":["sign"],"keys":["\#(keys[0].publicKey)"]}"#,
            root: root
        )
        let bound = try await encrypted.command(
            [
                "certificates", "create", "--name", "vc-1", "--policy", "vc-1", "--san", "DNS:vc-1.example",
                "--ca-fingerprint", try certificates.fingerprint("clients"),
            ],
            root: root
        )
        #expect(bound.exitCode == 0, "\(bound)")

        let attestation = SigningBody.attestation(source: 1, target: 2)
        for identity in ["vc", "successor"] {
            #expect(try await encrypted.sign(attestation, with: keys[0], identity: identity).status == 200)
            #expect(try await encrypted.sign(attestation, with: keys[1], identity: identity).status == 403)
        }
        #expect(try await encrypted.curl("/reload", identity: "vc").status == 403)
        #expect(try await encrypted.sign(attestation, with: keys[0], identity: "namesake").status == 401)
        #expect(try await encrypted.sign(attestation, with: keys[0], identity: "stranger").status == 0)
        #expect(try await encrypted.sign(attestation, with: keys[0]).status == 401)
        // A token that is shown decides.
        let bad = ["--header", "Authorization: Bearer cc_token_" + String(repeating: "0", count: 64)]
        #expect(try await encrypted.sign(attestation, with: keys[0], bad, identity: "vc").status == 401)

        let listed = try await encrypted.command(["certificates", "list"], root: root)
        #expect(listed.output.hasPrefix("vc-1  [vc-1]  DNS:vc-1.example of "), "\(listed)")
        let inUse = try await encrypted.command(["policies", "delete", "vc-1"], root: root)
        #expect(inUse.exitCode != 0)
        #expect(try await encrypted.command(["certificates", "delete", "vc-1"], root: root).exitCode == 0)
        #expect(try await encrypted.sign(attestation, with: keys[0], identity: "vc").status == 401)
        let audited = try encrypted.signer.log().filter { $0.target == "audit" }
        #expect(audited.contains { $0["caller"] == "certificate:vc-1" })
        #expect(audited.contains { $0["reason"] == "certificate_not_accepted" })
        await encrypted.signer.stop()
    }

    @Test func `a new pair is taken over, and a broken one is named while the old one goes on`() async throws {
        let encrypted = try await EncryptedSigner.start()
        let certificates = encrypted.certificates
        func shown() async throws -> String {
            try await onThread {
                try certificates.openssl(["s_client", "-connect", "127.0.0.1:\(encrypted.signer.port)"])
            }
        }
        #expect(try await shown().contains("subject=CN = server"))
        try certificates.make("second", by: "authority", names: ["IP:127.0.0.1"])
        func put(_ name: String, _ suffix: String) throws {
            try certificates.folder.write(try certificates.folder.contents("\(name).\(suffix)"), to: "server.\(suffix)")
        }
        // Only the certificate: the key of before is not its.
        try put("second", "crt")
        _ = try await encrypted.line("cannot be used, those of before go on")
        #expect(try encrypted.signer.log().contains { $0.message.contains("the private key is not the certificate's") })
        #expect(try await shown().contains("subject=CN = server"))
        #expect(try await encrypted.curl("/upcheck").status == 200)
        // With its key, and told by a signal.
        try put("second", "key")
        encrypted.signer.process.signal(SIGHUP)
        _ = try await encrypted.line("new connections use the TLS files as they are now")
        #expect(try await shown().contains("subject=CN = second"))
        await encrypted.signer.stop()
    }

    @Test func `a key that others can read is told, and refused where the operator is strict`() async throws {
        let certificates = try TestCertificates()
        try certificates.make("server")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: certificates.key("server"))
        let section = EncryptedSigner.section(certificates)
        let lenient = try await RunningSigner.start(in: try Workplace(settings: section))
        #expect(try lenient.log().contains { $0.level == "WARN" && $0.message.contains("TLS key can be read") })
        await lenient.stop()
        let strict = try Workplace(settings: section + "\nserver: {strict: true}")
        let refused = try await strict.run("server", "--anti-slashing-create-if-missing")
        #expect(refused.exitCode == 1)
        #expect(refused.errors.contains("tls.file.key_path") && refused.errors.contains("chmod 600"), "\(refused)")
    }

    @Test(arguments: [("server.crt", "tls.file.cert_path"), ("server.key", "tls.file.key_path")])
    func `a file that is missing or no PEM stops the start and is named`(name: String, setting: String) async throws {
        let certificates = try TestCertificates()
        try certificates.make("server")
        let workplace = try Workplace(settings: EncryptedSigner.section(certificates))
        try certificates.folder.write(Data("nonsense".utf8), to: name)
        let unreadable = try await workplace.run("server", "--anti-slashing-create-if-missing")
        #expect(unreadable.exitCode == 1 && unreadable.errors.contains(setting), "\(unreadable)")
        try FileManager.default.removeItem(atPath: certificates.folder.file(name))
        let missing = try await workplace.run("server", "--anti-slashing-create-if-missing")
        #expect(missing.exitCode == 1 && missing.errors.contains("does not exist"), "\(missing)")
    }

    @Test func `the operator's commands say what is wrong with TLS`() async throws {
        let encrypted = try await EncryptedSigner.start()
        let root = try await encrypted.rootToken()
        #expect(try await encrypted.command(["tokens", "list"], root: root).exitCode == 0)
        func run(_ options: [String]) async throws -> CommandResult {
            try await Chamber.run(
                ["operator", "auth", "tokens", "list", "--auth-token", "env:ROOT"] + options,
                environment: ["ROOT": root],
                in: encrypted.signer.workplace.folder.path
            )
        }
        let untrusted = try await run(["--signer-url", encrypted.url])
        #expect(untrusted.exitCode == 1 && untrusted.errors.contains("--ca-cert"), "\(untrusted)")
        let plain = try await run(["--signer-url", "http://127.0.0.1:\(encrypted.healthPort)"])
        #expect(plain.exitCode == 1 && plain.errors.contains("https://"), "\(plain)")
        let half = try await run([
            "--signer-url", encrypted.url, "--client-cert", encrypted.certificates.certificate("server"),
        ])
        #expect(half.exitCode == 2 && half.errors.contains("come together"), "\(half)")
        let useless = try await run([
            "--signer-url", "http://127.0.0.1:1", "--ca-cert", encrypted.certificates.certificate("authority"),
        ])
        #expect(useless.exitCode == 2, "\(useless)")
        await encrypted.signer.stop()
    }
}
