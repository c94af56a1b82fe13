// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Sealing
import TestSupport
import Testing

/// What operators do on their own machine, against a signer that says what a test wants.
@Suite(.timeLimit(.minutes(8))) struct OperatorCommandTests {
    private static let passphrase = "correct horse battery staple"
    /// Of the slot of a YubiKey.
    private static let slot = "303132333435363738393a3b3c3d3e3f40414243"
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(Data((Self.slot + "\n").utf8), to: "yubikey")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.file("yubikey"))
    }

    private func run(
        _ words: [String],
        at server: ScriptedServer? = nil,
        path: String? = nil
    ) async throws -> CommandResult {
        var environment = ["TOKEN": ScriptedQuorum.token, "PASS": Self.passphrase, "WRONG": "another horse staple"]
        if let path { environment["PATH"] = path }
        let url = server.map { ["--signer-url", $0.endpoint] } ?? []
        return try await Chamber.run(["operator"] + words + url, environment: environment, in: folder.path)
    }

    private func registered(_ quorum: ScriptedQuorum, _ server: ScriptedServer, _ words: String...) async throws {
        let made = try await run(["register", "--token", "env:TOKEN"] + words, at: server)
        try #require(made.exitCode == 0, "\(made)")
    }

    /// A quorum in which alice has a passphrase.
    private func withPassphrase() async throws -> (ScriptedQuorum, ScriptedServer) {
        let quorum = ScriptedQuorum()
        let server = try quorum.server()
        try await registered(quorum, server, "--credential", "passphrase:paper", "--passphrase", "env:PASS")
        return (quorum, server)
    }

    /// A program that stands for one of the maker of the YubiKey, in a folder for the `PATH`.
    private func program(_ name: String, _ script: String) throws -> String {
        let bin = folder.file("bin")
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(filePath: bin + "/" + name))
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: bin + "/" + name)
        return bin + ":/usr/bin:/bin"
    }

    // MARK: Registering and unsealing

    @Test func `several credentials are registered at once, and either brings the share`() async throws {
        let quorum = ScriptedQuorum()
        let server = try quorum.server()
        let made = try await run(
            [
                "register", "--token", "env:TOKEN", "--credential", "yubikey:blue", "--credential",
                "passphrase:paper", "--passphrase", "env:PASS", "--yubikey-program",
                "software:\(folder.file("yubikey"))",
            ],
            at: server
        )
        #expect(made.exitCode == 0, "\(made)")
        #expect(made.output.contains("1 of 2: alice") && made.output.contains("missing: bob"), "\(made)")
        #expect(made.errors.contains("for tests only"), "\(made)")
        for secret in [ScriptedQuorum.token, Self.passphrase, Self.slot] { #expect(!made.description.contains(secret)) }

        let ways = [
            ["--passphrase", "env:PASS"], ["--yubikey", "--yubikey-program", "software:\(folder.file("yubikey"))"],
            ["--credential", "paper", "--passphrase", "env:PASS"],
        ]
        for way in ways {
            let given = try await run(["unseal", "--operator", "alice"] + way, at: server)
            #expect(given.exitCode == 0, "\(given)")
            #expect(given.output.contains("your share is taken: 1 of 2: alice; 1 more is needed"), "\(given)")
        }
        #expect(quorum.state.withLock { $0.returned } == [true, true, true])
    }

    @Test(arguments: [
        (
            "ykman", #"[ "$1 $2 $3" = "otp calculate 2" ] && [ ${#4} = 64 ] || exit 9; echo touch it >&2; cat answer"#
        ),
        ("ykchalresp", #"[ "$1 $2 $3" = "-2 -H -x" ] && [ ${#4} = 64 ] || exit 9; cat answer"#),
    ])
    func `a YubiKey is asked through the program of its maker`(name: String, script: String) async throws {
        let path = try program(name, script)
        try folder.write(Data((String(repeating: "a5", count: 20) + "\n").utf8), to: "answer")
        let quorum = ScriptedQuorum()
        let server = try quorum.server()
        let made = try await run(
            ["register", "--token", "env:TOKEN", "--credential", "yubikey:blue"],
            at: server,
            path: path
        )
        #expect(made.exitCode == 0 && made.errors.contains("touch it when it blinks"), "\(made)")
        let given = try await run(["unseal", "--operator", "alice"], at: server, path: path)
        #expect(given.exitCode == 0, "\(given)")
        #expect(quorum.state.withLock { $0.returned } == [true])
        // Another YubiKey.
        try folder.write(Data(String(repeating: "a6", count: 20).utf8), to: "answer")
        let stranger = try await run(["unseal", "--operator", "alice", "--yubikey"], at: server, path: path)
        #expect(stranger.exitCode == 1 && stranger.errors.contains("hint: "), "\(stranger)")
        #expect(!(made.description + given.description).contains("a5a5a5"))
    }

    @Test(arguments: [
        ("echo 0011", "no answer of 40 hexadecimal digits"), ("exit 1", "ended with the exit code 1"),
        ("head -c 1000 /dev/zero", "more than 256 bytes"),
        ("echo $$ >> count; printf '%040d' $$", "two answers to the same challenge"),
    ])
    func `a YubiKey that does not answer as it should is no credential`(script: String, says: String) async throws {
        let path = try program("ykchalresp", script)
        let quorum = ScriptedQuorum()
        let server = try quorum.server()
        let made = try await run(
            ["register", "--token", "env:TOKEN", "--credential", "yubikey:blue", "--yubikey-program", "ykchalresp"],
            at: server,
            path: path
        )
        #expect(made.exitCode == 1 && made.errors.contains(says) && made.errors.contains("hint: "), "\(made)")
        #expect(quorum.paths.isEmpty)
    }

    @Test func `a wrong passphrase is told of, and what helps`() async throws {
        let (quorum, server) = try await withPassphrase()
        let wrong = try await run(["unseal", "--operator", "alice", "--passphrase", "env:WRONG"], at: server)
        #expect(wrong.exitCode == 1 && wrong.errors.contains("another credential may do"), "\(wrong)")
        let stranger = try await run(["unseal", "--operator", "mallory", "--passphrase", "env:PASS"], at: server)
        #expect(stranger.exitCode == 1 && stranger.errors.contains("operator status shows"), "\(stranger)")
        #expect(quorum.state.withLock { $0.returned }.isEmpty)
    }

    @Test func `a signer that asks for a cheap derivation gets nothing`() async throws {
        let (quorum, server) = try await withPassphrase()
        quorum.state.withLock { $0.tamper = { $0.memoryKiB = 64 } }
        let refused = try await run(["unseal", "--operator", "alice", "--passphrase", "env:PASS"], at: server)
        #expect(refused.exitCode == 1 && refused.errors.contains("could give the passphrase away"), "\(refused)")
        #expect(!quorum.paths.contains("unseal/box"))
    }

    @Test func `a challenge that was too old is asked for once more`() async throws {
        let (quorum, server) = try await withPassphrase()
        quorum.state.withLock { $0.isExpired = true }
        let given = try await run(["unseal", "--operator", "alice", "--passphrase", "env:PASS"], at: server)
        #expect(given.exitCode == 0, "\(given)")
        #expect(quorum.paths == ["register", "challenge", "unseal/box", "challenge", "unseal/box", "unseal/share"])
    }

    @Test func `waiting ends when the chamber is open, also while its master key is being changed`() async throws {
        let (quorum, server) = try await withPassphrase()
        quorum.state.withLock { $0.seal = "awaiting_rotation" }
        let words = ["unseal", "--operator", "alice", "--passphrase", "env:PASS", "--wait", "--json"]
        struct Outcome: Decodable {
            struct Chamber: Decodable { let seal: [String: String] }
            let chamber: Chamber?
        }
        for (token, status) in [(["--auth-token", "env:TOKEN"], "awaiting_rotation"), ([], "unsealed")] {
            let given = try await run(words + token, at: server)
            #expect(given.exitCode == 0, "\(given)")
            #expect(try given.decode([Outcome].self).map { $0.chamber?.seal["status"] } == [status], "\(given)")
        }
    }

    @Test func `several signers are opened in turn, and each is told of`() async throws {
        let (quorum, server) = try await withPassphrase()
        let down = "http://127.0.0.1:\(try ScriptedServer.unusedPort())"
        let urls = [server.endpoint, down, server.endpoint].joined(separator: ",")
        let words = ["unseal", "--operator", "alice", "--passphrase", "env:PASS", "--signer-url", urls]
        let given = try await run(words)
        #expect(given.exitCode == 3, "\(given)")
        #expect(given.output.components(separatedBy: "your share is taken").count == 3, "\(given)")
        #expect(given.errors.contains("\(down): no connection"), "\(given)")
        struct Outcome: Decodable { let error: String? }
        let json = try await run(words + ["--json"])
        #expect(try json.decode([Outcome].self).map { $0.error == nil } == [true, false, true])
        #expect(quorum.state.withLock { $0.returned } == [true, true, true, true])
    }

    @Test func `where several credentials fit, they are named`() async throws {
        let (_, server) = try await withPassphrase()
        try await registered(
            ScriptedQuorum(),
            server,
            "--credential",
            "passphrase:second",
            "--passphrase",
            "env:WRONG"
        )
        let asked = try await run(["unseal", "--operator", "alice", "--passphrase", "env:PASS"], at: server)
        #expect(asked.exitCode == 2 && asked.errors.contains("paper (passphrase, "), "\(asked)")
        #expect(asked.errors.contains("hint: --credential"), "\(asked)")
        let none = try await run(["unseal", "--operator", "alice", "--yubikey"], at: server)
        #expect(none.exitCode == 1 && none.errors.contains("has no such credential"), "\(none)")
        let listed = try await run(["credentials", "list", "--operator", "alice"], at: server)
        #expect(listed.output.contains("paper") && listed.output.contains("second"), "\(listed)")
    }

    // MARK: Approving

    @Test func `what is signed is shown as it is, and cannot speak to the terminal`() async throws {
        let (quorum, server) = try await withPassphrase()
        let document = #"{"kind":"kms","keys":["one\u001b[2J","two"],"\u202ekey":7}"#
        quorum.state.withLock { $0.document = document }
        let words = [
            "approve", "--proposal", ScriptedQuorum.proposal, "--operator", "alice", "--passphrase", "env:PASS",
        ]
        let unread = try await run(words, at: server)
        #expect(unread.exitCode == 2 && unread.errors.contains("nothing is approved unread"), "\(unread)")
        #expect(unread.errors.contains("keys[1]  two"), "\(unread)")
        #expect(!unread.errors.contains("\u{1b}") && !unread.errors.contains("\u{202e}"), "\(unread)")
        let approved = try await run(words + ["--yes"], at: server)
        #expect(approved.exitCode == 0 && approved.output.contains("approved by bob, alice, 2 of 2"), "\(approved)")
        let gone = try await run(
            ["approve", "--proposal", "ff", "--operator", "alice", "--yes", "--passphrase", "env:PASS"],
            at: server
        )
        #expect(gone.exitCode == 1 && gone.errors.contains("no open proposal ff"), "\(gone)")
    }

    @Test func `a change that needs approval waits for it, or says how it goes on`() async throws {
        let (quorum, server) = try await withPassphrase()
        let words = ["rotate", "quorum", "--operators", "alice,dave", "--operator-threshold", "2"]
        let later = try await run(words + ["--no-wait"], at: server)
        #expect(later.exitCode == 3, "\(later)")
        #expect(later.errors.contains("operator approve --proposal \(ScriptedQuorum.proposal)"), "\(later)")
        #expect(
            later.errors.contains("rotate continue --proposal \(ScriptedQuorum.proposal) --signer-url http://"),
            "\(later)"
        )
        let waited = try await run(words, at: server)
        #expect(waited.exitCode == 0 && waited.errors.contains("approved by alice, bob: 2 of 2"), "\(waited)")
        #expect(waited.output.contains("dave  \(ScriptedQuorum.token)"), "\(waited)")
        #expect(waited.errors.contains("the only time that the tokens are shown"), "\(waited)")
        #expect(quorum.paths.suffix(2) == ["status", "rotate"])
    }

    // MARK: Misuse

    struct Misuse: Sendable, CustomTestStringConvertible {
        let words: [String]
        let says: String
        var testDescription: String { words.joined(separator: " ") }

        init(_ words: String..., says: String) {
            self.words = words
            self.says = says
        }
    }

    @Test(arguments: [
        Misuse("register", says: "--credential is required"),
        Misuse("register", "--credential", "paper", says: "passphrase:LABEL or yubikey:LABEL"),
        Misuse("register", "--credential", "fido2:a", says: "passphrase:LABEL or yubikey:LABEL"),
        Misuse("register", "--credential", "passphrase:", says: "1 to 64 printable characters"),
        Misuse("register", "--credential", "passphrase:a", "--credential", "yubikey:a", says: "are called a"),
        Misuse("register", "--credential", "yubikey:a", "--yubikey-slot", "3", says: "--yubikey-slot is 1 or 2"),
        Misuse("register", "--credential", "yubikey:a", "--passphrase", "env:PASS", says: "more --passphrase than"),
        Misuse("register", "--credential", "passphrase:a", "--token", "cc-enrol-1", says: "can read a command line"),
        Misuse("register", "--credential", "passphrase:a", "--token", "env:PASS", says: "is no registration token"),
        Misuse(
            "register",
            "--credential",
            "passphrase:a",
            "--token",
            "env:TOKEN",
            "--passphrase",
            "file:short",
            says: "fewer than 12 characters"
        ),
        Misuse(
            "register",
            "--credential",
            "yubikey:a",
            "--token",
            "env:TOKEN",
            "--yubikey-program",
            "ssh",
            says: "none of ykman, ykchalresp and software:PATH"
        ),
        Misuse(
            "register",
            "--credential",
            "yubikey:a",
            "--token",
            "env:TOKEN",
            "--yubikey-program",
            "software:open",
            says: "mode 0600"
        ),
        Misuse("unseal", "--operator", "", says: "--operator says who you are"),
        Misuse("unseal", "--operator", "a", "--yubikey", "--passphrase", "env:PASS", says: "exclude each other"),
        Misuse("unseal", "--operator", "a", "--signer-url", "http://127.0.0.1:1,ftp://b", says: "ftp://b"),
        Misuse("approve", "--operator", "a", says: "--proposal is required"),
        Misuse("rotate", "mode", "--to", "quorum", says: "--to is kms, or quorum with"),
        Misuse("rotate", "mode", "--to", "tee", says: "--to is kms, or quorum with"),
        Misuse("rotate", "quorum", says: "--operators names"),
        Misuse("rotate", "quorum", "--operators", "a", "--operator-threshold", "1", says: "2 to 16 names"),
        Misuse("rotate", "quorum", "--operators", "a,a", "--operator-threshold", "2", says: "none twice"),
        Misuse("rotate", "quorum", "--operators", "a,B", "--operator-threshold", "2", says: "2 to 16 names"),
        Misuse("rotate", "quorum", "--operators", "a,b", "--operator-threshold", "3", says: "2 to 2"),
        Misuse("rotate", "quorum", "--operators", "a,b", says: "--operator-threshold"),
        Misuse("credentials", "add", "--operator", "a", says: "--credential is required"),
    ])
    func `what is not understood ends with 2 and asks nobody`(misuse: Misuse) async throws {
        try folder.write(Data("elevenchars\n".utf8), to: "short")
        try folder.write(Data(Self.slot.utf8), to: "open")
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder.file("open"))
        let result = try await run(misuse.words)
        #expect(result.exitCode == 2 && result.errors.contains(misuse.says), "\(result)")
        #expect(result.output.isEmpty && !result.errors.contains("no connection"), "\(result)")
    }
}
