// SPDX-License-Identifier: Apache-2.0
import Foundation
import SQLite
import TestSupport
import Testing

/// A chamber that closes and opens: by order, at a restart, when KMS keys are lost and found.
@Suite(.timeLimit(.minutes(8))) struct SealTests {
    @Test func `after a restart it opens by itself and signs with what it had`() async throws {
        let place = try await SealedPlace()
        let first = try await place.startOpen()
        let keys = try await first.generate(2, "--inactive")
        #expect(try await first.status(signingWith: keys[0]) == 404)
        let activated = try await first.command("keys", "activate", keys[0])
        #expect(activated.exitCode == 0, "\(activated)")
        #expect(try await first.status(signingWith: keys[0]) == 200)
        await first.kill()
        let second = try await place.start()
        try await second.waitUntil("unsealed")
        #expect(try await second.status(signingWith: keys[0]) == 200)
        #expect(try await second.status(signingWith: keys[1]) == 404)
        #expect(try second.log().allSatisfy { $0["setup_token"] == nil })
        #expect(await second.stop() == 0)
    }

    @Test func `seal holds at once and after a restart, until it is taken back`() async throws {
        let file = try TestKey(1)
        let place = try await SealedPlace(keys: [file])
        let first = try await place.startOpen()
        let key = try await first.generate(1)[0]
        #expect(try await first.status(signingWith: key) == 200)
        let sealed = try await first.command("operator", "seal")
        #expect(sealed.exitCode == 0 && sealed.output.contains("sealed by an operator"), "\(sealed)")
        for name in [key, file.publicKey] { #expect(try await first.status(signingWith: name) == 503) }
        #expect(await first.stop() == 0)

        let second = try await place.start()
        #expect(try await second.chamber().status == "sealed")
        for name in [key, file.publicKey] { #expect(try await second.status(signingWith: name) == 503) }
        let listed = try await second.command("keys", "list")
        #expect(listed.exitCode == 1 && listed.errors.contains("the chamber is sealed"), "\(listed)")
        let status = try await second.command("operator", "status", "--json")
        #expect(try status.decode(ChamberWords.self).seal.reason?.contains("operator unseal") == true)
        let opened = try await second.command("operator", "unseal")
        #expect(opened.exitCode == 0 && opened.output.hasPrefix("state       unsealed"), "\(opened)")
        for name in [key, file.publicKey] { #expect(try await second.status(signingWith: name) == 200) }
        // On the signer's machine no token is needed.
        _ = try await second.command("operator", "seal")
        let local = try await place.workplace.run(["operator", "unseal"])
        #expect(local.exitCode == 0 && local.output.hasPrefix("state       unsealed"), "\(local)")
        #expect(try await second.status(signingWith: key) == 200)
        #expect(await second.stop() == 0)
    }

    @Test func `an order that somebody takes out of the state keeps it closed, until it is taken back`() async throws {
        let place = try await SealedPlace()
        let first = try await place.startOpen()
        let key = try await first.generate(1)[0]
        #expect(try await first.command("operator", "seal").exitCode == 0)
        #expect(await first.stop() == 0)
        let path = place.workplace.folder.file("state.sqlite")
        do {
            let connection = try Connection(path: path, mode: .readWrite)
            try connection.execute("UPDATE rows SET body = '{\"at\":1,\"sealed\":false}' WHERE name = 'SEAL'")
        }
        let second = try await place.start()
        let reason = try await eventually("a reason") { try await second.chamber().reason }
        #expect(reason.contains("it was not this chamber that took it back"), "\(reason)")
        #expect(try await second.status(signingWith: key) == 503)
        let opened = try await second.command("operator", "unseal")
        #expect(opened.exitCode == 0 && opened.output.hasPrefix("state       unsealed"), "\(opened)")
        #expect(try await second.status(signingWith: key) == 200)
        #expect(await second.stop() == 0)
        let third = try await place.start()
        try await third.waitUntil("unsealed")
        #expect(await third.stop() == 0)
    }

    @Test func `without one KMS key it opens and names it; without two it waits, says so, and recovers by itself`()
        async throws
    {
        let place = try await SealedPlace()
        let first = try await place.startOpen()
        let key = try await first.generate(1)[0]
        #expect(await first.stop() == 0)

        var lost = [try place.removeHolder(0)]
        let second = try await place.start()
        try await second.waitUntil("unsealed")
        #expect(try await second.status(signingWith: key) == 200)
        #expect(try second.log().contains { $0["key"] == place.holders[0] && $0.level == "ERROR" })
        #expect(await second.stop() == 0)

        lost.append(try place.removeHolder(1))
        let third = try await place.start()
        let reason = try await eventually("a reason") { try await third.chamber().reason }
        #expect(reason.contains("Shamir reconstruction failed: insufficient shares"), "\(reason)")
        for holder in place.holders.prefix(2) { #expect(reason.contains(holder), "\(reason)") }
        #expect(try await third.status(signingWith: key) == 503)
        let unsealed = try await third.command("operator", "unseal")
        #expect(unsealed.exitCode == 3 && unsealed.errors.contains("insufficient shares"), "\(unsealed)")
        try place.putBack(lost[0], 0)
        try await third.waitUntil("unsealed")
        #expect(try await third.status(signingWith: key) == 200)
        #expect(await third.stop() == 0)
    }

    @Test func `a KMS key of another chamber opens nothing and is named`() async throws {
        let place = try await SealedPlace(count: 2)
        let first = try await place.startOpen(threshold: 2)
        #expect(await first.stop() == 0)
        let right = try place.removeHolder(1)
        _ = try await SealedPlace.makeHolder(String(place.holders[1].dropFirst(6)))
        let second = try await place.start()
        let reason = try await eventually("a reason") { try await second.chamber().reason }
        #expect(reason.contains("insufficient shares") && reason.contains(place.holders[1]), "\(reason)")
        _ = try place.removeHolder(1)
        try place.putBack(right, 1)
        try await second.waitUntil("unsealed")
        #expect(await second.stop() == 0)
    }
}
