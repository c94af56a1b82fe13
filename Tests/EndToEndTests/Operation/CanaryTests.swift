// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Keys that nobody should ever ask to sign with.
@Suite(.timeLimit(.minutes(8)))
struct CanaryTests {
    private func count(_ signer: RunningSigner) async throws -> Double {
        let row = try await signer.metrics().split(separator: "\n").first {
            $0.hasPrefix("containment_canary_signing_total ")
        }
        return try #require(row.flatMap { Double($0.split(separator: " ")[1]) })
    }

    private func warnings(_ signer: RunningSigner) throws -> [LogLine] {
        try signer.log().filter { $0.level == "WARN" && $0.message.hasPrefix("a canary key was named") }
    }

    @Test func `a canary is served, logged and counted`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace(keys: [key], settings: "canary_keys: [\"\(key.publicKey)\"]")
        let signer = try await RunningSigner.start(in: workplace)
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key).status == 200)
        #expect(try await count(signer) == 1)
        #expect(await signer.stop() == 0)
        #expect(try signer.log().contains { $0.target == "audit" && $0["canary"] != nil && $0.level == "WARN" })
        #expect(try warnings(signer).count == 1)
    }

    @Test func `with block it is refused, and other keys are not`() async throws {
        let (canary, key) = (try TestKey(1), try TestKey(2))
        let workplace = try Workplace(
            keys: [canary, key],
            settings: "canary_keys: [\"\(canary.publicKey)\"]\ncanary: {block: true}"
        )
        let signer = try await RunningSigner.start(in: workplace)
        for body in [SigningBody.randaoReveal(epoch: 1), SigningBody.block(slot: 64)] {
            let refused = try await signer.sign(body, with: canary)
            #expect(refused.status == 403 && refused.errorCode == "canary_key", "\(refused)")
        }
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: key).status == 200)
        #expect(try await count(signer) == 2)
        #expect(await signer.stop() == 0)
        let audit = try signer.log().filter { $0.target == "audit" && $0["canary"] != nil }
        #expect(audit.count == 2 && audit.allSatisfy { $0["reason"] == "canary_key" }, "\(audit)")
        // Nothing was recorded for it.
        let status = try await workplace.run("anti-slashing", "status", "--json")
        #expect(status.output.contains("\"blocks\" : 1"), "\(status)")
    }

    @Test func `a canary that is not loaded, or not readable in the body, is noticed too`() async throws {
        let canary = try TestKey(1)
        let signer = try await RunningSigner.start(
            in: Workplace(settings: "canary_keys: [\"\(canary.publicKey)\"]")
        )
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: canary).status == 404)
        #expect(try await signer.sign("{", with: canary).status == 400)
        let plain = String(canary.publicKey.dropFirst(2)).uppercased()
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: plain).status == 404)
        #expect(try await count(signer) == 3)
        #expect(await signer.stop() == 0)
        #expect(try warnings(signer).count == 3)
    }

    @Test func `who may not ask at all is noticed, and learns nothing`() async throws {
        let (canary, other) = (try TestKey(1), try TestKey(2))
        let guarded = try await GuardedSigner.start(
            keys: [canary, other],
            settings: "auth: {mode: enforced}\ncanary_keys: [\"\(canary.publicKey)\"]\ncanary: {block: true}"
        )
        let signer = guarded.signer
        let body = SigningBody.block(slot: 64)
        // Without a token a canary and a key that nobody knows get the same answer.
        let strangers = [canary.publicKey, "0x" + String(repeating: "ab", count: 48)]
        let answers = try await [
            signer.sign(body, with: strangers[0]), signer.sign(body, with: strangers[1]),
        ]
        #expect(answers.allSatisfy { $0.status == 401 } && answers[0].body == answers[1].body)
        let rule = #"{"effect":"allow","scopes":["sign"],"keys":["\#(other.publicKey)"]}"#
        let token = try await guarded.token("vc-1", rule)
        let forbidden = try await guarded.sign(body, with: canary, as: token)
        #expect(forbidden.status == 403 && forbidden.errorCode == "forbidden")
        #expect(try await count(signer) == 2)
        #expect(await signer.stop() == 0)
        let audit = try signer.log().filter { $0.target == "audit" && $0["canary"] != nil }
        #expect(audit.count == 2, "\(audit)")
        #expect(try warnings(signer).count == 2)
    }

    @Test func `blocking without canaries is a mistake`() async throws {
        let workplace = try Workplace(settings: "canary: {block: true}")
        let result = try await workplace.run("config", "check")
        #expect(result.exitCode == 2 && result.errors.contains("canary.block"), "\(result)")
    }
}
