// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Somebody puts yesterday's store of keys in the place of today's while the signer is stopped.
@Suite(.timeLimit(.minutes(8))) struct PutBackKeyTests {
    @Test func `a deleted key whose row is put back signs nothing, until it is imported anew`() async throws {
        let place = try await SealedPlace()
        let folder = place.workplace.folder
        let first = try await place.startOpen()
        let imported = try TestKey(7)
        try place.workplace.write("0x\(imported.secret)\n", to: "plain")
        let order = ["keys", "import", "--private-key", "file:plain"]
        #expect(try await first.command(order).exitCode == 0)
        let other = try await first.generate(1)[0]
        let deleted = imported.publicKey
        for key in [deleted, other] { #expect(try await first.status(signingWith: key) == 200) }
        #expect(await first.stop() == 0)
        let yesterday = try folder.contents("sealed.sqlite")

        let second = try await place.start()
        try await second.waitUntil("unsealed")
        #expect(try await second.command("keys", "delete", deleted, "--yes").exitCode == 0)
        #expect(try await second.status(signingWith: deleted) == 404)
        #expect(await second.stop() == 0)
        try folder.write(yesterday, to: "sealed.sqlite")

        let third = try await place.start()
        try await third.waitUntil("unsealed")
        // The row is one that the chamber wrote; the record of what was signed knows better.
        for body in [
            SigningBody.randaoReveal(epoch: 1), SigningBody.attestation(source: 1, target: 2),
            SigningBody.block(slot: 64),
        ] {
            let answer = try await third.sign(body, with: deleted)
            #expect([404, 412].contains(answer.status), "\(answer)")
        }
        #expect(try await third.status(signingWith: other) == 200)
        // Not by activating it either.
        _ = try await third.command("keys", "activate", deleted)
        #expect(try await third.sign(SigningBody.attestation(source: 1, target: 2), with: deleted).status == 412)
        // Whoever means it deletes what was put back, and imports the key.
        #expect(try await third.command("keys", "delete", deleted, "--yes").exitCode == 0)
        #expect(try await third.command(order).exitCode == 0)
        _ = try await eventually("a signature") {
            try await third.status(signingWith: deleted) == 200 ? true : nil
        }
        #expect(await third.stop() == 0)
    }
}
