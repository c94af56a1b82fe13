// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Doctor
internal import Foundation
internal import Hardening

/// `server.strict`: with any protection missing, the signer does not start. What is missing is told all at once.
enum StrictStart {
    /// - Parameter report: what was applied so far, files and ports included.
    static func demand(
        _ configuration: Configuration,
        file: String?,
        _ report: HardeningReport
    ) throws(Failure) {
        var lines: [String] = []
        // What is locked is judged by the findings, together with the swap.
        for protection in report.protections where !protection.state.holds && protection.name != "memory" {
            lines.append("\(protection.name): \(protection.state.detail)")
            lines.append("    fix: \(fixes[protection.name] ?? "see docs/hardening.md")")
        }
        for finding in findings(configuration, file) where finding.state != .ok {
            lines.append("\(finding.name): \(finding.what)")
            if let fix = finding.fix { lines.append("    fix: \(fix)") }
        }
        guard !lines.isEmpty else { return }
        throw Failure(
            rendered: (["error: server.strict is true, and this is not as it should be:"] + lines.map { "  \($0)" })
                .joined(separator: "\n"),
            exitCode: .failure
        )
    }

    /// What mends what the process could not do for itself.
    private static let fixes = [
        "crash reports": "SWIFT_BACKTRACE=enable=no in the environment",
        "dumps": "let no security module of the host forbid prctl(PR_SET_DUMPABLE)",
        "core files": "LimitCORE=0 in the unit, --ulimit core=0 for a container",
        "privileges": "NoNewPrivileges=yes in the unit, --security-opt no-new-privileges for a container",
        "new files": "UMask=0077 in the unit",
        "open files": "LimitNOFILE=65536 in the unit, --ulimit nofile=65536 for a container",
        "broken pipes": "let no security module of the host forbid sigaction",
        Sandbox.files: "Linux 6.7 or later, booted with lsm=landlock,… where it is not the default",
    ]

    private static func findings(_ configuration: Configuration, _ file: String?) -> [Finding] {
        var facts = HostSurvey(configuration, file: file).facts(of: getpid())
        // Comes when the ports are open, and is demanded there.
        facts.signer?.isFiltered = nil
        return Examination(facts).protections
    }
}
