// SPDX-License-Identifier: Apache-2.0
import Age
import BLS
import Foundation
import Keystores
import Secrets
import TestSupport
import Testing

/// From backups to keystores with no signer and no KMS key.
@Suite(.timeLimit(.minutes(8))) struct RecoveryTests {
    private static let password = "recovered-password"

    /// A signer whose backups an identity of this folder opens, and what it has generated.
    private struct Backed {
        let place: SealedPlace
        let identity: AgeIdentityFile
        let keys: [String]
        var folder: TemporaryFolder { place.workplace.folder }

        static func make(_ count: Int) async throws -> Backed {
            let identity = try AgeIdentityFile([AgeIdentity.generate()])
            let place = try await SealedPlace(environment: [
                "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__ENABLED": "true",
                "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__RECIPIENTS": "\(identity.identities[0].recipient)",
            ])
            let signer = try await place.startOpen()
            let keys = try await signer.generate(count)
            let plain = try TestKey(1)
            let imported = try await signer.command(
                ["keys", "import", "--private-key", "env:PLAIN"],
                environment: ["PLAIN": plain.secret]
            )
            #expect(imported.exitCode == 0, "\(imported)")
            let exported = try await signer.command("keys", "export-backup", "--all", "--out", "backups")
            #expect(exported.exitCode == 0, "\(exported)")
            #expect(exported.errors.contains("\(count) exported, 1 no backup") || exported.errors.contains("no backup"))
            let again = try await signer.command("keys", "export-backup", keys[0], "--out", "backups")
            #expect(again.errors.contains("1 existing"), "\(again)")
            #expect(await signer.stop() == 0)
            try place.workplace.write(password + "\n", to: "password")
            let text = identity.text
            try SecretFile.create(place.workplace.folder.file("identity"), text.span)
            return Backed(place: place, identity: identity, keys: keys)
        }

        func recover(_ options: String..., environment: [String: String] = [:]) async throws -> CommandResult {
            try await Chamber.run(
                ["keys", "recover", "--backup", "backups", "--out", "recovered", "--password-file", "password"]
                    + options,
                environment: environment,
                in: folder.path
            )
        }

        /// What a keystore of the recovered folder opens to.
        func opened(_ key: String) throws -> String {
            let keystore = try Keystore(json: try folder.contents("recovered/keystore-\(key).json"))
            #expect(keystore.path == "m/12381/3600/0/0/0")
            let bytes = Array(RecoveryTests.password.utf8)
            let secret = try keystore.secretKey(Password(normalizing: bytes.span), arena: SecretArena())
            return secret.publicKey.description
        }
    }

    @Test func `what was generated is recovered, with the identity alone`() async throws {
        let backed = try await Backed.make(2)
        for name in ["sealed.sqlite", "state.sqlite", "kms-1.key", "kms-2.key", "kms-3.key", "config.yaml"] {
            try backed.place.workplace.remove(name)
        }
        let recovered = try await backed.recover("--identity", "identity", "--raw")
        #expect(recovered.exitCode == 0 && recovered.errors.contains("2 recovered"), "\(recovered)")
        for key in backed.keys {
            #expect(try backed.opened(key) == key)
            for name in ["keystore-\(key).json", "\(key).key"] {
                #expect(try backed.folder.mode("recovered/\(name)") == 0o600)
            }
            let raw = try backed.folder.contents("recovered/\(key).key")
            let digits = String(decoding: raw, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try TestKey(secret: digits).publicKey == key)
            #expect(!recovered.description.contains(digits))
        }
        let again = try await backed.recover("--identity", "identity")
        #expect(again.exitCode == 0 && again.errors.contains("2 existing"), "\(again)")
    }

    @Test func `a protected identity opens with its passphrase, and not with another`() async throws {
        let backed = try await Backed.make(1)
        let passphrase = SecretBytes(random: 24)
        var digits = SecretBytes(count: 24) { _ in }
        digits.withMutableSpan { target in
            for position in 0..<24 { target[position] = UInt8(ascii: "a") + passphrase.span[position] % 26 }
        }
        let text = backed.identity.text
        let file = try AgeFile.encrypt(text.span, passphrase: digits, workFactor: 10, armored: true)
        try backed.folder.write(Data(file), to: "protected")
        try SecretFile.create(backed.folder.file("passphrase"), digits.span)
        let wrong = try await backed.recover(
            "--identity",
            "protected",
            "--identity-passphrase",
            "env:WRONG",
            environment: ["WRONG": "not the one"]
        )
        #expect(wrong.exitCode == 2 && wrong.errors.contains("passphrase is wrong"), "\(wrong)")
        let right = try await backed.recover("--identity", "protected", "--identity-passphrase", "file:passphrase")
        #expect(right.exitCode == 0, "\(right)")
        #expect(try backed.opened(backed.keys[0]) == backed.keys[0])
    }

    @Test func `another's identity and a backup under another name give nothing`() async throws {
        let backed = try await Backed.make(2)
        let stranger = try AgeIdentityFile([AgeIdentity.generate()]).text
        try SecretFile.create(backed.folder.file("stranger"), stranger.span)
        let refused = try await backed.recover("--identity", "stranger")
        #expect(refused.exitCode == 1 && refused.output.contains("none of the identities"), "\(refused)")
        // One in the place of the other.
        let content = try backed.folder.contents("backups/\(backed.keys[0]).age")
        try backed.folder.write(content, to: "backups/\(backed.keys[1]).age")
        let swapped = try await backed.recover("--identity", "identity")
        #expect(swapped.exitCode == 3 && swapped.output.contains("not the one that it is named after"), "\(swapped)")
        #expect(try backed.opened(backed.keys[0]) == backed.keys[0])
        let left = try FileManager.default.contentsOfDirectory(atPath: backed.folder.file("recovered"))
        #expect(left == ["keystore-\(backed.keys[0]).json"])
    }
}
