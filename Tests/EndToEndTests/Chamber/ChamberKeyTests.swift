// SPDX-License-Identifier: Apache-2.0
import Foundation
import Keystores
import TestSupport
import Testing

/// The encrypted keys of a chamber, as the commands bring, change and take them.
@Suite(.timeLimit(.minutes(8))) struct ChamberKeyTests {
    private static let password = "a \"quoted\" pass\\word of käse"

    @Test func `keystores come from a folder, with a password each or one for all, and sign`() async throws {
        let place = try await SealedPlace()
        let signer = try await place.startOpen()
        let keys = try (1...5).map { try TestKey($0) }
        for folder in ["one", "each", "passwords"] { try makeFolder(folder, in: place) }
        for (number, key) in keys.enumerated() {
            let isOwn = number >= 3
            let password = isOwn ? "password \(number)" : Self.password
            try place.workplace.write(
                try key.keystore(password: password),
                to: "\(isOwn ? "each" : "one")/\(number).json"
            )
            if isOwn { try place.workplace.write(password + "\n", to: "passwords/\(number).txt") }
        }
        try place.workplace.write(Self.password + "\n", to: "password")
        let one = try await signer.command("keys", "import", "one", "--password-file", "password", "--batch", "2")
        #expect(one.exitCode == 0 && one.errors.contains("3 imported"), "\(one)")
        let each = try await signer.command("keys", "import", "each", "--passwords-dir", "passwords", "--json")
        #expect(try each.decode([KeyOutcome].self).map(\.status) == ["imported", "imported"], "\(each)")
        #expect(try await signer.publicKeys() == Set(keys.map(\.publicKey)))
        for key in keys { #expect(try await signer.status(signingWith: key.publicKey) == 200) }
        let again = try await signer.command("keys", "import", "one", "--password-file", "password")
        #expect(again.exitCode == 0 && again.errors.contains("3 duplicate"), "\(again)")
        #expect(await signer.stop() == 0)
        try signer.signer.expectNoSecret(of: keys, passwords: [Self.password])
    }

    @Test func `what cannot be imported is named by its file, and the rest is imported`() async throws {
        let place = try await SealedPlace()
        let signer = try await place.startOpen()
        let (good, wrong) = (try TestKey(1), try TestKey(2))
        try place.workplace.write(try good.keystore(password: "right"), to: "good.json")
        try place.workplace.write(try wrong.keystore(password: "other"), to: "wrong.json")
        try place.workplace.write("{}", to: "none.json")
        try place.workplace.write("right\n", to: "password")
        let files = ["none.json", "wrong.json", "good.json"]
        let result = try await signer.command(["keys", "import"] + files + ["--password-file", "password", "--json"])
        #expect(result.exitCode == 3, "\(result)")
        let outcomes = try result.decode([KeyOutcome].self)
        #expect(Set(outcomes.compactMap(\.file)) == Set(files))
        for outcome in outcomes {
            #expect(outcome.status == (outcome.file == "good.json" ? "imported" : "error"), "\(outcome)")
        }
        #expect(!result.description.contains("right"))
        #expect(try await signer.publicKeys() == [good.publicKey])
        #expect(await signer.stop() == 0)
    }

    @Test func `plain keys come from the environment and from files, inactive until they are activated`() async throws {
        let place = try await SealedPlace()
        let signer = try await place.startOpen()
        let keys = try (1...2).map { try TestKey($0) }
        try place.workplace.write("0x\(keys[1].secret)\n", to: "plain")
        let imported = try await signer.command(
            ["keys", "import", "--private-key", "env:PLAIN", "--private-key", "file:plain", "--inactive"],
            environment: ["PLAIN": keys[0].secret]
        )
        #expect(imported.exitCode == 0 && imported.errors.contains("2 imported"), "\(imported)")
        for key in keys { #expect(!imported.description.contains(key.secret)) }
        #expect(try await signer.publicKeys().isEmpty)
        #expect(try await signer.listed().map(\.status) == ["inactive", "inactive"])
        try place.workplace.write("# both\n" + keys.map(\.publicKey).joined(separator: "\n"), to: "list")
        let activated = try await signer.command("keys", "activate", "--file", "list")
        #expect(activated.exitCode == 0 && activated.errors.contains("2 activated"), "\(activated)")
        for key in keys { #expect(try await signer.status(signingWith: key.publicKey) == 200) }
        let short = try await signer.command(
            ["keys", "import", "--private-key", "env:PLAIN"],
            environment: ["PLAIN": "0x1234"]
        )
        #expect(short.exitCode == 2 && !short.errors.contains("1234"), "\(short)")
        #expect(await signer.stop() == 0)
        try signer.signer.expectNoSecret(of: keys)
    }

    @Test func `a history comes before its key can sign`() async throws {
        let place = try await SealedPlace()
        let signer = try await place.startOpen()
        let (key, other) = (try TestKey(1), try TestKey(2))
        let history = """
            {"metadata":{"interchange_format_version":"5","genesis_validators_root":"\(SigningBody.hoodi)"},"data":[
            {"pubkey":"\(key.publicKey)","signed_blocks":[],
            "signed_attestations":[{"source_epoch":"4","target_epoch":"5"}]},
            {"pubkey":"\(other.publicKey)","signed_blocks":[],"signed_attestations":[]}]}
            """
        try place.workplace.write(history, to: "history.json")
        let result = try await signer.command(
            ["keys", "import", "--private-key", "env:PLAIN", "--slashing-protection", "history.json"],
            environment: ["PLAIN": key.secret]
        )
        #expect(result.exitCode == 0 && result.errors.contains("1 validators that are not among"), "\(result)")
        let refused = try await signer.sign(SigningBody.attestation(source: 4, target: 5), with: key.publicKey)
        #expect(refused.status == 412, "\(refused)")
        #expect(try await signer.sign(SigningBody.attestation(source: 5, target: 6), with: key.publicKey).status == 200)
        #expect(await signer.stop() == 0)
    }

    @Test func `a deactivated key signs no more, a deleted one is gone, and both only once`() async throws {
        let place = try await SealedPlace()
        let signer = try await place.startOpen()
        let keys = try await signer.generate(3)
        let deactivated = try await signer.command("keys", "deactivate", keys[0])
        #expect(deactivated.exitCode == 0 && deactivated.errors.contains("1 deactivated"), "\(deactivated)")
        #expect(try await signer.status(signingWith: keys[0]) == 404)
        #expect(try await signer.command("keys", "deactivate", keys[0]).errors.contains("1 unchanged"))
        let unsaid = try await signer.command("keys", "delete", keys[1])
        #expect(unsaid.exitCode == 2 && unsaid.errors.contains("nothing was done"), "\(unsaid)")
        #expect(try await signer.status(signingWith: keys[1]) == 200)
        let deleted = try await signer.command("keys", "delete", keys[1], "--yes")
        #expect(deleted.exitCode == 0 && deleted.errors.contains("1 deleted"), "\(deleted)")
        #expect(try await signer.status(signingWith: keys[1]) == 404)
        let gone = try await signer.command("keys", "delete", keys[1], keys[2], "--yes")
        #expect(gone.exitCode == 3 && gone.errors.contains("1 not found"), "\(gone)")
        #expect(try await signer.listed().map(\.pubkey) == [keys[0]])
        #expect(await signer.stop() == 0)
    }

    @Test func `many keys are made and listed in parts, and the same order again makes none`() async throws {
        let place = try await SealedPlace()
        let signer = try await place.startOpen()
        let first = try await signer.generate(25, "--batch", "10", "--request-id", "order-1")
        #expect(Set(first).count == 25)
        #expect(Set(try await signer.generate(25, "--batch", "10", "--request-id", "order-1")) == Set(first))
        let other = try await signer.command("keys", "generate", "--count", "5", "--request-id", "order-1")
        #expect(other.exitCode == 1 && other.errors.contains("order-1"), "\(other)")
        #expect(Set(try await signer.listed().map(\.pubkey)) == Set(first))
        #expect(await signer.stop() == 0)
    }

    @Test func `a verb that is not enabled is refused with the setting that enables it`() async throws {
        let place = try await SealedPlace(environment: ["CONTAINMENT_CHAMBER__KEYS__GENERATE__ENABLED": "false"])
        let signer = try await place.startOpen()
        let refused = try await signer.command("keys", "generate", "--count", "1")
        #expect(refused.exitCode == 1 && refused.errors.contains("chamber.keys.generate.enabled"), "\(refused)")
        #expect(await signer.stop() == 0)
    }

    @Test(arguments: ["open", "enforced"])
    func `each verb needs its scope, also where anybody may sign`(mode: String) async throws {
        let place = try await SealedPlace(environment: ["CONTAINMENT_AUTH__MODE": mode])
        let signer = try await place.startOpen()
        let guarded = GuardedSigner(signer: signer.signer, root: signer.root)
        let watcher = try await guarded.token("watcher", #"{"effect":"allow","scopes":["chamber_status"]}"#).token
        func asWatcher(_ words: [String]) async throws -> CommandResult {
            try await signer.command(words, environment: ["ROOT": watcher])
        }
        let status = try await asWatcher(["operator", "status"])
        #expect(status.exitCode == 0, "\(status)")
        let key = "0x" + String(repeating: "ab", count: 48)
        for (words, scope) in [
            (["operator", "seal"], "chamber_seal"), (["operator", "unseal"], "chamber_unseal"),
            (["keys", "generate", "--count", "1"], "chamber_keys_generate"), (["keys", "list"], "chamber_keys_list"),
            (["keys", "activate", key], "chamber_keys_patch"),
            (["keys", "delete", key, "--yes"], "chamber_keys_delete"),
        ] {
            let refused = try await asWatcher(words)
            #expect(refused.exitCode == 1 && refused.errors.contains("scope \(scope)"), "\(refused)")
            let nobody = try await signer.signer.command(words)
            #expect(nobody.exitCode == 1 && nobody.errors.contains("needs a token"), "\(nobody)")
        }
        #expect(await signer.stop() == 0)
    }

    private func makeFolder(_ name: String, in place: SealedPlace) throws {
        try FileManager.default.createDirectory(
            atPath: place.workplace.folder.file(name),
            withIntermediateDirectories: false
        )
    }
}
