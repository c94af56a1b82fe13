// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Hardening
import PostgreSQLServer
import TestSupport
import Testing

/// A signer that has taken away from itself what signing does not need. What it may no longer do is tried in
/// HardeningTests; here it does its work.
@Suite(.timeLimit(.minutes(8)), .enabled(if: Landlock.version >= 4, "this kernel's Landlock does not know TCP ports"))
struct SandboxTests {
    private static let sandbox = [
        "CONTAINMENT_SERVER__SECCOMP": "required", "CONTAINMENT_SERVER__LANDLOCK": "required",
    ]

    /// Signs blocks, is refused one, and reloads keys: one leaves, another comes.
    private func work(_ signer: RunningSigner, _ keys: [TestKey], from slot: UInt64) async throws {
        let block = try await signer.sign(SigningBody.block(slot: slot, body: "0x01"), with: keys[0])
        #expect(block.status == 200, "\(block)")
        let twin = try await signer.sign(SigningBody.block(slot: slot, body: "0x02"), with: keys[0])
        #expect(twin.status == 412, "\(twin)")
        try signer.workplace.write(keys[1])
        #expect(try await signer.send("POST", "/reload").status == 202)
        _ = try await eventually("the new key") { try await signer.publicKeys().count == 2 ? true : nil }
        let second = try await signer.sign(SigningBody.block(slot: slot, body: "0x01"), with: keys[1])
        #expect(second.status == 200, "\(second)")
        try await endOfReload(signer)
        try signer.workplace.remove("keys/\(keys[1].publicKey).yaml")
        #expect(try await signer.send("POST", "/reload").status == 202)
        try await endOfReload(signer)
        #expect(try await signer.publicKeys().count == 1)
    }

    private func endOfReload(_ signer: RunningSigner) async throws {
        _ = try await eventually("the end of the reload") {
            try await signer.get("/reload").body.contains("running") ? nil : true
        }
    }

    /// That every thread is in it, as the kernel says.
    private func expectSandbox(_ signer: RunningSigner) throws {
        let folder = "/proc/\(signer.process.identifier)/task"
        for thread in try FileManager.default.contentsOfDirectory(atPath: folder) {
            guard let text = try? String(contentsOfFile: "\(folder)/\(thread)/status", encoding: .utf8) else {
                continue
            }
            #expect(text.contains("Seccomp:\t2") && text.contains("NoNewPrivs:\t1"), "\(text)")
        }
        let lines = try signer.log().map(\.message).filter { $0.hasPrefix("hardening: ") }
        #expect(lines.contains { $0.contains("files and ports: only the configured files and ports") })
        #expect(lines.contains { $0.contains("system calls: filtered") })
    }

    @Test func `a record in SQLite, with its floor, its commands and SIGHUP`() async throws {
        let keys = try (1...2).map { try TestKey($0) }
        let workplace = try Workplace(keys: [keys[0]])
        let signer = try await RunningSigner.start(
            in: workplace,
            ["--anti-slashing-floor-enabled", "--anti-slashing-floor-path", workplace.folder.file("floor.sqlite")],
            environment: Self.sandbox
        )
        try await work(signer, keys, from: 64)
        let status = try await workplace.run("anti-slashing", "status")
        #expect(status.exitCode == 0, "\(status)")
        let export = try await workplace.run("anti-slashing", "export", "--to", workplace.folder.file("export.json"))
        #expect(export.exitCode == 0, "\(export)")
        try workplace.write(keys[1])
        signer.process.signal(SIGHUP)
        _ = try await eventually("the new key") { try await signer.publicKeys().count == 2 ? true : nil }
        #expect(try await signer.metrics().contains("containment_"))
        try expectSandbox(signer)
        #expect(await signer.stop() == 0)
        #expect(try !workplace.folder.names.contains { $0.hasSuffix(".sock") })
    }

    @Test func `a record in PostgreSQL, over TLS and through a restart of the database`() async throws {
        let keys = try (1...2).map { try TestKey($0) }
        let server = try await PostgreSQLServer.started(tls: true)
        _ = try await server.createDatabase("record")
        let authority = try #require(server.certificates).authority
        let url = server.url("record", host: "localhost", parameters: "sslmode=verify-full&sslrootcert=\(authority)")
        let workplace = try Workplace(keys: [keys[0]])
        try workplace.write(url + "\n", to: "url")
        let reference = "file:\(workplace.folder.file("url"))"
        let signer = try await RunningSigner.start(
            in: workplace,
            ["--anti-slashing-floor-path", workplace.folder.file("floor.sqlite")],
            environment: Self.sandbox.merging([
                "CONTAINMENT_ANTI_SLASHING__BACKEND": "postgres", "CONTAINMENT_ANTI_SLASHING__URL": reference,
                "CONTAINMENT_SIGNER_STATE__BACKEND": "postgres", "CONTAINMENT_SIGNER_STATE__URL": reference,
            ]) { own, _ in own }
        )
        try await work(signer, keys, from: 64)
        await server.stop()
        let refused = try await signer.sign(SigningBody.block(slot: 128), with: keys[0])
        #expect(refused.status == 503, "\(refused)")
        try await server.start()
        _ = try await eventually("a signature after the restart") {
            try await signer.sign(SigningBody.block(slot: 128), with: keys[0]).status == 200 ? true : nil
        }
        try await work(signer, keys, from: 256)
        try expectSandbox(signer)
        #expect(await signer.stop() == 0)
        await server.stop()
    }

    @Test(.enabled(if: MotoServer.isPresent, "moto is not installed"))
    func `a record in DynamoDB`() async throws {
        let keys = try (1...2).map { try TestKey($0) }
        let workplace = try Workplace(keys: [keys[0]])
        let table = "sandbox-\(UInt64.random(in: 0 ... .max))"
        let environment = Self.sandbox.merging([
            "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "eu-central-1",
            "CONTAINMENT_ANTI_SLASHING__BACKEND": "dynamodb", "CONTAINMENT_ANTI_SLASHING__TABLE": table,
            "CONTAINMENT_ANTI_SLASHING__ENDPOINT": try await MotoServer.shared.endpoint,
            "CONTAINMENT_ANTI_SLASHING__FLOOR__PATH": workplace.folder.file("floor.sqlite"),
        ]) { own, _ in own }
        let signer = try await RunningSigner.start(in: workplace, environment: environment)
        try await work(signer, keys, from: 64)
        try await work(signer, keys, from: 256)
        try expectSandbox(signer)
        #expect(await signer.stop() == 0)
    }

    @Test func `a keystore outside the named folders is not opened, unless its folder is named too`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace()
        let elsewhere = try TemporaryFolder()
        try elsewhere.write(Data(try key.keystore(password: "correct horse").utf8), to: "keystore.json")
        try elsewhere.write(Data("correct horse".utf8), to: "password.txt")
        let descriptor = """
            type: file-keystore
            keystoreFile: \(elsewhere.file("keystore.json"))
            keystorePasswordFile: \(elsewhere.file("password.txt"))
            """
        try workplace.write(descriptor, to: "keys/key.yaml")
        let shut = try await RunningSigner.start(in: workplace, environment: Self.sandbox)
        #expect(try await shut.publicKeys().isEmpty)
        #expect(try shut.log().contains { $0.level == "ERROR" && $0.message.contains(elsewhere.path) })
        #expect(await shut.stop() == 0)
        var environment = Self.sandbox
        environment["CONTAINMENT_SERVER__LANDLOCK_READ_PATHS"] = elsewhere.path
        let signer = try await RunningSigner.start(in: workplace, environment: environment)
        #expect(try await signer.publicKeys() == [key.publicKey])
        #expect(await signer.stop() == 0)
    }
}

extension SandboxTests {
    @Test func `a record in the root folder would allow everything, and is refused`() async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        let result = try await workplace.run(
            "server",
            "--anti-slashing-path",
            "/chamber-test.sqlite",
            "--anti-slashing-create-if-missing",
            "--server-landlock",
            "required"
        )
        #expect(result.exitCode == 1, "\(result)")
        #expect(result.errors.contains("names a file in /") && result.errors.contains("folder of their own"))
        #expect(!FileManager.default.fileExists(atPath: "/chamber-test.sqlite"))
    }
}

/// A kernel that has neither filters nor Landlock.
@Suite(.timeLimit(.minutes(8)))
struct DeprivedTests {
    private static let deprived = [
        Chamber.binary.deletingLastPathComponent().appending(path: "SandboxProbe").path, "deprived",
    ]

    @Test func `best effort says what is missing and serves`() async throws {
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(
            in: Workplace(keys: [key]),
            environment: ["CONTAINMENT_SERVER__SECCOMP": "true", "CONTAINMENT_SERVER__LANDLOCK": "best_effort"],
            through: Self.deprived
        )
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: key).status == 200)
        #expect(await signer.stop() == 0)
        let warnings = try signer.log().filter { $0.level == "WARN" }.map(\.message)
        #expect(warnings.contains { $0.contains("files and ports: NOT PROTECTED, this kernel has no Landlock") })
        #expect(warnings.contains { $0.contains("system calls: NOT PROTECTED") })
    }

    @Test(arguments: [("SECCOMP", "server.seccomp is required"), ("LANDLOCK", "server.landlock is required")])
    func `what is required stops the start, and the admin socket goes with it`(
        setting: String,
        message: String
    ) async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        try await workplace.makeRecord()
        let result = try await workplace.run(
            ["server"],
            environment: ["CONTAINMENT_SERVER__\(setting)": "required"],
            through: Self.deprived
        )
        #expect(result.exitCode == 1, "\(result)")
        #expect(result.errors.contains(message) && result.errors.contains("hint: "), "\(result)")
        #expect(try !workplace.folder.names.contains { $0.hasSuffix(".sock") })
    }

    @Test func `strict names both among all else`() async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        try await workplace.makeRecord()
        let result = try await workplace.run(
            ["server", "--server-strict", "--server-seccomp", "required", "--server-landlock", "required"],
            through: Self.deprived
        )
        #expect(result.exitCode == 1, "\(result)")
        #expect(result.errors.contains("landlock: this kernel has no Landlock"), "\(result)")
    }
}
