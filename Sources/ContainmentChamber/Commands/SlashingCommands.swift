// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Consensus
internal import Foundation
internal import SlashingProtection

/// `anti-slashing …`
enum SlashingCommands {
    static func initialize(_ invocation: Invocation) async throws(Failure) {
        let configuration = try invocation.configuration()
        guard configuration.antiSlashing.backend != .noop else { throw .withoutRecord }
        let network = try Network.selected(by: configuration.network)
        let record = try RecordSettings(configuration, network: network, for: .making)
        do throws(StoreError) { try await record.initialize() } catch { throw Failure("\(error)") }
        Output.print("created the slashing record \(record.place) for \(network.name)")
    }

    static func migrate(_ invocation: Invocation) throws(Failure) {
        let configuration = try invocation.configuration()
        let network = try Network.selected(by: configuration.network)
        guard case .postgreSQL(let settings) = try RecordSettings(configuration, network: network, for: .making) else {
            throw Failure("only a postgres record has tables to migrate", exitCode: .usage)
        }
        do throws(StoreError) {
            let before = try PostgreSQLStore.migrate(settings)
            let was = before.map { $0 == 0 ? "a version before 7" : "version \($0)" } ?? "no tables"
            Output.print("\(settings.connection): tables of version 12 and this program's functions; before: \(was)")
        } catch {
            throw Failure("\(error)")
        }
    }

    static func prune(_ invocation: Invocation) async throws(Failure) {
        guard let epochs = try number("keep-epochs", invocation), epochs > 0 else {
            throw Failure("--keep-epochs must be 1 or more", exitCode: .usage)
        }
        let access = try RecordAccess(try invocation.configuration())
        let report = try await access.session { session throws(Failure) in
            var report = PruningReport()
            try await session.inParts("pruning", try await session.outline().validators) { keys throws(Failure) in
                guard case .pruned(let part) = try await session.run(.prune(keys, keepEpochs: epochs)) else { return 0 }
                report.append(part)
                // Where nothing is to be deleted a part costs little, whatever stays.
                return part.blocks + part.attestations + keys.count
            }
            return report
        }
        if invocation.isSet("json") { return Output.json(report) }
        Output.print(
            "deleted \(report.blocks) blocks and \(report.attestations) attestations of \(report.validators) validators"
        )
        if report.implausible > 0 {
            Output.complain(
                "warning: \(report.implausible) validators have records in the future by this host's clock; they were not counted from"
            )
        }
    }

    static func watermark(_ invocation: Invocation) async throws(Failure) {
        let slot = try number("slot", invocation).map { Slot($0) }
        let epoch = try number("epoch", invocation).map { Epoch($0) }
        let task: AdministrativeTask
        switch (invocation.isSet("set-high"), invocation.isSet("clear-high"), invocation.isSet("raise-low")) {
        case (false, false, false):
            guard slot == nil, epoch == nil else {
                throw Failure("--slot and --epoch need --set-high or --raise-low", exitCode: .usage)
            }
            task = .highWatermark
        case (true, false, false):
            guard let slot, let epoch else { throw Failure("--set-high needs --slot and --epoch", exitCode: .usage) }
            task = .setHighWatermark(HighWatermark(slot: slot, epoch: epoch))
        case (false, true, false): task = .setHighWatermark(nil)
        case (false, false, true):
            guard slot != nil || epoch != nil else {
                throw Failure("--raise-low needs --slot, --epoch or both", exitCode: .usage)
            }
            task = .raiseLowWatermarks(slot: slot, epoch: epoch)
        default:
            throw Failure("--set-high, --clear-high and --raise-low exclude each other", exitCode: .usage)
        }
        show(try await RecordAccess(try invocation.configuration()).run(task), asJSON: invocation.isSet("json"))
    }

    static func status(_ invocation: Invocation) async throws(Failure) {
        let access = try RecordAccess(try invocation.configuration())
        let (status, count) = try await access.session { session throws(Failure) in try await state(of: session) }
        if invocation.isSet("json") { return Output.json(StatusDocument(status, count)) }
        let high =
            status.highWatermarkSlot.map { "slot \($0), epoch \(status.highWatermarkEpoch ?? "-")" } ?? "none"
        Output.print(
            """
            record          \(status.path) (\(status.backend), schema \(status.schemaVersion))
            network root    \(status.genesisValidatorsRoot)
            validators      \(status.validators), \(status.disabled) disabled
            blocks          \(count.blocks)
            attestations    \(count.attestations)
            high watermark  \(high)
            health          \(status.health)
            """
        )
    }

    /// What holds for the whole record, and what its validators have, counted in parts: signing goes on between them.
    private static func state(of session: RecordSession) async throws(Failure) -> (RecordStatus, RecordCount) {
        guard case .status(let status) = try await session.run(.status) else {
            throw Failure("\(session.place) gave no status")
        }
        var count = RecordCount()
        try await session.inParts("counting", try await session.outline().validators) { keys throws(Failure) in
            guard case .counted(let part) = try await session.run(.count(keys)) else { return 0 }
            count.append(part)
            return part.blocks + part.attestations
        }
        return (status, count)
    }

    private struct StatusDocument: Encodable {
        let status: RecordStatus
        let blocks: Int
        let attestations: Int

        init(_ status: RecordStatus, _ count: RecordCount) {
            self.status = status
            blocks = count.blocks
            attestations = count.attestations
        }

        private enum Name: CodingKey { case blocks, attestations }

        func encode(to encoder: any Encoder) throws {
            try status.encode(to: encoder)
            var names = encoder.container(keyedBy: Name.self)
            try names.encode(blocks, forKey: .blocks)
            try names.encode(attestations, forKey: .attestations)
        }
    }

    static func reconcile(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let access = try RecordAccess(try invocation.configuration())
        let report = try await access.reconcile(acceptingClockFloor: invocation.isSet("accept-clock-floor"))
        if invocation.isSet("json") { Output.json(report) } else { Output.print(text(report)) }
        return report.isCleared ? .success : .partial
    }

    // MARK: Text

    private static func text(_ report: ReconcileReport) -> String {
        if report.recovery == "0" { return "there is no alarm: the record holds all that this instance let out" }
        var lines = [
            "recovery \(report.recovery): merged the floor of \(report.instance.name) "
                + "(\(report.merged) validators; the low watermarks of \(report.raised) rose)"
        ]
        if let floor = report.clockFloor { lines.append("accepted the clock floor for all validators: \(floor)") }
        for instance in report.missing { lines.append("missing: \(instance.name) (\(instance.identifier))") }
        lines.append(
            report.isCleared
                ? "the alarm of this instance is over"
                : "nothing is signed until the missing instances are reconciled too, or --accept-clock-floor does without them"
        )
        return lines.joined(separator: "\n")
    }

    private static func show(_ answer: AdministrativeAnswer, asJSON: Bool) {
        switch answer {
        case .watermark(let mark):
            let values = mark.map { ["slot": "\($0.slot)", "epoch": "\($0.epoch)"] } ?? [:]
            if asJSON { return Output.json(values) }
            Output.print(
                mark.map { "high watermark: slot \($0.slot), epoch \($0.epoch)" } ?? "no high watermark is set"
            )
        case .raised(let validators):
            if asJSON { return Output.json(["validators": validators]) }
            Output.print("raised the low watermarks of \(validators) validators")
        case .taken, .outline, .given, .verified, .pruned, .status, .registered, .counted, .changed, .disabled: break
        }
    }

    private static func number(_ option: String, _ invocation: Invocation) throws(Failure) -> UInt64? {
        guard let text = invocation[option] else { return nil }
        guard let number = UInt64(text) else { throw Failure("--\(option) is not a number", exitCode: .usage) }
        return number
    }
}
