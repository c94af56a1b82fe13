// SPDX-License-Identifier: Apache-2.0
import Age
import Foundation
import Glibc
import Hardening
import Secrets
import TestSupport
import Testing

/// What is left in the memory of a signer whose chamber was sealed. What requests bring besides: `PassingSecretTests`.
@Suite(.timeLimit(.minutes(8)), .enabled(if: geteuid() == 0, "only root reads the memory of a process that hides it"))
struct ChamberMemoryTests {
    @Test(.enabled(if: Hardening.hasSecretMemory, "without memfd_secret root sees the keys where they belong"))
    func `no secret leaves secret memory, and after seal there is none`() async throws {
        let identity = try AgeIdentityFile([AgeIdentity.generate()])
        let place = try await SealedPlace(environment: [
            "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__ENABLED": "true",
            "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__RECIPIENTS": "\(identity.identities[0].recipient)",
        ])
        let folder = place.workplace.folder
        let first = try await place.startOpen()
        #expect(await first.stop() == 0)
        let custody = try await CustodySecrets(place)
        let master = custody.held

        // Two of three KMS keys are away: it holds nothing.
        let files = try (0..<2).map { try place.removeHolder($0) }
        let closed = try await place.start()
        _ = try await eventually("a reason") { try await closed.chamber().reason }
        let early = try await SecretSearch.inMemory(of: closed.signer.process.identifier, custody.shares + [master])
        // The one share that was got back is dropped with the attempt; while one runs it is in secret memory.
        #expect(early.allSatisfy { $0.hasPrefix("KMS share 3, raw") }, "before unseal: \(early)")
        #expect(
            try await SecretSearch.inMemory(
                of: closed.signer.process.identifier,
                custody.shares + [master],
                outsideSecretMemory: true
            ) == []
        )
        #expect(await closed.stop() == 0)
        for (number, file) in files.enumerated() { try place.putBack(file, number) }

        let signer = try await place.start()
        try await signer.waitUntil("unsealed")
        let generated = try await signer.generate(3)
        let imported = try (1...3).map { try TestKey(2000 + $0) }
        for key in imported {
            try place.workplace.write(try key.keystore(password: "password"), to: "\(key.publicKey).json")
        }
        try place.workplace.write("password\n", to: "password")
        let keystores = imported.map { "\($0.publicKey).json" }
        let taken = try await signer.command(["keys", "import"] + keystores + ["--password-file", "password"])
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
        let outside = try await SecretSearch.inMemory(
            of: process,
            scalars + custody.shares + [master],
            outsideSecretMemory: true
        )
        #expect(outside.isEmpty, "outside secret memory: \(outside.joined(separator: "; "))")
        // That search finds what lies in ordinary memory.
        let known = try SecretForms("public key", digits: String(generated[0].dropFirst(2).prefix(64)))
        #expect(try await SecretSearch.inMemory(of: process, [known], outsideSecretMemory: true).isEmpty == false)
        #expect(try await SecretSearch.inMemory(of: process, custody.shares) == [])

        #expect(try await signer.command("operator", "seal").exitCode == 0)
        let after = try await SecretSearch.inMemory(of: process, scalars + custody.shares + [master])
        #expect(after.isEmpty, "after seal: \(after.joined(separator: "; "))")

        #expect(try await signer.command("operator", "unseal").exitCode == 0)
        #expect(try await SecretSearch.inMemory(of: process, [master]).count > 0)
        for key in generated { #expect(try await signer.status(signingWith: key) == 200) }
        #expect(await signer.stop() == 0)
        let written = try folder.names.filter { $0.contains(".sqlite") }.map(folder.file)
        #expect(try SecretSearch.inFiles(written, scalars + custody.shares + [master]) == [])
    }
}
