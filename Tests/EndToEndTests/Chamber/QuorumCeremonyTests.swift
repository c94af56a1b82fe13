// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A chamber that operators open, from its first start on.
@Suite(.timeLimit(.minutes(10))) struct QuorumCeremonyTests {
    @Test func `two of three operators make it, open it, and open it again after a restart`() async throws {
        let quorum = try await QuorumPlace()
        let first = try await quorum.place.start()
        let made = try await quorum.initialize(first)
        #expect(made.seal.status == "awaiting_registration" && made.tokens.keys.sorted() == QuorumPlace.operators)
        for token in made.tokens.values { #expect(token.wholeMatch(of: /cc-enrol-[0-9a-f]{64}/) != nil) }
        for name in ["carol", "bob"] {
            let registered = try await quorum.register(name, try #require(made.tokens[name]), at: first)
            #expect(registered.exitCode == 0 && registered.output.contains("awaiting_registration"), "\(registered)")
        }
        let status = try await first.command("operator", "status")
        #expect(status.output.contains("2 of 3: bob, carol") && status.output.contains("missing: alice"), "\(status)")
        let last = try await quorum.register("alice", try #require(made.tokens["alice"]), at: first)
        #expect(last.exitCode == 0 && last.errors.contains("all operators have registered"), "\(last)")
        try await first.waitUntil("kms_unsealed")
        let early = try await first.command("keys", "generate", "--count", "1")
        #expect(early.exitCode == 1, "\(early)")

        let one = try await quorum.unseal("alice", at: first)
        #expect(one.exitCode == 0 && one.output.contains("1 of 2: alice; 1 more is needed"), "\(one)")
        let two = try await quorum.unseal("bob", at: first)
        #expect(two.exitCode == 0 && two.output.contains("the chamber is unsealed"), "\(two)")
        let keys = try await first.generate(2)
        #expect(try await first.status(signingWith: keys[0]) == 200)

        let second = try await quorum.restart(first)
        #expect(try await second.sign(SigningBody.randaoReveal(epoch: 2), with: keys[0]).status == 503)
        try await quorum.open(second, by: ["carol", "bob"])
        #expect(try await second.status(signingWith: keys[1]) == 200)
        // Nothing of a secret in what the signers said.
        for signer in [first, second] {
            let log = try signer.signer.process.output() + signer.signer.process.errors()
            for secret in Array(QuorumPlace.passphrases.values) + Array(made.tokens.values) {
                #expect(!log.contains(secret))
            }
        }
        // Whose share it was stands in the audit log.
        let told = try first.signer.process.output()
        #expect(
            told.contains("operator alice, share 1, credential ") && told.contains("operator bob, share 2, credential ")
        )
        #expect(await second.stop() == 0)
    }

    @Test func `a registration token is good once, and a stranger's not at all`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.place.start()
        let tokens = try await quorum.initialize(signer).tokens
        let alice = try #require(tokens["alice"])
        let stranger = try await quorum.register("dave", "cc-enrol-" + String(repeating: "0", count: 64), at: signer)
        #expect(stranger.exitCode == 1 && stranger.errors.contains("hint: "), "\(stranger)")
        #expect(try await quorum.register("alice", alice, at: signer).exitCode == 0)
        let again = try await quorum.register("alice", alice, at: signer)
        #expect(again.exitCode == 1 && again.errors.contains("registered already"), "\(again)")
        #expect(!again.description.contains(alice))
        // Without all three there is nothing to open.
        let early = try await quorum.unseal("alice", at: signer)
        #expect(early.exitCode == 1 && early.errors.contains("hint: "), "\(early)")
        #expect(await signer.stop() == 0)
    }

    @Test func `what is wrong opens nothing, and a forgotten passphrase does not lock its owner out`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startRegistered()
        let wrong = try await quorum.command(
            ["unseal", "--operator", "alice", "--passphrase", "env:WRONG"],
            at: signer
        )
        #expect(wrong.exitCode == 1 && wrong.errors.contains("another credential may do"), "\(wrong)")
        let stranger = try await quorum.command(
            ["unseal", "--operator", "mallory", "--passphrase", "env:ALICE"],
            at: signer
        )
        #expect(stranger.exitCode == 1 && stranger.errors.contains("no operator mallory"), "\(stranger)")
        // Alice has forgotten her passphrase, and has her YubiKey.
        let slot = quorum.place.workplace.folder.file("yubikey-alice")
        let second = ["unseal", "--operator", "alice", "--yubikey", "--yubikey-program", "software:\(slot)"]
        let given = try await quorum.command(second, at: signer)
        #expect(given.exitCode == 0 && given.output.contains("1 of 2: alice"), "\(given)")
        let twice = try await quorum.unseal("alice", at: signer)
        #expect(twice.exitCode == 1 && twice.errors.contains("another operator is needed"), "\(twice)")
        #expect(try await signer.chamber().status == "kms_unsealed")
        let status = try await signer.command("operator", "status")
        #expect(status.output.contains("1 of 2: alice; 1 more is needed"), "\(status)")
        try await quorum.open(signer, by: ["carol"])
        let late = try await quorum.unseal("bob", at: signer)
        #expect(late.exitCode == 1 && late.errors.contains("waits for no operator"), "\(late)")
        #expect(await signer.stop() == 0)
    }

    @Test func `who waits is told when the others have come`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startRegistered()
        async let waiting = quorum.unseal("alice", at: signer, "--wait")
        _ = try await eventually("alice's share") {
            try await signer.command("operator", "status").output.contains("1 of 2: alice") ? true : nil
        }
        #expect(try await quorum.unseal("carol", at: signer).exitCode == 0)
        let waited = try await waiting
        #expect(waited.exitCode == 0 && waited.errors.contains("the chamber is open"), "\(waited)")
        #expect(await signer.stop() == 0)
    }

    @Test func `an order to seal is taken back, and then the operators are needed`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        #expect(try await signer.command("operator", "seal").exitCode == 0)
        let refused = try await quorum.unseal("alice", at: signer)
        #expect(refused.exitCode == 1 && refused.errors.contains("hint: "), "\(refused)")
        let back = try await signer.command("operator", "unseal")
        #expect(back.exitCode == 3 && back.errors.contains("operator unseal --operator"), "\(back)")
        try await signer.waitUntil("kms_unsealed")
        try await quorum.open(signer, by: ["bob", "alice"])
        #expect(await signer.stop() == 0)
    }
}
