// SPDX-License-Identifier: Apache-2.0
import Foundation
import SQLite
import TestSupport
import Testing

/// Somebody puts an older record of the master key in the place of today's while the signer is stopped.
@Suite(.timeLimit(.minutes(8))) struct PutBackRecordTests {
    /// Takes the row out of a file that lies beside the state of a signer that is stopped.
    private func take(from other: String, in place: SealedPlace, version: String) throws {
        let folder = place.workplace.folder
        let connection = try Connection(path: folder.file("state.sqlite"), mode: .readWrite)
        try connection.execute("ATTACH '\(folder.file(other))' AS other")
        try connection.execute(
            """
            UPDATE rows SET (version, body) = (SELECT \(version), old.body FROM other.rows AS old
                    WHERE old.kind = 'custody' AND old.name = 'MASTER_KEY')
                WHERE kind = 'custody' AND name = 'MASTER_KEY'
            """
        )
    }

    @Test(arguments: ["old.version", "rows.version + 7"])
    func `a record from before a rotation opens nothing, whatever version it has; the right one does`(
        version: String
    ) async throws {
        let place = try await SealedPlace()
        let folder = place.workplace.folder
        let first = try await place.startOpen()
        let key = try await first.generate(1)[0]
        #expect(await first.stop() == 0)
        try folder.write(try folder.contents("state.sqlite"), to: "yesterday")

        let second = try await place.start()
        try await second.waitUntil("unsealed")
        let holder = try await SealedPlace.makeHolder(folder.file("kms-4.key"))
        let rotated = try await second.signer.send(
            "POST",
            "/api/v1/chamber/rotate",
            second.headers,
            body: #"{"kind":"kms","kms_key_arns":["\#(holder)"],"kms_threshold":1}"#
        )
        #expect(rotated.status == 200, "\(rotated)")
        #expect(try await second.status(signingWith: key) == 200)
        #expect(await second.stop() == 0)
        try folder.write(try folder.contents("state.sqlite"), to: "today")

        // The KMS keys of before are still there: they would open it.
        try take(from: "yesterday", in: place, version: version)
        let third = try await place.start()
        let reason = try await eventually("a reason") { try await third.chamber().reason }
        #expect(reason.contains("an older MASTER_KEY row was put back"), "\(reason)")
        #expect(try await third.status(signingWith: key) == 503)
        let asked = try await third.command("operator", "unseal")
        #expect(asked.exitCode != 0 && !asked.output.contains("unsealed"), "\(asked)")
        let made = try await place.workplace.run(
            ["operator", "generate-root-token", "--json"],
            environment: place.environment
        )
        #expect(made.exitCode != 0 && made.errors.contains("unseal the chamber first"), "\(made)")
        #expect(await third.stop() == 0)

        try folder.write(try folder.contents("today"), to: "state.sqlite")
        let last = try await place.start()
        try await last.waitUntil("unsealed")
        #expect(try await last.status(signingWith: key) == 200)
        #expect(await last.stop() == 0)
    }
}
