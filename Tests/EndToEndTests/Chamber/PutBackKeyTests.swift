// SPDX-License-Identifier: Apache-2.0
import Foundation
import SQLite
import TestSupport
import Testing

/// Somebody puts yesterday's store of keys in the place of today's while the signer is stopped, or one row of it.
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
        // The row is one that the chamber wrote; the list of withdrawn keys and the record of what was signed know better.
        for body in [
            SigningBody.randaoReveal(epoch: 1), SigningBody.attestation(source: 1, target: 2),
            SigningBody.block(slot: 64),
        ] {
            let answer = try await third.sign(body, with: deleted)
            #expect([404, 412].contains(answer.status), "\(answer)")
        }
        #expect(try await third.status(signingWith: other) == 200)
        // Not by activating it either.
        #expect(try await third.command("keys", "activate", deleted).exitCode != 0)
        #expect(try await third.sign(SigningBody.attestation(source: 1, target: 2), with: deleted).status == 404)
        // Whoever means it deletes what was put back, and imports the key.
        #expect(try await third.command("keys", "delete", deleted, "--yes").exitCode == 0)
        #expect(try await third.command(order).exitCode == 0)
        _ = try await eventually("a signature") {
            try await third.status(signingWith: deleted) == 200 ? true : nil
        }
        #expect(await third.stop() == 0)
    }

    /// The row of one key, out of a file that lies beside the store of a signer that is stopped.
    private func take(_ key: String, from other: String, in place: SealedPlace) throws {
        let folder = place.workplace.folder
        let connection = try Connection(path: folder.file("sealed.sqlite"), mode: .readWrite)
        try connection.execute("ATTACH '\(folder.file(other))' AS other")
        let columns =
            "version, status, created_at, updated_at, key_generation, key_name, secret, encrypted_mnemonic, seal"
        let name = "public_key = x'\(key.dropFirst(2))'"
        try connection.execute(
            "UPDATE entries SET (\(columns)) = (SELECT \(columns) FROM other.entries WHERE \(name)) WHERE \(name)"
        )
    }

    @Test(arguments: ["deactivate", "delete"])
    func `one old row of a withdrawn key signs nothing and is shown, until somebody switches it off and on`(
        verb: String
    ) async throws {
        let place = try await SealedPlace()
        let folder = place.workplace.folder
        let first = try await place.startOpen()
        let keys = try await first.generate(2)
        let key = keys[0]
        #expect(try await first.status(signingWith: key) == 200)
        #expect(await first.stop() == 0)
        try folder.write(try folder.contents("sealed.sqlite"), to: "yesterday")

        let second = try await place.start()
        try await second.waitUntil("unsealed")
        let withdrawn = try await second.command(["keys", verb, key] + (verb == "delete" ? ["--yes"] : []))
        #expect(withdrawn.exitCode == 0, "\(withdrawn)")
        #expect(await second.stop() == 0)
        try take(key, from: "yesterday", in: place)

        let third = try await place.start()
        try await third.waitUntil("unsealed")
        #expect(try await third.status(signingWith: key) == 404)
        #expect(try await third.status(signingWith: keys[1]) == 200)
        #expect(try third.log().contains { $0["fault"] == "replayed" && $0["key"] == key })
        // Listed with its fault, and that is said.
        let listed = try await third.command("keys", "list", "--json")
        #expect(listed.exitCode != 0 && listed.errors.contains("1 rows are refused"), "\(listed)")
        #expect(try listed.decode([KeyRow].self).filter { $0.fault != nil }.map(\.pubkey) == [key])
        // Switching it on makes it no better.
        let refused = try await third.command("keys", "activate", key)
        #expect(refused.exitCode != 0 && "\(refused)".contains("deactivate it first"), "\(refused)")
        #expect(try await third.status(signingWith: key) == 404)
        #expect(try await third.command("keys", "deactivate", key).exitCode == 0)
        #expect(try await third.listed().allSatisfy { $0.fault == nil })
        #expect(try await third.command("keys", "activate", key).exitCode == 0)
        // The record has a deleted key disabled; that is a matter of its own.
        let attested = try await third.sign(SigningBody.attestation(source: 1, target: 2), with: key)
        #expect(attested.status == (verb == "delete" ? 412 : 200), "\(attested)")
        #expect(await third.stop() == 0)
    }
}
