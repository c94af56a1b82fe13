// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Concurrency
internal import Configuration
internal import Hardening

/// `server`: runs until a signal ends it.
enum ServerCommand {
    static func run(_ invocation: Invocation, hardening report: HardeningReport) async throws(Failure) {
        let configuration = try invocation.configuration()
        let daemon = try await Daemon(configuration, hardening: report)
        try await daemon.run(signals: Signals.stream())
    }
}
