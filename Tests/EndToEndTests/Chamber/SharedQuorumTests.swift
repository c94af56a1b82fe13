// SPDX-License-Identifier: Apache-2.0
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// Two instances of one chamber that operators open.
@Suite(.timeLimit(.minutes(8))) struct SharedQuorumTests {
    private struct Two {
        let quorum: QuorumPlace
        let one: SealedSigner
        let other: SealedSigner

        /// Both wait for the operators, who have registered at either of them.
        static func start() async throws -> Two {
            let server = try await PostgreSQLServer.shared()
            let url = try await server.createDatabase("chamber_\(UInt64.random(in: 0 ... .max))")
            let environment = [
                "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": "",
                "CONTAINMENT_KEY_SOURCES__SQLITE__CREATE_IF_MISSING": "",
                "CONTAINMENT_SIGNER_STATE__PATH": "",
                "CONTAINMENT_KEY_SOURCES__POSTGRES__URL": url,
                "CONTAINMENT_KEY_SOURCES__POSTGRES__CREATE_IF_MISSING": "true",
                "CONTAINMENT_SIGNER_STATE__BACKEND": "postgres", "CONTAINMENT_SIGNER_STATE__URL": url,
                "CONTAINMENT_ANTI_SLASHING__BACKEND": "postgres", "CONTAINMENT_ANTI_SLASHING__URL": url,
            ]
            let quorum = try await QuorumPlace(environment: environment)
            let second = try await QuorumPlace(holders: quorum.place.holders, environment: environment)
            let (one, other) = (try await quorum.place.start(), try await second.place.start())
            let tokens = try await quorum.initialize(one).tokens
            for (name, signer) in zip(QuorumPlace.operators, [one, other, one]) {
                let made = try await quorum.register(name, try #require(tokens[name]), at: signer)
                try #require(made.exitCode == 0, "\(made)")
            }
            for signer in [one, other] { try await signer.waitUntil("kms_unsealed") }
            return Two(quorum: quorum, one: one, other: other)
        }

        var urls: String { [one, other].map { "http://127.0.0.1:\($0.signer.port)" }.joined(separator: ",") }

        /// An operator's share, for both at once.
        func unseal(_ name: String) async throws -> CommandResult {
            let path =
                quorum.place.workplace.folder.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin")
            return try await Chamber.run(
                ["operator", "unseal", "--signer-url", urls] + quorum.proof(name),
                environment: QuorumPlace.passphrases.merging(["PATH": path]) { _, own in own },
                in: quorum.place.workplace.folder.path
            )
        }

        func stop() async {
            #expect(await one.stop() == 0)
            #expect(await other.stop() == 0)
        }
    }

    @Test func `one command brings a share to both`() async throws {
        let two = try await Two.start()
        let first = try await two.unseal("bob")
        #expect(first.exitCode == 0, "\(first)")
        #expect(first.output.components(separatedBy: "your share is taken: 1 of 2: bob").count == 3, "\(first)")
        // One of them has the second share already.
        #expect(try await two.quorum.unseal("carol", at: two.other).exitCode == 0)
        let second = try await two.unseal("alice")
        #expect(second.exitCode == 3 && second.output.contains("the chamber is unsealed"), "\(second)")
        #expect(second.errors.contains("waits for no operator"), "\(second)")
        for signer in [two.one, two.other] { try await signer.waitUntil("unsealed") }
        let key = try await two.one.generate(1)[0]
        _ = try await eventually("the key on the other") {
            try await two.other.status(signingWith: key) == 200 ? true : nil
        }
        await two.stop()
    }

    @Test func `operators bring the next master key to each, and no key is lost`() async throws {
        let two = try await Two.start()
        for name in ["alice", "bob"] { #expect(try await two.unseal(name).exitCode == 0) }
        var keys = try await two.one.generate(2)
        let begun = try await two.quorum.change(["rotate", "master-key"], at: two.one)
        #expect(begun.exitCode == 0, "\(begun)")
        try await two.other.waitUntil("awaiting_rotation")
        // What it wrote under the old key, nobody could read when that is gone.
        let early = try await two.other.command("keys", "generate", "--count", "1")
        #expect(early.exitCode == 1 && early.errors.contains("operator unseal --operator"), "\(early)")
        let urgent = try await two.other.command("keys", "deactivate", keys[1])
        #expect(urgent.exitCode == 1 && urgent.errors.contains("master key is being rotated"), "\(urgent)")
        #expect(!urgent.errors.contains("is sealed") && urgent.errors.contains("anti-slashing disable"), "\(urgent)")
        _ = try await eventually("the keys on the other, which still signs") {
            try await two.other.status(signingWith: keys[1]) == 200 ? true : nil
        }
        for name in ["carol", "alice"] {
            let given = try await two.quorum.unseal(name, at: two.other)
            #expect(given.exitCode == 0, "\(given)")
        }
        keys += try await two.other.generate(1)
        _ = try await eventually("the end of the old master key", within: .seconds(60)) {
            let ended = try await two.one.command("operator", "rotate", "master-key", "--finish")
            return ended.exitCode == 0 ? true : nil
        }
        for signer in [two.one, two.other] {
            _ = try await eventually("the new master key") {
                try await signer.command("operator", "status").output.contains("generation  2") ? true : nil
            }
            for key in keys {
                _ = try await eventually("\(key) on both") {
                    try await signer.status(signingWith: key) == 200 ? true : nil
                }
            }
        }
        await two.stop()
    }
}
