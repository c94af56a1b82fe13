// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import SlashingProtection
internal import Telemetry

/// Deletes old history at intervals.
struct PruningSchedule: Sendable {
    private let settings: Configuration.Pruning
    private let isPossible: Bool
    private let protection: SlashingProtection
    private let logger: Logger

    init(_ settings: Configuration.AntiSlashing, _ protection: SlashingProtection, _ logger: Logger) {
        self.settings = settings.pruning
        isPossible = settings.backend != .noop
        self.protection = protection
        self.logger = logger
    }

    /// Ends when its task is cancelled.
    func run() async {
        guard settings.isEnabled, isPossible else { return }
        if settings.atBoot { await prune() }
        while (try? await Task.sleep(for: settings.interval)) != nil { await prune() }
    }

    private func prune() async {
        do throws(StoreError) {
            let report = try await protection.prune(keepEpochs: UInt64(settings.epochsToKeep))
            logger.info(
                .protection,
                "old history was deleted",
                [
                    "validators": .integer(report.validators), "blocks": .integer(report.blocks),
                    "attestations": .integer(report.attestations), "implausible": .integer(report.implausible),
                ]
            )
        } catch {
            logger.error(.protection, "old history was not deleted: \(error)")
        }
    }
}

extension SlashingProtection {
    /// Some validators a task, so that others have their turn in between.
    fileprivate func prune(keepEpochs: UInt64) async throws(StoreError) -> PruningReport {
        var report = PruningReport()
        guard case .outline(let outline) = try await administer(.outline) else { return report }
        var rest = outline.validators[...]
        while !rest.isEmpty {
            let keys = Array(rest.prefix(64))
            rest = rest.dropFirst(keys.count)
            guard case .pruned(let part) = try await administer(.prune(keys, keepEpochs: keepEpochs)) else { break }
            report.append(part)
        }
        return report
    }
}
