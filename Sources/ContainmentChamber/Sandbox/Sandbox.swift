// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Foundation
internal import Hardening

/// What the serving process takes away from itself beyond what every command does, and when.
enum Sandbox {
    static let files = "files and ports"
    static let systemCalls = "system calls"

    /// Files and ports, for this thread and all that it starts: on the main thread, before any other.
    static func restrictFiles(
        _ configuration: Configuration,
        _ report: inout HardeningReport
    ) throws(Failure) {
        guard configuration.sandbox.files != .off else { return }
        let rules = try Landlock(configuration, environment: ProcessInfo.processInfo.environment)
        let state = rules.apply()
        try demand(configuration.sandbox.files, "server.landlock", state)
        report.add(files, state)
    }

    /// System calls, for all threads: when the ports are open.
    static func restrictSystemCalls(_ configuration: Configuration) throws(Failure) -> HardeningReport.State? {
        guard configuration.sandbox.systemCalls != .off else { return nil }
        let state = SystemCallFilter.apply()
        try demand(configuration.sandbox.systemCalls, "server.seccomp", state)
        return state
    }

    private static func demand(
        _ mode: Configuration.Sandbox.Mode,
        _ setting: String,
        _ state: HardeningReport.State
    ) throws(Failure) {
        guard mode == .required, case .missing(let reason) = state else { return }
        throw Failure(
            "\(setting) is required, but \(reason)",
            hint: "set \(setting): best_effort to run without where it cannot be had"
        )
    }
}
