// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Who opens a chamber is changed; where operators open it, enough of them approve.
@Suite(.timeLimit(.minutes(10))) struct QuorumRotationTests {
    @Test func `other KMS keys are taken when operators have approved, and the command waits for them`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let keys = try await signer.generate(1)
        let fresh = try await SealedPlace.makeHolder(quorum.place.workplace.folder.file("kms-new.key"))
        async let rotating = signer.command([
            "operator", "rotate", "kms", "--kms-key-arns", fresh, "--kms-threshold", "1",
        ])
        struct Status: Decodable {
            struct Proposal: Decodable { let id: String }
            let proposals: [Proposal]?
        }
        let proposal = try await eventually("a proposal") { () -> String? in
            let status = try await signer.command("operator", "status", "--json")
            return try status.decode(Status.self).proposals?.first?.id
        }
        let wrong = try await quorum.command(
            ["approve", "--yes", "--proposal", proposal, "--operator", "alice", "--passphrase", "env:WRONG"],
            at: signer
        )
        #expect(wrong.exitCode == 1 && wrong.errors.contains("another credential may do"), "\(wrong)")
        let first = try await quorum.approve(proposal, "alice", at: signer)
        #expect(first.exitCode == 0 && first.errors.contains("summary  1 of these 1 KMS keys"), "\(first)")
        let second = try await quorum.approve(proposal, "bob", at: signer)
        #expect(second.exitCode == 0 && second.output.contains("approved by alice, bob, 2 of 2"), "\(second)")
        let rotated = try await rotating
        #expect(rotated.exitCode == 0 && rotated.output.contains("1 of 1 KMS keys"), "\(rotated)")
        #expect(rotated.errors.contains("operator approve --proposal \(proposal)"), "\(rotated)")
        // The old ones are worth nothing any more.
        for number in quorum.place.holders.indices { _ = try quorum.place.removeHolder(number) }
        let restarted = try await quorum.restart(signer)
        try await quorum.open(restarted)
        #expect(try await restarted.status(signingWith: keys[0]) == 200)
        #expect(await restarted.stop() == 0)
    }

    @Test func `operators are exchanged, and those of before open nothing`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let changed = try await quorum.change(
            ["rotate", "quorum", "--operators", "carol,dave", "--operator-threshold", "2"],
            at: signer
        )
        #expect(changed.exitCode == 0, "\(changed)")
        let tokens = try changed.decode(QuorumPlace.Registration.self).tokens
        #expect(tokens.keys.sorted() == ["carol", "dave"])
        var fingerprints: [String] = []
        for name in ["carol", "dave"] {
            let made = try await quorum.register(name, try #require(tokens[name]), at: signer)
            #expect(made.exitCode == 0, "\(made)")
            let shown = try #require(made.errors.firstMatch(of: /paper: fingerprint ([0-9a-f ]{35})/), "\(made)")
            fingerprints.append(String(shown.1))
        }
        #expect(Set(fingerprints).count == 2)
        // Nobody is out before those of before have seen whom they let in.
        let proposal = try #require(try await seats(at: signer))
        let waiting = try await signer.command("operator", "rotate", "continue", "--proposal", proposal, "--no-wait")
        #expect(waiting.exitCode == 3, "\(waiting)")
        let first = try await quorum.approve(proposal, "alice", at: signer)
        #expect(first.exitCode == 0 && fingerprints.allSatisfy { first.errors.contains($0) }, "\(first)")
        #expect(try await seats(at: signer) == proposal)
        let last = try await quorum.approve(proposal, "bob", at: signer)
        #expect(last.exitCode == 0 && last.errors.contains("have taken their place"), "\(last)")
        #expect(try await seats(at: signer) == nil)
        let list = try await signer.command("operator", "credentials", "list")
        #expect(list.exitCode == 0 && fingerprints.allSatisfy { list.output.contains($0) }, "\(list)")
        let restarted = try await quorum.restart(signer)
        let old = try await quorum.unseal("alice", at: restarted)
        #expect(old.exitCode == 1 && old.errors.contains("no operator alice"), "\(old)")
        try await quorum.open(restarted, by: ["carol", "dave"])
        #expect(await restarted.stop() == 0)
    }

    /// The proposal that those who have registered take the place of the operators.
    private func seats(at signer: SealedSigner) async throws -> String? {
        struct Status: Decodable {
            struct Proposal: Decodable { let id, kind: String }
            let proposals: [Proposal]?
        }
        let answer = try await signer.command("operator", "status", "--json")
        return try answer.decode(Status.self).proposals?.first { $0.kind == "quorum_seats" }?.id
    }

    @Test func `a proposal is taken back by who made it`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let order = ["operator", "rotate", "master-key", "--no-wait", "--json"]
        struct Answer: Decodable {
            struct Proposal: Decodable { let id: String }
            let proposal: Proposal
        }
        let made = try await signer.command(order).decode(Answer.self).proposal.id
        for _ in 0..<3 { #expect(try await signer.command(order).exitCode == 3) }
        let full = try await signer.command(order)
        #expect(full.exitCode == 1 && full.errors.contains("operator rotate withdraw"), "\(full)")
        let gone = try await signer.command("operator", "rotate", "withdraw", "--proposal", made)
        #expect(gone.exitCode == 0 && !gone.output.contains(made), "\(gone)")
        let late = try await quorum.approve(made, "alice", at: signer)
        #expect(late.exitCode == 1, "\(late)")
        #expect(try await signer.command(order).exitCode == 3)
        #expect(await signer.stop() == 0)
    }

    @Test func `a registration that was begun can be cancelled, and the operators stay`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let changed = try await quorum.change(
            ["rotate", "quorum", "--operators", "carol,dave", "--operator-threshold", "2"],
            at: signer
        )
        let tokens = try changed.decode(QuorumPlace.Registration.self).tokens
        #expect(try await signer.command("operator", "rotate", "cancel").exitCode == 0)
        let late = try await quorum.register("dave", try #require(tokens["dave"]), at: signer)
        #expect(late.exitCode == 1 && late.errors.contains("hint: "), "\(late)")
        let restarted = try await quorum.restart(signer)
        try await quorum.open(restarted)
        #expect(await restarted.stop() == 0)
    }

    @Test func `a chamber goes from operators to KMS keys alone, and back`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let alone = try await quorum.change(["rotate", "mode", "--to", "kms"], at: signer)
        #expect(alone.exitCode == 0, "\(alone)")
        // It opens by itself now, and nobody approves what changes it.
        let restarted = try await restartAlone(quorum, signer)
        let back = try await restarted.command([
            "operator", "rotate", "mode", "--to", "quorum", "--operators", "alice,bob", "--operator-threshold", "2",
            "--json",
        ])
        #expect(back.exitCode == 0, "\(back)")
        let tokens = try back.decode(QuorumPlace.Registration.self).tokens
        for name in ["alice", "bob"] {
            let made = try await quorum.register(name, try #require(tokens[name]), at: restarted)
            #expect(made.exitCode == 0, "\(made)")
        }
        let third = try await quorum.restart(restarted)
        try await quorum.open(third, by: ["bob", "alice"])
        #expect(await third.stop() == 0)
    }

    private func restartAlone(_ quorum: QuorumPlace, _ signer: SealedSigner) async throws -> SealedSigner {
        _ = await signer.stop()
        let next = try await RunningSigner.start(in: quorum.place.workplace, environment: quorum.place.environment)
        let started = SealedSigner(signer: next, root: signer.root)
        try await started.waitUntil("unsealed")
        return started
    }

    @Test func `a credential is added, opens the chamber, and is taken away again`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let added = try await quorum.change(
            [
                "credentials", "add", "--operator", "carol", "--credential", "passphrase:second", "--passphrase",
                "env:DAVE",
            ],
            at: signer
        )
        #expect(added.exitCode == 0, "\(added)")
        let listed = try await signer.command("operator", "credentials", "list")
        #expect(listed.output.contains("carol\n    paper (passphrase, "), "\(listed)")
        #expect(listed.output.contains("second (passphrase, "), "\(listed)")
        let again = try await quorum.restart(signer)
        let given = try await quorum.command(
            ["unseal", "--operator", "carol", "--credential", "second", "--passphrase", "env:DAVE"],
            at: again
        )
        #expect(given.exitCode == 0, "\(given)")
        try await quorum.open(again, by: ["alice"])
        let removed = try await quorum.change(
            ["credentials", "remove", "--operator", "carol", "--credential", "paper"],
            approvedBy: ["alice", "bob"],
            at: again
        )
        #expect(removed.exitCode == 0, "\(removed)")
        let third = try await quorum.restart(again)
        let gone = try await quorum.command(
            ["unseal", "--operator", "carol", "--credential", "paper", "--passphrase", "env:CAROL"],
            at: third
        )
        #expect(gone.exitCode == 1 && gone.errors.contains("second (passphrase, "), "\(gone)")
        let last = try await third.command("operator", "credentials", "list", "--operator", "carol")
        #expect(!last.output.contains("paper"), "\(last)")
        #expect(await third.stop() == 0)
    }

    @Test func `a new master key is made when operators have approved, and everything signs under it`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let keys = try await signer.generate(3)
        let begun = try await quorum.change(["rotate", "master-key"], approvedBy: ["alice", "bob"], at: signer)
        #expect(begun.exitCode == 0, "\(begun)")
        _ = try await eventually("keys under the new master key") {
            try await signer.command("operator", "rotate", "master-key", "--finish").exitCode == 0 ? true : nil
        }
        let status = try await signer.command("operator", "status")
        #expect(status.output.contains("generation  2"), "\(status)")
        let restarted = try await quorum.restart(signer)
        try await quorum.open(restarted, by: ["bob", "carol"])
        for key in keys {
            let answer = try await restarted.sign(SigningBody.randaoReveal(epoch: 1), with: key)
            #expect(answer.status == 200, "\(answer)")
        }
        #expect(await restarted.stop() == 0)
    }

    @Test func `a root token is made when operators have approved it, and for what they have approved alone`()
        async throws
    {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.startOpen()
        let words = ["operator", "generate-root-token", "--name", "second", "--ttl", "1h", "--json"]
        struct Answer: Decodable {
            struct Proposal: Decodable { let id: String }
            let proposal: Proposal
        }
        let place = quorum.place
        let proposed = try await place.workplace.run(words + ["--no-wait"], environment: place.environment)
        #expect(
            proposed.exitCode == 3 && proposed.errors.contains("a root token second for 3600 seconds"),
            "\(proposed)"
        )
        let proposal = try proposed.decode(Answer.self).proposal.id
        let early = try await place.workplace.run(words + ["--proposal", proposal], environment: place.environment)
        #expect(early.exitCode == 1 && early.errors.contains("too few operators"), "\(early)")
        async let waiting = place.workplace.run(words, environment: place.environment)
        struct Status: Decodable { let proposals: [Answer.Proposal]? }
        let second = try await eventually("a second proposal") { () -> String? in
            let status = try await signer.command("operator", "status", "--json").decode(Status.self)
            return status.proposals?.first { $0.id != proposal }?.id
        }
        for name in ["alice", "carol"] {
            for one in [proposal, second] {
                #expect(try await quorum.approve(one, name, at: signer).exitCode == 0)
            }
        }
        let waited = try await waiting
        #expect(waited.exitCode == 0, "\(waited)")
        let longer = ["operator", "generate-root-token", "--name", "second", "--ttl", "10h", "--proposal", proposal]
        let other = try await place.workplace.run(longer, environment: place.environment)
        #expect(other.exitCode == 1 && other.errors.contains("no such proposal"), "\(other)")
        let made = try await place.workplace.run(words + ["--proposal", proposal], environment: place.environment)
        #expect(made.exitCode == 0, "\(made)")
        let token = try made.decode(GuardedSigner.Made.self).token
        let status = try await signer.signer.command(
            ["operator", "status", "--auth-token", "env:SECOND"],
            environment: ["SECOND": token]
        )
        #expect(status.exitCode == 0, "\(status)")
        let again = try await place.workplace.run(words + ["--proposal", proposal], environment: place.environment)
        #expect(again.exitCode == 1, "\(again)")
        #expect(await signer.stop() == 0)
    }
}
