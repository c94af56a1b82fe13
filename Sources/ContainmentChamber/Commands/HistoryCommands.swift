// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import BLS
internal import Configuration
internal import Consensus
internal import Foundation
internal import SlashingProtection

/// `anti-slashing import`, `export` and `copy`: whole histories, part by part, whatever keeps them.
enum HistoryCommands {
    /// The whole file is checked before anything of it is taken.
    static func take(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let dryRun = invocation.isSet("dry-run")
        let access = try RecordAccess(try invocation.configuration())
        let file = try await HistoryFile.open(invocation["from"] ?? "")
        let enables = invocation.isSet("enable") && !dryRun
        let report = try await access.session(isBulk: true) { session throws(Failure) in
            let report = try await take(file, session, dryRun: dryRun)
            if enables { try await enable(report, session) }
            return report
        }
        if invocation.isSet("json") { Output.json(report) } else { Output.print(text(report)) }
        return report.everythingTaken ? .success : .partial
    }

    /// Those whose histories were taken: whoever brings a history takes over the key.
    private static func enable(_ report: ImportReport, _ session: RecordSession) async throws(Failure) {
        let taken = report.validators.filter { $0.outcome != .failed }.compactMap { try? PublicKey(hex: $0.publicKey) }
        let disabled = try await session.disabled()
        let wanted = Set(taken.map { RecordIdentity($0) }).intersection(disabled).sorted { $0.publicKey < $1.publicKey }
        guard !wanted.isEmpty else { return }
        _ = try await session.run(.enable(wanted, .imported))
        Output.complain("enabled again: \(wanted.map(\.description).joined(separator: ", "))")
    }

    private static func take(
        _ file: InterchangeFile,
        _ session: RecordSession,
        dryRun: Bool
    ) async throws(Failure) -> ImportReport {
        // Of another network: refused here, before the first history.
        var report = try await session.take(file.part([]), dryRun: dryRun)
        report.unreadable = file.unreadable
        var line = ProgressLine(dryRun ? "comparing" : "importing", total: file.places.count)
        // Whatever names a key twice comes in one part: parts that are taken at once do not meet.
        var parts = HistoryParts(file, togetherByKey: true)
        var flights = PartsInFlight<ImportReport>(most: session.width)
        var count = 0
        do throws(Failure) {
            while let part = try await parts.next() {
                let lane = session.lane(count)
                count += 1
                let taken = try await flights.begin { () async throws(Failure) in
                    try await lane.take(part, dryRun: dryRun)
                }
                if let taken { report.append(taken) }
                line.reached(report.validators.count)
            }
            while let taken = try await flights.next() { report.append(taken) }
        } catch {
            await flights.drain()
            guard !report.validators.isEmpty, !dryRun else { throw error }
            throw Failure(
                rendered: error.description
                    + "\nhint: \(report.validators.count) of \(file.places.count) validators or more were taken before that; "
                    + "import the file again, what is there is not taken twice",
                exitCode: error.exitCode
            )
        }
        return report
    }

    static func give(_ invocation: Invocation) async throws(Failure) {
        let path = invocation["to"] ?? ""
        let access = try RecordAccess(try invocation.configuration())
        let counts = try await access.session { session throws(Failure) in
            let output = try HistoryOutput(path)
            return try await give(session, to: output)
        }
        // A file on the standard output stays as it is.
        let report: (String) -> Void = path == "-" ? { Output.complain($0) } : { Output.print($0) }
        if invocation.isSet("json") {
            report(Output.text(json: counts))
        } else {
            report(
                "exported \(counts.validators) validators, \(counts.blocks) blocks, \(counts.attestations) attestations to "
                    + (path == "-" ? "the standard output" : path)
            )
        }
    }

    private struct Counts: Encodable {
        var validators = 0
        var blocks = 0
        var attestations = 0

        mutating func add(_ part: Interchange) {
            validators += part.validators.count
            blocks += part.blocks
            attestations += part.attestations
        }
    }

    private static func give(_ session: RecordSession, to output: HistoryOutput) async throws(Failure) -> Counts {
        var counts = Counts()
        var reading = try await HistoryReading(session)
        var line = ProgressLine("exporting", total: reading.total)
        var text = InterchangeText(genesisValidatorsRoot: reading.genesisValidatorsRoot)
        while let part = try await reading.next() {
            for validator in part.validators { text.append(validator) }
            try output.write(text.take())
            counts.add(part)
            line.reached(counts.validators)
        }
        text.finish()
        try output.write(text.take())
        try output.finish()
        return counts
    }

    // MARK: From record to record

    private struct CopyReport: Encodable {
        let from: String
        let to: String
        let validators: Int
        let blocks: Int
        let attestations: Int
        /// Validators that may not sign, and may not in the target either.
        let disabled: Int
        /// Validators whose histories contradict what was there, or each other.
        let mergedStrictly: Int
        /// What the target does not cover after all, and why it did not take it; empty unless something went wrong.
        let findings: [HistoryFinding]
    }

    /// Takes everything of one record into another, and reads each part back to hold it against the first.
    static func copy(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let from = try RecordAccess(try Invocation.configuration(file: invocation["from-config"]))
        let to = try RecordAccess(try Invocation.configuration(file: invocation["to-config"]))
        let report = try await from.session { source throws(Failure) in
            try await to.session(isBulk: true) { target throws(Failure) in try await copy(source, target) }
        }
        if invocation.isSet("json") { Output.json(report) } else { show(report) }
        guard report.findings.isEmpty else { return .failure }
        return report.mergedStrictly == 0 ? .success : .partial
    }

    private static func copy(_ source: RecordSession, _ target: RecordSession) async throws(Failure) -> CopyReport {
        var counts = Counts()
        var merged = 0
        var findings: [HistoryFinding] = []
        var reading = try await HistoryReading(source)
        _ = try await target.take(Interchange(genesisValidatorsRoot: reading.genesisValidatorsRoot, validators: []))
        var line = ProgressLine("copying", total: reading.total)
        var flights = PartsInFlight<CopiedPart>(most: target.width)
        var number = 0
        do throws(Failure) {
            while let part = try await reading.next() {
                counts.add(part)
                let lane = target.lane(number)
                number += 1
                if let copied = try await flights.begin({ () async throws(Failure) in
                    try await CopiedPart(part, to: lane)
                }) {
                    merged += copied.mergedStrictly
                    findings += copied.findings
                }
                line.reached(counts.validators)
            }
            while let copied = try await flights.next() {
                merged += copied.mergedStrictly
                findings += copied.findings
            }
        } catch {
            await flights.drain()
            throw error
        }
        let disabled = try await source.disabled()
        if !disabled.isEmpty { _ = try await target.run(.disable(disabled, by: nil)) }
        let missing = Set(disabled).subtracting(try await target.disabled())
        findings += missing.map {
            HistoryFinding(publicKey: $0.description, problem: "disabled in the source, but not in the target")
        }
        return CopyReport(
            from: source.place,
            to: target.place,
            validators: counts.validators,
            blocks: counts.blocks,
            attestations: counts.attestations,
            disabled: disabled.count,
            mergedStrictly: merged,
            findings: findings
        )
    }

    /// A part that was written to the target and read back from it.
    private struct CopiedPart: Sendable {
        let mergedStrictly: Int
        let findings: [HistoryFinding]

        init(_ part: Interchange, to target: RecordSession) async throws(Failure) {
            let report = try await target.take(part)
            mergedStrictly = report.validators.count { $0.outcome == .mergedStrictly }
            let failed = report.validators.filter { $0.outcome == .failed }.map { validator in
                HistoryFinding(publicKey: validator.publicKey, problem: "not taken: \(validator.reason ?? "no reason")")
            }
            let readBack = try await target.give(part.validators.map { RecordIdentity($0.publicKey) })
            findings = failed + part.uncovered(by: readBack)
        }
    }

    private static func show(_ report: CopyReport) {
        Output.print(
            "copied \(report.validators) validators, \(report.blocks) blocks, \(report.attestations) attestations from "
                + "\(report.from) to \(report.to); \(report.mergedStrictly) merged with contradictions"
                + (report.disabled == 0 ? "" : ", \(report.disabled) disabled")
        )
        guard !report.findings.isEmpty else { return Output.print("read back: everything is there") }
        for finding in report.findings { Output.print("MISSING  \(finding)") }
    }

    // MARK: Text

    private static func text(_ report: ImportReport) -> String {
        var lines: [String] = []
        for validator in report.validators {
            var line = "\(validator.publicKey)  \(validator.outcome.words): "
            line += "\(validator.blocksAdded) blocks, \(validator.attestationsAdded) attestations added, "
            line += "\(validator.repeated) already there"
            lines.append(line)
            if let reason = validator.reason { lines.append("    \(reason)") }
        }
        for element in report.unreadable {
            lines.append("data[\(element.position)] \(element.publicKey ?? "")  not taken: \(element.reason)")
        }
        let failed = report.validators.count { $0.outcome == .failed } + report.unreadable.count
        let merged = report.validators.count { $0.outcome == .mergedStrictly }
        lines.append(
            (report.dryRun ? "dry run, nothing was changed: " : "")
                + "\(report.validators.count - merged - (failed - report.unreadable.count)) validators taken, "
                + "\(merged) merged with contradictions, \(failed) not taken"
        )
        return lines.joined(separator: "\n")
    }
}

extension ImportReport.Outcome {
    fileprivate var words: String {
        switch self {
        case .taken: "taken"
        case .mergedStrictly: "merged with contradictions"
        case .failed: "not taken"
        }
    }
}
