// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite(.timeLimit(.minutes(8)))
struct HelpTests {
    static let commands: [[String]] = [
        [], ["server"], ["config"], ["config", "check"], ["config", "show"], ["config", "reference"],
        ["config", "from-web3signer"], ["api"], ["keys"], ["keys", "list"], ["keys", "inspect"], ["keys", "generate"],
        ["keys", "import"], ["keys", "activate"], ["keys", "deactivate"], ["keys", "delete"],
        ["keys", "export-backup"],
        ["keys", "recover"], ["operator"], ["operator", "init"], ["operator", "status"], ["operator", "seal"],
        ["operator", "unseal"], ["operator", "local-key"], ["operator", "generate-root-token"],
        ["operator", "register"], ["operator", "approve"], ["operator", "rotate"], ["operator", "rotate", "kms"],
        ["operator", "rotate", "quorum"], ["operator", "rotate", "mode"], ["operator", "rotate", "master-key"],
        ["operator", "rotate", "continue"], ["operator", "rotate", "cancel"], ["operator", "credentials"],
        ["operator", "credentials", "list"], ["operator", "credentials", "add"],
        ["operator", "credentials", "remove"], ["anti-slashing"],
        ["anti-slashing", "init"], ["anti-slashing", "import"], ["anti-slashing", "export"],
        ["anti-slashing", "prune"],
        ["anti-slashing", "watermark"], ["anti-slashing", "status"], ["version"],
    ]

    @Test(arguments: commands)
    func `every command explains itself`(command: [String]) async throws {
        let help = try await Chamber.run(command + ["--help"])
        #expect(help.exitCode == 0)
        #expect(help.errors.isEmpty)
        #expect(help.output.hasPrefix((["containment-chamber"] + command).joined(separator: " ") + ":"))
        #expect(help.output.contains("USAGE"))
        #expect(try await Chamber.run(command + ["-h"]).output == help.output)
    }

    @Test(
        arguments: commands.filter {
            ![
                ["version"], ["config"], ["keys"], ["operator"], ["operator", "rotate"], ["operator", "credentials"],
                ["anti-slashing"],
            ].contains($0)
        }
    )
    func `commands that do something come with an example`(command: [String]) async throws {
        let help = try await Chamber.run(command + ["--help"])
        #expect(help.output.contains("EXAMPLES"))
    }

    @Test(arguments: [["--version"], ["-V"], ["version"]])
    func `the version is one line`(arguments: [String]) async throws {
        let result = try await Chamber.run(arguments)
        #expect(result.exitCode == 0)
        #expect(result.output.wholeMatch(of: /containment-chamber \d+\.\d+\.\d+\n/) != nil)
    }

    struct Misuse: Sendable, CustomTestStringConvertible {
        let words: [String]
        let says: String
        var testDescription: String { words.joined(separator: " ") }
    }

    @Test(arguments: [
        Misuse(words: [], says: "a command is missing"),
        Misuse(words: ["sevrer"], says: "did you mean server?"),
        Misuse(
            words: ["anti-slashing"],
            says: "one of init, migrate, import, export, copy, verify, prune"
        ),
        Misuse(words: ["anti-slashing", "exprot"], says: "did you mean export?"),
        Misuse(words: ["server", "--no-such-option"], says: "there is no option --no-such-option"),
        Misuse(words: ["server", "--server-listen-prot", "1"], says: "did you mean --server-listen-port?"),
        Misuse(words: ["server", "--server-listen-port"], says: "needs a value"),
        Misuse(words: ["server", "--server-listen-port", "http"], says: "server.listen_port"),
        Misuse(words: ["server", "now"], says: "is not expected"),
        Misuse(words: ["server", "-c", "/nonexistent/config.yaml"], says: "/nonexistent/config.yaml"),
        Misuse(words: ["server", "--network", "ropsten"], says: "ropsten"),
        Misuse(words: ["config", "show", "--network", "minimal"], says: "genesis_validators_root"),
        Misuse(words: ["keys", "inspect"], says: "FILE is missing"),
        Misuse(words: ["anti-slashing", "migrate"], says: "only a postgres record"),
        Misuse(words: ["anti-slashing", "import"], says: "--from is required"),
        Misuse(words: ["anti-slashing", "export"], says: "--to is required"),
        Misuse(words: ["anti-slashing", "prune"], says: "--keep-epochs is required"),
        Misuse(words: ["anti-slashing", "prune", "--keep-epochs", "0"], says: "--keep-epochs"),
        Misuse(words: ["anti-slashing", "prune", "--keep-epochs", "many"], says: "--keep-epochs"),
        Misuse(words: ["anti-slashing", "watermark", "--set-high"], says: "--slot and --epoch"),
        Misuse(words: ["anti-slashing", "watermark", "--raise-low"], says: "--slot, --epoch or both"),
        Misuse(words: ["anti-slashing", "watermark", "--set-high", "--clear-high"], says: "exclude each other"),
        Misuse(words: ["anti-slashing", "watermark", "--slot", "5"], says: "--slot"),
        Misuse(words: ["anti-slashing", "status", "--anti-slashing-backend", "noop"], says: "keeps no record"),
    ])
    func `what is not understood ends with 2 and says what would be`(misuse: Misuse) async throws {
        let result = try await Chamber.run(misuse.words)
        #expect(result.exitCode == 2)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains(misuse.says), "\(result.errors)")
        #expect(result.errors.hasPrefix("error: "))
    }
}
