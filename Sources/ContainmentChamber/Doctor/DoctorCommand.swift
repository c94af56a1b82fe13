// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Doctor
internal import Encoding
internal import Foundation

/// `doctor`: what of this host is as it should be.
enum DoctorCommand {
    /// 0 where all is well, 1 where something could be safer or could not be seen, 2 where something must not stay so.
    static func run(_ invocation: Invocation) throws(Failure) -> ExitCode {
        let configuration = try invocation.configuration()
        let survey = HostSurvey(configuration, file: invocation.configurationPath)
        let findings = Examination(survey.facts()).findings
        if invocation.isSet("json") {
            Output.json(findings)
        } else {
            Output.print(findings.map(text).joined(separator: "\n"))
            let counts = Finding.State.allCases.map { state in "\(findings.count { $0.state == state }) \(state)" }
            Output.print("\n" + counts.joined(separator: ", "))
        }
        if findings.contains(where: { $0.state == .bad }) { return .usage }
        return findings.allSatisfy { $0.state == .ok } ? .success : .failure
    }

    /// One line for what is well, three for what is not.
    private static func text(_ finding: Finding) -> String {
        let state = finding.state.rawValue.uppercased().padding(toLength: 8, withPad: " ", startingAt: 0)
        let line = "\(state)\(finding.name): \(finding.what)"
        guard finding.state != .ok else { return line }
        return ([line, "        \(finding.why)"] + [finding.fix.map { "        fix: \($0)" }].compactMap(\.self))
            .joined(separator: "\n")
    }
}
