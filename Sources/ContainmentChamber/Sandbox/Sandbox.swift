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
        let state = Self.reachingAll(configuration) ?? rules.apply()
        report.add(files, state)
        // A strict start tells of it together with all else.
        guard !configuration.server.isStrict else { return }
        try demand(configuration.sandbox.files == .required, "server.landlock", state)
    }

    /// A folder is allowed with all below it: of `/` nothing would be left to forbid.
    private static func reachingAll(_ configuration: Configuration) -> HardeningReport.State? {
        for folder in configuration.writtenFolders + configuration.readFolders
        where URL(filePath: folder).resolvingSymlinksInPath().standardizedFileURL.path == "/" {
            return .missing(
                "the configuration names a file in / (working directory included), which would allow everything: "
                    + "give the record, the floor and the signer state a folder of their own"
            )
        }
        return nil
    }

    /// System calls, for all threads: when the ports are open.
    static func restrictSystemCalls(_ configuration: Configuration) throws(Failure) -> HardeningReport.State? {
        guard configuration.sandbox.systemCalls != .off else { return nil }
        let state = SystemCallFilter.apply()
        let isDemanded = configuration.sandbox.systemCalls == .required || configuration.server.isStrict
        try demand(isDemanded, "server.seccomp", state)
        return state
    }

    private static func demand(
        _ isDemanded: Bool,
        _ setting: String,
        _ state: HardeningReport.State
    ) throws(Failure) {
        guard isDemanded, case .missing(let reason) = state else { return }
        throw Failure(
            "\(setting) is required, but \(reason)",
            hint: "set \(setting): best_effort, without server.strict, to run where it cannot be had"
        )
    }
}
