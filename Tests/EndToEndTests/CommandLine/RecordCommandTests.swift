// SPDX-License-Identifier: Apache-2.0
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// `anti-slashing …`, each command over a record that nobody holds and through the socket of a running signer.
@Suite(.timeLimit(.minutes(8)))
struct RecordCommandTests {
    /// Who holds the record while the command runs.
    enum Holder: String, CaseIterable, Sendable {
        case nobody, signer
    }

    /// Runs `body` with a fresh record.
    private func withRecord(
        _ holder: Holder,
        keys: [TestKey] = [],
        _ body: (Workplace, RunningSigner?) async throws -> Void
    ) async throws {
        let workplace = try Workplace(keys: keys)
        try await workplace.makeRecord()
        switch holder {
        case .nobody: try await body(workplace, nil)
        case .signer:
            let signer = try await RunningSigner.start(in: workplace, makesRecord: false)
            try await body(workplace, signer)
            #expect(await signer.stop() == 0)
        }
    }

    private static let key = "0x" + String(repeating: "8f", count: 48)
    private static let other = "0x" + String(repeating: "9a", count: 48)

    /// An interchange file of one validator.
    private func interchange(
        _ key: String = key,
        blocks: String = #"{"slot":"10"},{"slot":"11","signing_root":"0x\#(String(repeating: "01", count: 32))"}"#,
        attestations: String = #"{"source_epoch":"1","target_epoch":"2"},{"source_epoch":"2","target_epoch":"3"}"#,
        version: String = "5",
        root: String = SigningBody.hoodi
    ) -> String {
        """
        {"metadata":{"interchange_format_version":"\(version)","genesis_validators_root":"\(root)"},
        "data":[{"pubkey":"\(key)","signed_blocks":[\(blocks)],"signed_attestations":[\(attestations)]}]}
        """
    }

    private func status(_ workplace: Workplace) async throws -> RecordStatus {
        try await workplace.run("anti-slashing", "status", "--json").decode(RecordStatus.self)
    }

    private func count(_ workplace: Workplace) async throws -> RecordCount {
        try await workplace.run("anti-slashing", "status", "--json").decode(RecordCount.self)
    }

    @Test func `init makes an empty record that only its owner can read, once`() async throws {
        let workplace = try Workplace()
        let made = try await workplace.run("anti-slashing", "init")
        #expect(made.exitCode == 0)
        #expect(made.output == "created the slashing record \(workplace.record) for hoodi\n")
        #expect(try workplace.folder.mode("record.sqlite") == 0o600)
        #expect(try await status(workplace).validators == 0)
        let before = try workplace.folder.contents("record.sqlite")
        let again = try await workplace.run("anti-slashing", "init")
        #expect(again.exitCode == 1)
        #expect(again.errors.contains("already a slashing record at \(workplace.record)"))
        #expect(try workplace.folder.contents("record.sqlite") == before)
    }

    @Test(arguments: ["import", "export", "prune", "watermark", "status"])
    func `no other command makes a record`(command: String) async throws {
        let workplace = try Workplace()
        try workplace.write(interchange(), to: "in.json")
        let options = [
            "import": ["--from", workplace.folder.file("in.json")],
            "export": ["--to", workplace.folder.file("out.json")],
            "prune": ["--keep-epochs", "1"],
        ]
        let result = try await Chamber.run(
            ["anti-slashing", command, "-c", workplace.configuration, "--anti-slashing-create-if-missing"]
                + options[command, default: []]
        )
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("there is no slashing record at \(workplace.record)"))
        #expect(try !workplace.folder.names.contains("record.sqlite"))
    }

    @Test(arguments: Holder.allCases)
    func `import takes a file and says what was taken`(holder: Holder) async throws {
        try await withRecord(holder) { workplace, _ in
            try workplace.write(interchange(), to: "in.json")
            let file = workplace.folder.file("in.json")
            let dry = try await workplace.run("anti-slashing", "import", "--from", file, "--dry-run")
            #expect(dry.exitCode == 0)
            #expect(dry.output.contains("dry run, nothing was changed: 1 validators taken"))
            #expect(try await status(workplace).validators == 0)

            let taken = try await workplace.run("anti-slashing", "import", "--from", file)
            #expect(taken.exitCode == 0)
            #expect(taken.output.contains("\(Self.key)  taken: 2 blocks, 2 attestations added, 0 already there"))
            let after = try await count(workplace)
            #expect(after.validators == 1 && after.blocks == 2 && after.attestations == 2)

            let again = try await workplace.run("anti-slashing", "import", "--from", file, "--json")
            #expect(again.exitCode == 0)
            let report = try again.decode(ImportReport.self)
            #expect(report.validators.first?.repeated == 4 && report.everythingTaken && !report.dryRun)
            #expect(try await count(workplace).blocks == 2)
        }
    }

    @Test(arguments: Holder.allCases)
    func `an import with contradictions is merged and ends with 3`(holder: Holder) async throws {
        try await withRecord(holder) { workplace, _ in
            try workplace.write(interchange(), to: "first.json")
            #expect(
                try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("first.json"))
                    .exitCode == 0
            )
            let root = String(repeating: "02", count: 32)
            try workplace.write(interchange(blocks: #"{"slot":"11","signing_root":"0x\#(root)"}"#), to: "second.json")
            for dryRun in [["--dry-run"], []] {
                let file = workplace.folder.file("second.json")
                let result = try await Chamber.run(
                    ["anti-slashing", "import", "-c", workplace.configuration, "--from", file] + dryRun,
                    environment: Workplace.environment
                )
                #expect(result.exitCode == 3, "\(result)")
                #expect(result.output.contains("merged with contradictions"))
            }
        }
    }

    @Test(arguments: Holder.allCases)
    func `an element that cannot be read is named, the others are taken, and it ends with 3`(
        holder: Holder
    ) async throws {
        try await withRecord(holder) { workplace, _ in
            let good = interchange()
            let text = good.replacing(#""data":["#, with: #""data":[{"pubkey":"0x12"},7,"#)
            try workplace.write(text, to: "in.json")
            let result = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            #expect(result.exitCode == 3)
            #expect(result.output.contains("data[0]") && result.output.contains("data[1]"))
            #expect(result.output.contains("1 validators taken, 0 merged with contradictions, 2 not taken"))
            #expect(try await status(workplace).validators == 1)
        }
    }

    struct BadFile: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
    }

    static let badFiles: [BadFile] = {
        let good = Self().interchange()
        return [
            BadFile(testDescription: "not JSON", text: "pubkey"),
            BadFile(testDescription: "empty", text: ""),
            BadFile(testDescription: "cut off", text: String(good.dropLast(20))),
            BadFile(testDescription: "another version", text: Self().interchange(version: "4")),
            BadFile(testDescription: "another network", text: Self().interchange(root: SigningBody.mainnet)),
            BadFile(testDescription: "no metadata", text: #"{"data":[]}"#),
            BadFile(
                testDescription: "data is no array",
                text: good.replacing(#""data":["#, with: #""data":{"a":["#) + "}"
            ),
            BadFile(testDescription: "a list", text: "[]"),
        ]
    }()

    @Test(arguments: badFiles, Holder.allCases)
    func `a file of another kind changes nothing`(file: BadFile, holder: Holder) async throws {
        try await withRecord(holder) { workplace, _ in
            try workplace.write(file.text, to: "in.json")
            let result = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            #expect(result.exitCode == 1)
            #expect(result.output.isEmpty && result.errors.hasPrefix("error: "))
            #expect(try await status(workplace).validators == 0)
        }
    }

    @Test(arguments: Holder.allCases)
    func `export writes what import takes, and never over a file`(holder: Holder) async throws {
        try await withRecord(holder) { workplace, _ in
            try workplace.write(interchange(), to: "in.json")
            _ = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            let out = workplace.folder.file("out.json")
            let result = try await workplace.run("anti-slashing", "export", "--to", out)
            #expect(result.exitCode == 0)
            #expect(result.output == "exported 1 validators, 2 blocks, 2 attestations to \(out)\n")
            let exported = try Interchange(json: try workplace.folder.contents("out.json"))
            #expect(exported.validators.first?.blocks.count == 2)
            let before = try workplace.folder.contents("out.json")
            let again = try await workplace.run("anti-slashing", "export", "--to", out)
            #expect(again.exitCode == 1 && again.errors.contains("exists already"))
            #expect(try workplace.folder.contents("out.json") == before)
            let nowhere = try await workplace.run("anti-slashing", "export", "--to", "/nonexistent/out.json")
            #expect(nowhere.exitCode == 1 && nowhere.errors.contains("/nonexistent/out.json"))

            let copy = try Workplace()
            try await copy.makeRecord()
            #expect(try await copy.run("anti-slashing", "import", "--from", out).exitCode == 0)
            #expect(try await count(copy).attestations == 2)
        }
    }

    @Test(arguments: Holder.allCases)
    func `prune keeps the newest epochs`(holder: Holder) async throws {
        try await withRecord(holder) { workplace, _ in
            let attestations = (1...20).map { #"{"source_epoch":"\#($0 - 1)","target_epoch":"\#($0)"}"# }
            try workplace.write(interchange(attestations: attestations.joined(separator: ",")), to: "in.json")
            _ = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            let result = try await workplace.run("anti-slashing", "prune", "--keep-epochs", "5")
            #expect(result.exitCode == 0)
            #expect(result.output == "deleted 0 blocks and 15 attestations of 1 validators\n")
            #expect(try await count(workplace).attestations == 5)
            let json = try await workplace.run("anti-slashing", "prune", "--keep-epochs", "5", "--json")
            #expect(try json.decode(PruningReport.self).attestations == 0)
        }
    }

    @Test(arguments: Holder.allCases)
    func `the high watermark is shown, set and cleared`(holder: Holder) async throws {
        let key = try TestKey(1)
        try await withRecord(holder, keys: [key]) { workplace, signer in
            #expect(try await workplace.run("anti-slashing", "watermark").output == "no high watermark is set\n")
            let set = try await workplace.run(
                "anti-slashing",
                "watermark",
                "--set-high",
                "--slot",
                "320",
                "--epoch",
                "10"
            )
            #expect(set.exitCode == 0 && set.output == "high watermark: slot 320, epoch 10\n")
            let shown = try await workplace.run("anti-slashing", "watermark", "--json").decode([String: String].self)
            #expect(shown == ["slot": "320", "epoch": "10"])
            if let signer {
                #expect(try await signer.get("/api/v1/eth2/highWatermark").body == #"{"epoch":"10","slot":"320"}"#)
                let beyond = try await signer.sign(SigningBody.block(slot: 320), with: key)
                #expect(beyond.status == 412 && beyond.errorCode == "beyond_high_watermark")
                #expect(try await signer.sign(SigningBody.block(slot: 319), with: key).status == 200)
            }
            let cleared = try await workplace.run("anti-slashing", "watermark", "--clear-high")
            #expect(cleared.exitCode == 0 && cleared.output == "no high watermark is set\n")
            if let signer { #expect(try await signer.sign(SigningBody.block(slot: 320), with: key).status == 200) }
        }
    }

    @Test(arguments: Holder.allCases)
    func `the low watermarks only rise`(holder: Holder) async throws {
        let key = try TestKey(1)
        try await withRecord(holder, keys: [key]) { workplace, signer in
            try workplace.write(interchange(key.publicKey), to: "in.json")
            _ = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            let raised = try await workplace.run(
                "anti-slashing",
                "watermark",
                "--raise-low",
                "--slot",
                "100",
                "--epoch",
                "9"
            )
            #expect(raised.exitCode == 0 && raised.output == "raised the low watermarks of 1 validators\n")
            let lower = try await workplace.run(
                "anti-slashing",
                "watermark",
                "--raise-low",
                "--slot",
                "50",
                "--epoch",
                "5",
                "--json"
            )
            #expect(lower.exitCode == 0)
            if let signer {
                #expect(
                    try await signer.sign(SigningBody.block(slot: 60), with: key).errorCode == "below_low_watermark"
                )
                #expect(
                    try await signer.sign(SigningBody.block(slot: 100), with: key).errorCode == "below_low_watermark"
                )
                #expect(try await signer.sign(SigningBody.block(slot: 101), with: key).status == 200)
                let vote = SigningBody.attestation(source: 5, target: 11)
                #expect(try await signer.sign(vote, with: key).errorCode == "below_low_watermark")
            }
        }
    }

    @Test(arguments: Holder.allCases)
    func `status describes the record`(holder: Holder) async throws {
        try await withRecord(holder) { workplace, _ in
            let text = try await workplace.run("anti-slashing", "status")
            #expect(text.exitCode == 0)
            #expect(text.output.contains(workplace.record) && text.output.contains(SigningBody.hoodi))
            let status = try await status(workplace)
            #expect(status.health == "ready" && status.schemaVersion == 12 && status.path == workplace.record)
        }
    }

    @Test func `a socket that a dead signer left behind does not stop the commands`() async throws {
        let signer = try await RunningSigner.start(in: Workplace())
        await signer.kill()
        #expect(try signer.workplace.folder.names.contains("record.sqlite.admin.sock"))
        let result = try await signer.workplace.run("anti-slashing", "status")
        #expect(result.exitCode == 0, "\(result)")
        let next = try await RunningSigner.start(in: signer.workplace, makesRecord: false)
        #expect(await next.stop() == 0)
    }

    @Test func `the admin socket is for its owner alone`() async throws {
        let signer = try await RunningSigner.start(in: Workplace())
        #expect(try signer.workplace.folder.mode("record.sqlite.admin.sock") == 0o600)
        #expect(await signer.stop() == 0)
    }

    @Test func `a record in use without a socket is refused with a hint`() async throws {
        let signer = try await RunningSigner.start(in: Workplace())
        let result = try await signer.workplace.run(
            "anti-slashing",
            "status",
            "--server-admin-socket",
            signer.workplace.folder.file("elsewhere.sock")
        )
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("another process holds") && result.errors.contains("hint: "))
        #expect(await signer.stop() == 0)
    }
}
