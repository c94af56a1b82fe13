// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// From nothing to a chamber that signs.
@Suite(.timeLimit(.minutes(8))) struct FirstStartTests {
    @Test func `without a master key nothing is signed, and the log says how to make one`() async throws {
        let key = try TestKey(1)
        let place = try await SealedPlace(keys: [key])
        let signer = try await place.start()
        let offers = try signer.log().filter { $0["setup_token"] != nil }
        #expect(offers.count == 1 && offers[0].level == "WARN")
        #expect(offers[0]["setup_token"]?.wholeMatch(of: /cc-setup-[0-9a-f]{64}/) != nil)
        // A key of a file does not sign either: a mixed chamber is wholly sealed.
        let refused = try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key.publicKey)
        #expect(refused.status == 503 && refused.errorCode == "sealed", "\(refused)")
        let health = try await signer.signer.get("/healthcheck")
        #expect(health.status == 503 && health.body.contains("no master key yet"), "\(health)")
        #expect(try await signer.chamber().status == "uninitialized")
        let generated = try await signer.command("keys", "generate", "--count", "1")
        #expect(generated.exitCode == 1 && generated.errors.contains("no master key yet"), "\(generated)")
        #expect(await signer.stop() == 0)
    }

    @Test func `a wrong setup token, a used one and one of an earlier start are refused`() async throws {
        let place = try await SealedPlace()
        let earlier = try await place.start()
        let old = try earlier.setupToken
        #expect(await earlier.stop() == 0)
        let signer = try await place.start()
        let token = try signer.setupToken
        #expect(token != old)
        for wrong in [old, "cc-setup-" + String(repeating: "0", count: 64), "cc_token_" + token.dropFirst(9)] {
            let refused = try await place.initialize(signer, token: wrong)
            #expect(refused.exitCode == 1 && refused.errors.contains("not the setup token"), "\(refused)")
            #expect(refused.errors.contains("hint: ") && !refused.description.contains(wrong))
        }
        #expect(try await signer.chamber().status == "uninitialized")
        #expect(try await place.initialize(signer, token: token).exitCode == 0)
        let again = try await place.initialize(signer, token: token)
        #expect(again.exitCode == 1 && again.errors.contains("not the setup token"), "\(again)")
        #expect(await signer.stop() == 0)
    }

    @Test func `after init keys are made and sign, and the record refuses a double vote`() async throws {
        let file = try TestKey(1)
        let place = try await SealedPlace(keys: [file])
        let signer = try await place.startOpen()
        let keys = try await signer.generate(3)
        #expect(Set(keys).count == 3)
        #expect(try await signer.publicKeys() == Set(keys + [file.publicKey]))
        #expect(try await signer.status(signingWith: file.publicKey) == 200)
        for key in keys {
            #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: key).status == 200)
            let twice = try await signer.sign(SigningBody.attestation(source: 1, target: 2, block: "0x02"), with: key)
            #expect(twice.status == 412, "\(twice)")
        }
        #expect(try await signer.signer.get("/healthcheck").status == 200)
        #expect(await signer.stop() == 0)
    }

    @Test func `a KMS key that does not work is named, nothing is made, and the same token is good again`() async throws
    {
        let place = try await SealedPlace()
        let signer = try await place.start()
        let content = try place.removeHolder(1)
        let refused = try await place.initialize(signer)
        #expect(refused.exitCode == 1 && refused.errors.contains(place.holders[1]), "\(refused)")
        #expect(try await signer.chamber().status == "uninitialized")
        try place.putBack(content, 1)
        #expect(try await place.initialize(signer).exitCode == 0)
        #expect(await signer.stop() == 0)
    }

    struct Misuse: Sendable, CustomTestStringConvertible {
        let words: [String]
        let says: String
        var testDescription: String { words.joined(separator: " ") }
    }

    @Test(arguments: [
        Misuse(words: ["operator", "init", "--kms-threshold", "1"], says: "--kms-key-arns is required"),
        Misuse(words: ["operator", "init", "--kms-key-arns", "kms-1", "--kms-threshold", "1"], says: "ARN"),
        Misuse(words: ["operator", "init", "--kms-key-arns", "local:/a", "--kms-threshold", "2"], says: "1 to 1"),
        Misuse(
            words: [
                "operator", "init", "--kms-key-arns", "local:/a", "--kms-threshold", "1", "--setup-token", "cc-setup-1",
            ],
            says: "can read a command line"
        ),
        Misuse(words: ["operator", "seal", "--signer-url", "http://192.0.2.1"], says: "is not encrypted"),
        Misuse(words: ["keys", "generate", "--count", "0"], says: "--count"),
        Misuse(words: ["keys", "generate", "--count", "1", "--request-id", "a b"], says: "--request-id"),
        Misuse(words: ["keys", "import"], says: "no key is named"),
        Misuse(words: ["keys", "import", "--private-key", "0x12"], says: "can read a command line"),
        Misuse(words: ["keys", "import", "/nonexistent"], says: "/nonexistent"),
        Misuse(words: ["keys", "list", "--status", "all"], says: "active or inactive"),
        Misuse(words: ["keys", "activate"], says: "no key is named"),
        Misuse(words: ["keys", "activate", "0x12"], says: "96 hexadecimal digits"),
        Misuse(words: ["keys", "delete", "0x" + String(repeating: "ab", count: 48)], says: "--yes"),
        Misuse(words: ["keys", "export-backup", "--out", "backups"], says: "--all"),
        Misuse(words: ["keys", "recover", "--out", "keys", "--identity", "a"], says: "--backup is required"),
    ])
    func `what is not understood ends with 2 and touches nothing`(misuse: Misuse) async throws {
        let folder = try TemporaryFolder()
        let result = try await Chamber.run(misuse.words, in: folder.path)
        #expect(result.exitCode == 2, "\(result)")
        #expect(result.output.isEmpty && result.errors.contains(misuse.says), "\(result)")
        let left = try folder.names
        #expect(left.isEmpty, "\(left)")
    }

    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/setsid")),
        arguments: [
            (["operator", "init", "--kms-key-arns", "local:/a", "--kms-threshold", "1"], "--setup-token env:NAME"),
            (["keys", "import", "keystore.json"], "--password-file PATH"),
        ]
    )
    func `a secret that is not given is asked for, and without a terminal the option is named`(
        words: [String],
        option: String
    ) async throws {
        let workplace = try Workplace()
        try workplace.write(try TestKey(1).keystore(password: "a"), to: "keystore.json")
        let result = try await Chamber.run(words, through: ["/usr/bin/setsid", "--wait"], in: workplace.folder.path)
        #expect(result.exitCode == 2 && result.errors.contains("no terminal"), "\(result)")
        #expect(result.errors.contains("hint: without a terminal, \(option)"), "\(result)")
    }

    @Test func `a local key is made once, for its owner alone`() async throws {
        let folder = try TemporaryFolder()
        let made = try await Chamber.run(["operator", "local-key", "kms.key"], in: folder.path)
        #expect(made.exitCode == 0 && made.output == "local:\(folder.file("kms.key"))\n", "\(made)")
        #expect(try folder.mode("kms.key") == 0o600)
        let content = try folder.contents("kms.key")
        #expect(!made.description.contains(String(decoding: content.prefix(64), as: UTF8.self)))
        let again = try await Chamber.run(["operator", "local-key", "kms.key"], in: folder.path)
        #expect(again.exitCode == 1 && again.errors.contains("exists already"), "\(again)")
        #expect(try folder.contents("kms.key") == content)
    }
}
