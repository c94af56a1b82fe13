// SPDX-License-Identifier: Apache-2.0
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// A record that went back in time, as an operator meets it: the real program, its port, its command line.
@Suite(.timeLimit(.minutes(8)))
struct TimeTravelTests {
    private let key: TestKey
    private let workplace: Workplace
    private let environment: [String: String]

    init() throws {
        key = try TestKey(700)
        workplace = try Workplace(keys: [key])
        environment = [
            "CONTAINMENT_ANTI_SLASHING__FLOOR__ENABLED": "true",
            "CONTAINMENT_ANTI_SLASHING__FLOOR__PATH": workplace.folder.file("floor.sqlite"),
        ]
    }

    private func start(_ options: String...) async throws -> RunningSigner {
        try await RunningSigner.start(in: workplace, options, environment: environment, makesRecord: false)
    }

    private func reconcile(_ options: String...) async throws -> CommandResult {
        try await Chamber.run(
            ["anti-slashing", "reconcile", "-c", workplace.configuration] + options,
            environment: Workplace.environment.merging(environment) { _, own in own },
            in: workplace.folder.path
        )
    }

    private func sign(_ slots: [UInt64], _ content: String = "0x01", with signer: RunningSigner) async throws -> [Int] {
        var answers: [Int] = []
        for slot in slots {
            answers.append(try await signer.sign(SigningBody.block(slot: slot, body: content), with: key).status)
        }
        return answers
    }

    /// Signs slot 10, keeps a copy of the record, signs slot 20 and puts the copy back.
    private func travel() async throws {
        try await workplace.makeRecord()
        var signer = try await start()
        #expect(try await sign([10], with: signer) == [200])
        #expect(await signer.stop() == 0)
        let files = try workplace.folder.names.filter { $0 == "record.sqlite" || $0 == "record.sqlite-wal" }
        let copy = try files.map { ($0, try workplace.folder.contents($0)) }
        signer = try await start()
        #expect(try await sign([20], with: signer) == [200])
        #expect(await signer.stop() == 0)
        for name in try workplace.folder.names where name.hasPrefix("record.sqlite") { try workplace.remove(name) }
        for (name, data) in copy { try workplace.folder.write(data, to: name) }
    }

    @Test func `the signer stands still, says why, and signs again once it was reconciled`() async throws {
        try await travel()
        let signer = try await start()
        let refused = try await signer.sign(SigningBody.block(slot: 20, body: "0x02"), with: key)
        #expect(refused.status == 503 && refused.errorCode == "slashing_protection_unavailable")
        #expect(refused.body.contains("released up to slot 20, recorded up to slot 10"))
        // What cannot be slashed is signed all the same.
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 3), with: key).status == 200)
        let health = try await signer.get("/healthcheck")
        #expect(health.status == 503 && health.body.contains("went back in time"))
        _ = try await eventually("the metric") {
            try await signer.metrics().contains("containment_slashing_time_travel_alarm 1") ? true : nil
        }
        let lines = try await eventually("the log") { () -> [LogLine]? in
            let lines = try signer.log()
            return lines.contains { $0.message.hasPrefix("TIME TRAVEL ALARM") } ? lines : nil
        }
        #expect(lines.contains { $0["event"] == "state_transition" && $0["to"] == "time_travel_alarm" })
        let status = try await workplace.run("anti-slashing", "status")
        #expect(status.output.contains("went back in time"))

        let done = try await reconcile()
        #expect(done.exitCode == 0, "\(done)")
        #expect(done.output.contains("the alarm of this instance is over"))
        #expect(try await sign([20], "0x02", with: signer) == [412])
        #expect(try await sign([10], "0x02", with: signer) == [412])
        #expect(try await sign([30], with: signer) == [200])
        _ = try await eventually("the metric") {
            try await signer.metrics().contains("containment_slashing_time_travel_alarm 0") ? true : nil
        }
        #expect(await signer.stop() == 0)
    }

    @Test func `the alarm survives a restart, and a stopped signer can be reconciled`() async throws {
        try await travel()
        for _ in 0..<2 {
            let signer = try await start()
            #expect(try await sign([30], with: signer) == [503])
            #expect(await signer.stop() == 0)
        }
        let done = try await reconcile("--json")
        #expect(done.exitCode == 0, "\(done)")
        let report = try done.decode(ReconcileReport.self)
        #expect(report.isCleared && report.merged == 1 && report.raised == 1)
        #expect(report.instance.name.hasSuffix(":\(workplace.folder.file("floor.sqlite"))"))
        let signer = try await start()
        #expect(try await sign([20], "0x02", with: signer) == [412])
        #expect(try await sign([30], with: signer) == [200])
        #expect(await signer.stop() == 0)
        let nothing = try await reconcile()
        #expect(nothing.exitCode == 0 && nothing.output.contains("there is no alarm"))
    }

    @Test func `a lost floor needs the clock floor, and says so with exit code 3`() async throws {
        try await workplace.makeRecord()
        let first = try await start()
        #expect(try await sign([10], with: first) == [200])
        #expect(await first.stop() == 0)
        for name in try workplace.folder.names where name.hasPrefix("floor.sqlite") { try workplace.remove(name) }
        let signer = try await start()
        let refused = try await signer.sign(SigningBody.block(slot: 20), with: key)
        #expect(refused.status == 503 && refused.body.contains("floor of this instance is gone"))
        let missing = try await reconcile()
        #expect(missing.exitCode == 3, "\(missing)")
        #expect(missing.output.contains("missing: ") && missing.output.contains("--accept-clock-floor"))
        let done = try await reconcile("--accept-clock-floor")
        #expect(done.exitCode == 0, "\(done)")
        #expect(done.output.contains("accepted the clock floor for all validators: slot "))
        let low = try await signer.sign(SigningBody.block(slot: 20), with: key)
        #expect(low.status == 412 && low.errorCode == "below_low_watermark")
        #expect(await signer.stop() == 0)
    }

    @Test func `an alarm stands though the floor is switched off, and is told before the ports serve`() async throws {
        try await travel()
        let signer = try await start()
        let lines = try signer.log().map { $0.message }
        let alarm = try #require(lines.firstIndex(where: { $0.hasPrefix("TIME TRAVEL ALARM") }))
        let serving = try #require(lines.firstIndex(of: "listening"))
        #expect(alarm < serving, "\(lines)")
        #expect(await signer.stop() == 0)

        let floor = workplace.folder.file("floor.sqlite")
        let refused = try await Chamber.run(
            ["server", "-c", workplace.configuration, "--anti-slashing-floor-path", floor],
            environment: Workplace.environment,
            in: workplace.folder.path
        )
        #expect(refused.exitCode == 1, "\(refused)")
        #expect(refused.errors.contains("holds an alarm") && refused.errors.contains("released up to slot 20"))
        #expect(refused.errors.contains("hint: set anti_slashing.floor.enabled: true"))
        // One without an alarm stands in nobody's way.
        #expect(try await reconcile().exitCode == 0)
        let without = try await RunningSigner.start(
            in: workplace,
            ["--anti-slashing-floor-path", floor],
            makesRecord: false
        )
        #expect(await without.stop() == 0)
    }

    @Test func `instances are listed, and one that is gone is retired`() async throws {
        try await workplace.makeRecord()
        let first = try await start()
        #expect(try await sign([10], with: first) == [200])
        #expect(await first.stop() == 0)
        // Another instance on the same record, whose floor lies elsewhere, stays.
        let gone = workplace.folder.file("gone.sqlite")
        for name in try workplace.folder.names where name.hasPrefix("floor.sqlite") {
            let target = gone + name.dropFirst("floor.sqlite".count)
            try FileManager.default.moveItem(atPath: workplace.folder.file(name), toPath: target)
        }
        let list = try await workplace.run("anti-slashing", "instances", "--json")
        let known = try list.decode(InstanceList.self)
        let entry = known.instances.first
        #expect(list.exitCode == 0 && known.recovery == "0" && known.instances.count == 1, "\(list)")
        let identifier = try #require(entry).identifier
        #expect(try await workplace.run("anti-slashing", "instances").output.contains(identifier))

        for options in [[], ["--floor", gone, "--accept-clock-floor"]] {
            let unclear = try await retire(identifier, options)
            #expect(unclear.exitCode == 2 && unclear.errors.contains("either --floor or --accept-clock-floor"))
        }
        let nowhere = try await retire(identifier, ["--floor", gone + "x"])
        #expect(nowhere.exitCode == 1 && nowhere.errors.contains("there is no floor at"))
        let unknown = try await retire(String(repeating: "0", count: 32), ["--floor", gone])
        #expect(unknown.exitCode == 1 && unknown.errors.contains("knows no instance"))
        let done = try await retire(identifier, ["--floor", gone])
        #expect(
            done.exitCode == 0 && done.output.contains("retired") && done.output.contains("1 validators"),
            "\(done)"
        )
        let left = try await workplace.run("anti-slashing", "instances", "--json")
        #expect(try left.decode(InstanceList.self).instances.isEmpty)

        // The floor is new, and so is the instance.
        let second = try await start()
        #expect(try await sign([10], "0x02", with: second) == [412])
        #expect(try await sign([11], with: second) == [200])
        #expect(await second.stop() == 0)
    }

    private func retire(_ identifier: String, _ options: [String]) async throws -> CommandResult {
        try await Chamber.run(
            ["anti-slashing", "retire", "-c", workplace.configuration, "--instance", identifier] + options,
            environment: Workplace.environment,
            in: workplace.folder.path
        )
    }

    @Test func `where history is expected, an empty and a missing record stop the start`() async throws {
        func start() async throws -> CommandResult {
            try await Chamber.run(
                ["server", "-c", workplace.configuration, "--expect-history"],
                environment: Workplace.environment,
                in: workplace.folder.path
            )
        }
        let missing = try await start()
        #expect(missing.exitCode == 1 && missing.errors.contains("there is no slashing record"))
        try await workplace.makeRecord()
        let empty = try await start()
        #expect(empty.exitCode == 1 && empty.errors.contains("the slashing record is empty"))
        let contradiction = try await workplace.run(
            "config",
            "check",
            "--expect-history",
            "--anti-slashing-create-if-missing"
        )
        #expect(contradiction.exitCode == 2 && contradiction.errors.contains("anti_slashing.expect_history"))
    }

    @Test func `without a floor there is nothing to reconcile`() async throws {
        try await workplace.makeRecord()
        let result = try await workplace.run("anti-slashing", "reconcile")
        #expect(result.exitCode == 1 && result.errors.contains("anti_slashing.floor.enabled"))
    }
}
