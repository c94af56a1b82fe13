// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Consensus
internal import Foundation
internal import SlashingProtection

/// `anti-slashing instances` and `anti-slashing retire`: who takes part in a record's recoveries.
///
/// Both open the record themselves, beside the signers that run on it: a record that several share allows that, and one
/// that does not has one instance.
enum InstanceCommands {
    static func list(_ invocation: Invocation) async throws(Failure) {
        let list = try await withRecord(try invocation.configuration()) { store throws(StoreError) in
            InstanceList(try await Retirement.list(of: store))
        }
        if invocation.isSet("json") { return Output.json(list) }
        Output.print("last recovery  \(list.recovery)")
        for entry in list.instances {
            let waits = entry.isMissing ? ", the recovery waits for it" : ""
            Output.print("\(entry.identifier)  \(entry.name)  merged in \(entry.merged)\(waits)")
        }
        if list.instances.isEmpty { Output.print("no instance with a floor has used this record") }
    }

    static func retire(_ invocation: Invocation) async throws(Failure) {
        let configuration = try invocation.configuration()
        let identifier = invocation["instance"] ?? ""
        let report: RetirementReport
        switch (invocation["floor"], invocation.isSet("accept-clock-floor")) {
        case (let path?, false): report = try await retire(identifier, floor: path, configuration)
        case (nil, true): report = try await retireByClock(identifier, configuration)
        default:
            throw Failure(
                "retire needs either --floor or --accept-clock-floor",
                hint:
                    "the floor of the instance says what it let out; the clock floor stands in where it cannot be had",
                exitCode: .usage
            )
        }
        if invocation.isSet("json") { Output.json(report) } else { Output.print(text(report)) }
    }

    private static func retire(
        _ identifier: String,
        floor path: String,
        _ configuration: Configuration
    ) async throws(Failure) -> RetirementReport {
        guard FileManager.default.fileExists(atPath: path) else {
            throw Failure("there is no floor at \(path)", hint: "--floor is the file of the instance that is gone")
        }
        let floor: SQLiteFloor
        do throws(StoreError) { floor = try SQLiteFloor(SQLiteFloor.Settings(path: path, name: path)) } catch {
            throw Failure("\(error)")
        }
        let result: Result<RetirementReport, Failure>
        do throws(Failure) {
            result = .success(
                try await withRecord(configuration) { store throws(StoreError) in
                    try await Retirement(identifier: identifier, source: .floor(floor)).perform(on: store)
                }
            )
        } catch {
            result = .failure(error)
        }
        await floor.close()
        return try result.get()
    }

    private static func retireByClock(
        _ identifier: String,
        _ configuration: Configuration
    ) async throws(Failure) -> RetirementReport {
        let network = try Network.selected(by: configuration.network)
        guard let marks = try OpenedRecord.clockFloor(configuration.antiSlashing, network)() else {
            throw Failure(
                "without a clock guard nothing bounds what the instance signed, so there is no clock floor",
                hint: "use --floor, or set anti_slashing.clock_guard_epochs if it was in force when the instance signed"
            )
        }
        return try await withRecord(configuration) { store throws(StoreError) in
            try await Retirement(identifier: identifier, source: .clockFloor(marks)).perform(on: store)
        }
    }

    private static func withRecord<Result: Sendable>(
        _ configuration: Configuration,
        _ body: @Sendable (any RecordStore) async throws(StoreError) -> Result
    ) async throws(Failure) -> Result {
        guard configuration.antiSlashing.backend != .noop else { throw .withoutRecord }
        let network = try Network.selected(by: configuration.network)
        let settings = try RecordSettings(configuration, network: network, for: .administration)
        do throws(StoreError) {
            let store = try await settings.open()
            let result: Swift.Result<Result, StoreError>
            do throws(StoreError) { result = .success(try await body(store)) } catch { result = .failure(error) }
            await store.close()
            return try result.get()
        } catch {
            guard case .inUse = error else { throw Failure("\(error)") }
            throw Failure("\(error)", hint: "stop the signer first: a record of this kind has no other instances")
        }
    }

    private static func text(_ report: RetirementReport) -> String {
        var lines = ["retired \(report.instance.name) (\(report.instance.identifier)): no recovery waits for it"]
        if let floor = report.clockFloor {
            lines.append("accepted the clock floor for all validators: \(floor)")
        } else {
            lines.append("merged its floor (\(report.merged) validators; the low watermarks of \(report.raised) rose)")
        }
        for instance in report.missing { lines.append("missing: \(instance.name) (\(instance.identifier))") }
        return lines.joined(separator: "\n")
    }
}
