// SPDX-License-Identifier: Apache-2.0
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// `anti-slashing import`, `export`, `verify` and `copy` with whole histories.
@Suite(.timeLimit(.minutes(8)))
struct HistoryCommandTests {
    typealias Holder = RecordCommandTests.Holder

    private func withRecord(_ holder: Holder, _ body: (Workplace) async throws -> Void) async throws {
        let workplace = try Workplace()
        try await workplace.makeRecord()
        guard holder == .signer else { return try await body(workplace) }
        let signer = try await RunningSigner.start(in: workplace, makesRecord: false)
        try await body(workplace)
        #expect(await signer.stop() == 0)
    }

    private func key(_ number: Int) -> String {
        "0xa0" + String(repeating: "0", count: 94 - "\(number)".count) + "\(number)"
    }

    private func file(_ elements: [String], root: String = SigningBody.hoodi) -> String {
        "{\"data\":[\(elements.joined(separator: ","))],\"metadata\":{\"interchange_format_version\":\"5\","
            + "\"genesis_validators_root\":\"\(root)\"}}"
    }

    private func element(_ number: Int, blocks: [Int] = [10, 11], votes: [(Int, Int)] = [(1, 2), (2, 3)]) -> String {
        let blocks = blocks.map { "{\"slot\":\"\($0)\"}" }.joined(separator: ",")
        let votes = votes.map { "{\"source_epoch\":\"\($0.0)\",\"target_epoch\":\"\($0.1)\"}" }.joined(separator: ",")
        return "{\"signed_blocks\":[\(blocks)],\"pubkey\":\"\(key(number))\",\"signed_attestations\":[\(votes)]}"
    }

    @Test(arguments: Holder.allCases)
    func `a history of many parts is taken, given back and copied whole`(holder: Holder) async throws {
        try await withRecord(holder) { workplace in
            let votes = (1...700).map { ($0 - 1, $0) }
            let elements = (0..<200).map { element($0, votes: votes) }
            try workplace.write(file(elements), to: "in.json")
            let taken = try await workplace.run(
                "anti-slashing",
                "import",
                "--from",
                workplace.folder.file("in.json"),
                "--json"
            )
            #expect(taken.exitCode == 0, "\(taken.errors)")
            let report = try taken.decode(ImportReport.self)
            #expect(report.validators.map(\.publicKey) == (0..<200).map { key($0) })
            #expect(report.validators.allSatisfy { $0.attestationsAdded == 700 && $0.blocksAdded == 2 })

            let out = workplace.folder.file("out.json")
            let given = try await workplace.run("anti-slashing", "export", "--to", out)
            #expect(given.output == "exported 200 validators, 400 blocks, 140000 attestations to \(out)\n")
            let verified = try await workplace.run("anti-slashing", "verify", "--against", out)
            #expect(
                verified.output == "200 validators, 400 blocks, 140000 attestations: nothing contradicts\n",
                "\(verified)"
            )
            let copy = try Workplace()
            try await copy.makeRecord()
            let copied = try await Chamber.run(
                ["anti-slashing", "copy", "--from-config", workplace.configuration, "--to-config", copy.configuration],
                environment: Workplace.environment
            )
            #expect(copied.exitCode == 0 && copied.output.contains("everything is there"), "\(copied)")
            #expect(copied.output.contains("copied 200 validators, 400 blocks, 140000 attestations"))
        }
    }

    @Test(arguments: Holder.allCases)
    func `an export to the standard output is the file and nothing else`(holder: Holder) async throws {
        try await withRecord(holder) { workplace in
            try workplace.write(file([element(1), element(2)]), to: "in.json")
            _ = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            let out = workplace.folder.file("out.json")
            _ = try await workplace.run("anti-slashing", "export", "--to", out)
            let shown = try await workplace.run("anti-slashing", "export", "--to", "-")
            #expect(shown.exitCode == 0)
            #expect(try shown.output == String(decoding: workplace.folder.contents("out.json"), as: UTF8.self))
            #expect(shown.errors.contains("exported 2 validators"))
            #expect(try workplace.folder.mode("out.json") == 0o600)
            #expect(try !workplace.folder.names.contains { $0.hasSuffix(".partial") })
        }
    }

    @Test(arguments: Holder.allCases)
    func `a file that is bad behind many good validators changes nothing`(holder: Holder) async throws {
        try await withRecord(holder) { workplace in
            let elements = (0..<50).map { element($0) } + ["{\"pubkey\":}"]
            try workplace.write(file(elements), to: "in.json")
            let result = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            #expect(result.exitCode == 1 && result.output.isEmpty)
            #expect(result.errors.contains("at byte ") && result.errors.contains("nothing was done"), "\(result)")
            let status = try await workplace.run("anti-slashing", "status", "--json").decode(RecordStatus.self)
            #expect(status.validators == 0)
        }
    }

    @Test(arguments: Holder.allCases)
    func `verify ends with 1 where something is wrong and with 3 where it may be`(holder: Holder) async throws {
        try await withRecord(holder) { workplace in
            try workplace.write(file([element(1)]), to: "in.json")
            _ = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            let clean = try await workplace.run("anti-slashing", "verify")
            #expect(
                clean.exitCode == 0 && clean.output == "1 validators, 2 blocks, 2 attestations: nothing contradicts\n"
            )

            _ = try await workplace.run("anti-slashing", "watermark", "--set-high", "--slot", "11", "--epoch", "90")
            let doubtful = try await workplace.run("anti-slashing", "verify")
            #expect(doubtful.exitCode == 3 && doubtful.output.contains("0 findings, 1 warnings"), "\(doubtful)")
            #expect(doubtful.output.contains("warning  \(key(1))  the newest block, at slot 11, is not below"))

            try workplace.write(file([element(2, votes: [(5, 6), (4, 8)])]), to: "slashable.json")
            let bad = workplace.folder.file("slashable.json")
            _ = try await workplace.run("anti-slashing", "import", "--from", bad)
            let wrong = try await workplace.run("anti-slashing", "verify", "--json")
            #expect(wrong.exitCode == 1, "\(wrong)")
            let report = try wrong.decode(VerificationReport.self)
            #expect(report.validators == 2 && report.errors == 1)
            #expect(
                report.findings.contains(
                    HistoryFinding(publicKey: key(2), problem: "the attestation 4 to 8 surrounds 5 to 6")
                )
            )
        }
    }

    @Test(arguments: Holder.allCases)
    func `verify holds a file against the record and itself`(holder: Holder) async throws {
        try await withRecord(holder) { workplace in
            try workplace.write(file([element(1)]), to: "in.json")
            _ = try await workplace.run("anti-slashing", "import", "--from", workplace.folder.file("in.json"))
            // The second element for the same key contradicts the first one.
            try workplace.write(
                file([element(1), element(7), element(1, blocks: [], votes: [(0, 9)]), "{\"pubkey\":1}"]),
                to: "other.json"
            )
            let result = try await workplace.run(
                "anti-slashing",
                "verify",
                "--against",
                workplace.folder.file("other.json")
            )
            #expect(result.exitCode == 1)
            #expect(result.output.contains("the attestation 0 to 9 surrounds 2 to 3"), "\(result)")
            #expect(result.output.contains("\(key(7))  the block of slot 10 and 3 more entries are not there"))
            #expect(result.output.contains("data[3]"))

            try workplace.write(file([element(1)], root: SigningBody.mainnet), to: "mainnet.json")
            let foreign = try await workplace.run(
                "anti-slashing",
                "verify",
                "--against",
                workplace.folder.file("mainnet.json")
            )
            #expect(foreign.exitCode == 1 && foreign.output.contains("belongs to the network \(SigningBody.mainnet)"))
        }
    }

    @Test func `a record of another network than the configuration's is not worked on`() async throws {
        let workplace = try Workplace()
        try await workplace.makeRecord()
        for arguments in [["verify"], ["export", "--to", workplace.folder.file("out.json")]] {
            let result = try await Chamber.run(
                ["anti-slashing"] + arguments + ["-c", workplace.configuration, "--network", "mainnet"],
                environment: Workplace.environment
            )
            #expect(result.exitCode == 1 && result.errors.contains("belongs to the network"), "\(result)")
        }
        #expect(try !workplace.folder.names.contains { $0.hasPrefix("out.json") })
    }
}
