// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
import Keystores
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(8)))
struct KeysCommandTests {
    private struct Row: Decodable, Equatable {
        let publicKey: String
        let source: String
        let path: String
        let derivationPath: String?
    }

    @Test func `list shows what the signer would load`() async throws {
        let keys = try (1...3).map { try TestKey($0) }
        let workplace = try Workplace(keys: keys)
        let text = try await workplace.run("keys", "list")
        #expect(text.exitCode == 0)
        let listed = text.output.split(separator: "\n").map { String($0.prefix(98)) }
        #expect(Set(listed) == Set(keys.map(\.publicKey)) && listed.count == 3)
        let rows = try await workplace.run("keys", "list", "--json").decode([Row].self)
        #expect(Set(rows.map(\.publicKey)) == Set(keys.map(\.publicKey)))
        #expect(rows.allSatisfy { $0.source == "file-raw" && $0.path.hasSuffix("\($0.publicKey).yaml") })
        for key in keys { #expect(!text.description.contains(key.secret)) }
        #expect(try workplace.folder.names == ["config.yaml", "keys"], "no record is made by looking")
    }

    @Test func `list shows nothing where there is nothing`() async throws {
        let result = try await Workplace().run("keys", "list", "--json")
        #expect(result.exitCode == 0)
        #expect(try result.decode([Row].self) == [])
    }

    @Test func `a file that cannot be loaded is named, and the exit code says so`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace(keys: [key])
        try workplace.write("type: file-raw\nprivateKey: \"0x1234\"\n", to: "keys/short.yaml")
        for extra in [[], ["--json"]] {
            let result = try await Chamber.run(["keys", "list", "-c", workplace.configuration] + extra)
            #expect(result.exitCode == 1)
            #expect(result.output.contains(key.publicKey))
            #expect(result.errors.contains("short.yaml"))
            #expect(!result.errors.contains("1234"))
        }
    }

    @Test func `list works while a signer runs`() async throws {
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(in: Workplace(keys: [key]))
        let result = try await signer.workplace.run("keys", "list")
        #expect(result.exitCode == 0 && result.output.contains(key.publicKey))
        #expect(await signer.stop() == 0)
    }

    @Test func `inspect says what a keystore holds, without its password`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace()
        let scrypt = Keystore.Derivation.scrypt(.init(n: 1024, r: 8, p: 1))
        try workplace.write(
            try key.keystore(password: "a", derivation: scrypt, path: "m/12381/3600/4/0/0"),
            to: "k.json"
        )
        let file = workplace.folder.file("k.json")
        let text = try await Chamber.run(["keys", "inspect", file])
        #expect(text.exitCode == 0)
        for part in [key.publicKey, "scrypt, n=1024 r=8 p=1", "m/12381/3600/4/0/0"] {
            #expect(text.output.contains(part), "\(part)")
        }
        let fields = try await Chamber.run(["keys", "inspect", file, "--json"]).decode([String: String].self)
        #expect(fields["public_key"] == key.publicKey && fields["path"] == "m/12381/3600/4/0/0")
    }

    @Test(arguments: ["", "{}", "[1]", "{\"version\":3}", "\u{0}\u{1}"])
    func `inspect refuses what is no keystore`(content: String) async throws {
        let workplace = try Workplace()
        try workplace.write(content, to: "k.json")
        let result = try await Chamber.run(["keys", "inspect", workplace.folder.file("k.json")])
        #expect(result.exitCode == 1)
        #expect(result.output.isEmpty && result.errors.contains("k.json"))
    }

    @Test func `inspect of a missing file is refused`() async throws {
        let result = try await Chamber.run(["keys", "inspect", "/nonexistent.json"])
        #expect(result.exitCode == 1 && result.errors.contains("/nonexistent.json"))
    }
}
