// SPDX-License-Identifier: Apache-2.0
import Age
import Encoding
import Foundation
import Glibc
import Hardening
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// What is left in the memory of a signer whose chamber was sealed. Keys that came as keystores: one that came in plain was
/// in the body of a request, which is ordinary memory (SECURITY.md).
@Suite(.timeLimit(.minutes(5)), .enabled(if: geteuid() == 0, "only root reads the memory of a process that hides it"))
struct ChamberMemoryTests {
    /// The master key of a chamber, put together as the signer does.
    private static func masterKey(_ place: SealedPlace) async throws -> SecretForms {
        let state = try SQLiteState(path: place.workplace.folder.file("state.sqlite"))
        let row = try #require(try await state.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        await state.close()
        let record = try MasterKeyRecord(reading: try #require(row.body))
        let wrappers = KeyWrappers(KeyWrapperSettings())
        let custodian = Custodian { name throws(WrappingError) in try wrappers.wrapper(for: name) }
        let secret = try await custodian.open(record.custody, of: record.identity).take()
        return try SecretForms("master key", digits: Hex.encode(secret.span, prefix: false))
    }

    @Test(.enabled(if: Hardening.hasSecretMemory, "without memfd_secret root sees the keys where they belong"))
    func `after seal there is no scalar and no master key`() async throws {
        let identity = try AgeIdentityFile([AgeIdentity.generate()])
        let place = try await SealedPlace(environment: [
            "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__ENABLED": "true",
            "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__RECIPIENTS": "\(identity.identities[0].recipient)",
        ])
        let folder = place.workplace.folder
        let first = try await place.startOpen()
        #expect(await first.stop() == 0)
        let master = try await Self.masterKey(place)

        let signer = try await place.start()
        try await signer.waitUntil("unsealed")
        let generated = try await signer.generate(3)
        let imported = try (1...3).map { try TestKey(2000 + $0) }
        for key in imported {
            try place.workplace.write(try key.keystore(password: "password"), to: "\(key.publicKey).json")
        }
        try place.workplace.write("password\n", to: "password")
        let files = imported.map { "\($0.publicKey).json" }
        let taken = try await signer.command(["keys", "import"] + files + ["--password-file", "password"])
        #expect(taken.exitCode == 0, "\(taken)")
        for key in generated + imported.map(\.publicKey) { #expect(try await signer.status(signingWith: key) == 200) }

        // What was generated is known by its backups.
        #expect(try await signer.command("keys", "export-backup", "--all", "--out", "backups").exitCode == 0)
        try SecretFile.create(folder.file("identity"), identity.text.span)
        let recovered = try await Chamber.run(
            ["keys", "recover", "--backup", "backups", "--identity", "identity", "--out", "recovered", "--raw"]
                + ["--password-file", "password"],
            in: folder.path
        )
        #expect(recovered.exitCode == 0, "\(recovered)")
        let scalars =
            try generated.map { key in
                let text = String(decoding: try folder.contents("recovered/\(key).key"), as: UTF8.self)
                return try SecretForms("generated key", digits: text.trimmingCharacters(in: .whitespacesAndNewlines))
            } + imported.map { try SecretForms("imported key", digits: $0.secret) }

        let process = signer.signer.process.identifier
        // The search finds what is there: an open chamber has its master key in locked memory, which root can read.
        let control = try await SecretSearch.inMemory(of: process, [master])
        #expect(control.contains { $0.hasPrefix("master key, raw:") }, "\(control)")
        let before = try await SecretSearch.inMemory(of: process, scalars)
        #expect(before.isEmpty, "outside the arena: \(before.joined(separator: "; "))")

        #expect(try await signer.command("operator", "seal").exitCode == 0)
        let after = try await SecretSearch.inMemory(of: process, scalars + [master])
        #expect(after.isEmpty, "after seal: \(after.joined(separator: "; "))")

        #expect(try await signer.command("operator", "unseal").exitCode == 0)
        #expect(try await SecretSearch.inMemory(of: process, [master]).count > 0)
        for key in generated { #expect(try await signer.status(signingWith: key) == 200) }
        #expect(await signer.stop() == 0)
        let written = try folder.names.filter { $0.contains(".sqlite") }.map(folder.file)
        #expect(try SecretSearch.inFiles(written, scalars + [master]) == [])
    }
}
