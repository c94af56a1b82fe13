// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import SlashingProtection

/// `anti-slashing verify`: holds a record against itself, and a file against itself and the record.
enum VerifyCommand {
    static func run(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let access = try RecordAccess(try invocation.configuration())
        var file: InterchangeFile?
        if let path = invocation["against"] { file = try await HistoryFile.open(path) }
        let path = invocation["against"] ?? ""
        let report = try await access.session { [file] session throws(Failure) in
            var report = try await verify(session, access)
            if let file { report.findings += try await hold(file, path, against: session) }
            return report
        }
        if invocation.isSet("json") { Output.json(report) } else { show(report) }
        if report.findings.isEmpty { return .success }
        return report.errors > 0 ? .failure : .partial
    }

    private static func verify(
        _ session: RecordSession,
        _ access: RecordAccess
    ) async throws(Failure) -> VerificationReport {
        let outline = try await session.outline()
        var report = VerificationReport()
        if let root = access.genesisValidatorsRoot, root != outline.genesisValidatorsRoot {
            let problem =
                "the record belongs to the network \(outline.genesisValidatorsRoot), the configuration names \(root)"
            report.findings.append(HistoryFinding(publicKey: nil, problem: problem))
        }
        try await session.inParts("verifying", outline.validators) { keys throws(Failure) in
            let part = try await session.verify(keys)
            report.append(part)
            return part.blocks + part.attestations
        }
        return report
    }

    /// What contradicts itself in the file, and what of it the record does not cover.
    private static func hold(
        _ file: InterchangeFile,
        _ path: String,
        against session: RecordSession
    ) async throws(Failure) -> [HistoryFinding] {
        var findings = file.unreadable.map(\.finding).map { $0.located(in: path) }
        // Before a history: all of them would be missing.
        let nothing = try await session.give([])
        let differences = file.part([]).uncovered(by: nothing)
        guard differences.isEmpty else { return findings + differences.map { $0.located(in: path) } }
        var line = ProgressLine("comparing", total: file.places.count)
        var parts = HistoryParts(file, togetherByKey: true)
        var count = 0
        while let part = try await parts.next() {
            findings += part.contradictions().map { $0.located(in: path) }
            let keys = Set(part.validators.map { RecordIdentity($0.publicKey) })
            findings += part.uncovered(by: try await session.give(Array(keys)))
            count += part.validators.count
            line.reached(count)
        }
        return findings
    }

    private static func show(_ report: VerificationReport) {
        for finding in report.findings { Output.print("\(finding)") }
        if report.belowWatermark > 0 {
            Output.print(
                "\(report.belowWatermark) entries lie below the low watermarks; they are refused with them or without them"
            )
        }
        let warnings = report.findings.count - report.errors
        Output.print(
            "\(report.validators) validators, \(report.blocks) blocks, \(report.attestations) attestations: "
                + (report.findings.isEmpty
                    ? "nothing contradicts" : "\(report.errors) findings, \(warnings) warnings")
        )
    }
}

extension HistoryFinding {
    fileprivate func located(in path: String) -> HistoryFinding {
        HistoryFinding(publicKey: publicKey, severity, problem: "in \(path): \(problem)")
    }
}
