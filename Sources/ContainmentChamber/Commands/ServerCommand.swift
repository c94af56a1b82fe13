// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Concurrency
internal import Configuration
internal import Hardening

/// `server`: runs until a signal ends it.
struct ServerCommand {
    private let configuration: Configuration
    private let report: HardeningReport

    /// What has to come before the first thread: the configuration says which files and ports are left, and threads
    /// that exist already would keep the others.
    init(_ invocation: Invocation, hardening report: HardeningReport) throws(Failure) {
        configuration = try invocation.configuration()
        var report = report
        try Sandbox.restrictFiles(configuration, &report)
        if configuration.server.isStrict {
            try StrictStart.demand(configuration, file: invocation.configurationPath, report)
        }
        self.report = report
    }

    func run() async throws(Failure) {
        let daemon = try await Daemon(configuration, hardening: report)
        try await daemon.run(signals: Signals.stream())
    }
}
