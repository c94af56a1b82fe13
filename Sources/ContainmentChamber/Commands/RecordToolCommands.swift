// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Foundation
internal import SlashingProtection

/// `anti-slashing copy` and `anti-slashing verify`: they look at whole records, whatever keeps them.
enum RecordToolCommands {
    private struct CopyReport: Codable {
        let from: String
        let to: String
        let validators: Int
        let blocks: Int
        let attestations: Int
        /// Validators whose histories contradict what was there, or each other.
        let mergedStrictly: Int
        /// What the target does not cover after all; empty unless something went wrong.
        let findings: [HistoryFinding]
    }

    private struct VerifyReport: Codable {
        let validators: Int
        let findings: [HistoryFinding]
        var isClean: Bool { findings.isEmpty }
    }

    /// Takes everything of one record into another, then reads the other back and holds it against the first.
    static func copy(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let source = try configuration(invocation, "from-config")
        let target = try configuration(invocation, "to-config")
        let from = try RecordAccess(source)
        let to = try RecordAccess(target)
        let history = try await read(from)
        Output.complain("read \(history.validators.count) validators from \(from.place)")
        guard case .taken(let report) = try await to.run(.take(history, dryRun: false)) else { return .failure }
        Output.complain("written to \(to.place), reading it back")
        let findings = history.uncovered(by: try await read(to))
        let result = CopyReport(
            from: from.place,
            to: to.place,
            validators: history.validators.count,
            blocks: history.validators.reduce(0) { $0 + $1.blocks.count },
            attestations: history.validators.reduce(0) { $0 + $1.attestations.count },
            mergedStrictly: report.validators.count { $0.outcome == .mergedStrictly },
            findings: findings
        )
        if invocation.isSet("json") { Output.json(result) } else { show(result) }
        guard findings.isEmpty else { return .failure }
        return report.everythingTaken ? .success : .partial
    }

    private static func show(_ report: CopyReport) {
        Output.print(
            "copied \(report.validators) validators, \(report.blocks) blocks, \(report.attestations) attestations from "
                + "\(report.from) to \(report.to); \(report.mergedStrictly) merged with contradictions"
        )
        guard !report.findings.isEmpty else { return Output.print("read back: everything is there") }
        for finding in report.findings { Output.print("MISSING  \(finding)") }
    }

    /// Holds a record against itself, and a file against the record.
    static func verify(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let record = try await read(try RecordAccess(try invocation.configuration()))
        var findings = record.contradictions()
        if let path = invocation["against"] {
            let file = try SlashingCommands.readInterchange(path)
            findings += file.contradictions().map {
                HistoryFinding(publicKey: $0.publicKey, problem: "in \(path): \($0.problem)")
            }
            findings += file.uncovered(by: record)
        }
        let report = VerifyReport(validators: record.validators.count, findings: findings)
        if invocation.isSet("json") {
            Output.json(report)
        } else {
            for finding in findings { Output.print("\(finding)") }
            Output.print(
                report.isClean
                    ? "\(report.validators) validators, nothing contradicts"
                    : "\(report.validators) validators, \(findings.count) findings"
            )
        }
        return report.isClean ? .success : .failure
    }

    private static func read(_ access: RecordAccess) async throws(Failure) -> Interchange {
        guard case .given(let interchange) = try await access.run(.give(only: nil)) else {
            throw Failure("\(access.place) gave no history")
        }
        return interchange
    }

    /// The configuration of one side of a copy: its file alone, since environment and flags would mean both sides.
    private static func configuration(_ invocation: Invocation, _ option: String) throws(Failure) -> Configuration {
        try Invocation.configuration(file: invocation[option])
    }
}
