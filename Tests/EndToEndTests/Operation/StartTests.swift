// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// When a signer must not start, and what it says then.
@Suite(.timeLimit(.minutes(8)))
struct StartTests {
    @Test func `a missing record stops the start and says how one is made`() async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        let result = try await workplace.run("server")
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("there is no slashing record at \(workplace.record)"))
        #expect(
            result.errors.contains("anti-slashing init") && result.errors.contains("anti_slashing.create_if_missing")
        )
        #expect(try !workplace.folder.names.contains("record.sqlite"))
    }

    @Test func `a record of another network stops the start and names both`() async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        try await workplace.makeRecord()
        let result = try await workplace.run("server", "--network", "mainnet")
        #expect(result.exitCode == 1)
        #expect(result.errors.contains(SigningBody.hoodi) && result.errors.contains(SigningBody.mainnet))
    }

    @Test func `a file that is no record stops the start and stays as it is`() async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        let content = String(repeating: "my shopping list\n", count: 100)
        try workplace.write(content, to: "record.sqlite")
        let result = try await workplace.run("server", "--anti-slashing-create-if-missing")
        #expect(result.exitCode == 1)
        #expect(result.errors.contains(workplace.record))
        #expect(try workplace.folder.contents("record.sqlite") == Data(content.utf8))
    }

    @Test func `a second signer on the same record is refused, the first goes on`() async throws {
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(in: Workplace(keys: [key]))
        let second = try await signer.workplace.run("server")
        #expect(second.exitCode == 1)
        #expect(second.errors.contains("another process holds the slashing record \(signer.workplace.record)"))
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: key).status == 200)
        let status = try await signer.workplace.run("anti-slashing", "status")
        #expect(status.exitCode == 0, "the admin socket of the first is still there: \(status)")
        #expect(await signer.stop() == 0)
    }

    @Test func `a port in use stops the start and is named`() async throws {
        let signer = try await RunningSigner.start(in: Workplace())
        let other = try Workplace()
        try await other.makeRecord()
        let result = try await other.run("server", "--server-listen-port", "\(signer.port)")
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("127.0.0.1:\(signer.port)"))
        #expect(result.errors.contains("signing"))
        #expect(await signer.stop() == 0)
    }

    @Test func `strict refuses key files that others can read`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace()
        try workplace.write(key.descriptor, to: "keys/open.yaml", mode: 0o644)
        try await workplace.makeRecord()
        let strict = try await workplace.run("server", "--server-strict")
        #expect(strict.exitCode == 1)
        #expect(strict.errors.contains("open.yaml"))
        #expect(!strict.errors.contains(key.secret) && !strict.output.contains(key.secret))
        // Without it there is a warning.
        let signer = try await RunningSigner.start(in: workplace)
        #expect(try signer.log().contains { $0.level == "WARN" && $0.message.contains("open.yaml") })
        #expect(await signer.stop() == 0)
    }

    @Test func `strict refuses a key file that cannot be loaded`() async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        try workplace.write("type: file-raw\n", to: "keys/bad.yaml")
        try await workplace.makeRecord()
        let result = try await workplace.run("server", "--key-sources-filesystem-strict")
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("bad.yaml"))
        #expect(result.errors.contains("hint: "))
    }

    @Test func `keystores are opened with their passwords`() async throws {
        let keys = try (1...3).map { try TestKey($0) }
        let workplace = try Workplace(settings: "")
        for name in ["keystores", "passwords"] {
            try FileManager.default.createDirectory(
                atPath: workplace.folder.file(name),
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
        }
        for (number, key) in keys.enumerated() {
            let password = "correct horse \(number) batteries"
            try workplace.write(try key.keystore(password: password), to: "keystores/key-\(number).json")
            try workplace.write(password + "\n", to: "passwords/key-\(number).txt")
        }
        let wrong = try TestKey(4)
        try workplace.write(try wrong.keystore(password: "the right one"), to: "keystores/key-9.json")
        try workplace.write("swordfish for nothing", to: "passwords/key-9.txt")
        let signer = try await RunningSigner.start(
            in: workplace,
            [
                "--key-sources-filesystem-keystores-path", workplace.folder.file("keystores"),
                "--key-sources-filesystem-keystores-passwords-path", workplace.folder.file("passwords"),
            ],
            environment: ["RUST_LOG": "trace"]
        )
        #expect(try await signer.publicKeys() == Set(keys.map(\.publicKey)))
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: keys[1]).status == 200)
        #expect(try signer.log().contains { $0.level == "ERROR" && $0.message.contains("key-9.json") })
        #expect(await signer.stop() == 0)
        try signer.expectNoSecret(
            of: keys + [wrong],
            passwords: ["correct horse", "the right one", "swordfish"]
        )
    }

    @Test func `every problem of a configuration is told at once, with exit code 2`() async throws {
        let workplace = try Workplace(settings: "server: {listen_prot: 9000, drain_seconds: soon}\nnonsense: true")
        let result = try await workplace.run("server")
        #expect(result.exitCode == 2)
        #expect(result.output.isEmpty)
        for part in ["server.listen_prot", "server.listen_port", "server.drain_seconds", "nonsense"] {
            #expect(result.errors.contains(part), "\(part)")
        }
    }
}
