// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import PostgreSQLServer
import SlashingProtection
import TestSupport
import Testing

/// A PostgreSQL set back at random points under four instances: no slashable pair, an alarm every time, and a way back.
/// `CHAMBER_SOAK_TIME_TRAVEL_ROUNDS` asks for more rounds.
@Suite(.fewAtOnce, .timeLimit(.minutes(60))) struct PostgreSQLFloorCampaignTests {
    private static let rounds =
        ProcessInfo.processInfo.environment["CHAMBER_SOAK_TIME_TRAVEL_ROUNDS"].flatMap { Int($0) } ?? 5
    private static let clients = 8

    @Test(arguments: [true, false])
    func `four instances on a server that is set back`(isAlive: Bool) async throws {
        var random = SeededGenerator.fromEnvironment()
        let seed = random.seed
        let rig = try await PostgreSQLFloorRig(instances: 4)
        for round in 0..<Self.rounds {
            let comment: Comment = "round \(round), alive \(isAlive), CHAMBER_TEST_SEED=\(seed)"
            let first = UInt64(round + 1) * 1_000
            let copy = try await self.copy(rig, "copy-\(round)", first, &random)
            try await rig.waitUntilSigning(from: first + 100)
            // All see what the copy lacks; the daemon looks every few seconds.
            await rig.tend()

            if isAlive {
                try await storm(rig, first + 110, &random) {
                    try await rig.goBack(to: copy, Self.mode(&$0))
                    try await rig.waitForAlarms()
                }
            } else {
                await rig.live(Int.random(in: 1...30, using: &random), above: first + 110, &random)
                await rig.close()
                try await rig.goBack(to: copy, Self.mode(&random))
                try await rig.open()
            }
            #expect(rig.alarms.count == 4, comment)

            let before = rig.releasedCount
            await rig.live(20, above: first + 110, &random)
            await rig.expectTwinsRefused(last: 10, comment)
            #expect(rig.releasedCount == before, comment)
            try await rig.reconcile(in: [0, 1, 2, 3].shuffled(using: &random))
            let left = rig.alarms
            #expect(left == [], comment)
            await rig.expectTwinsRefused(last: 30, comment)
            #expect(rig.releasedCount == before, comment)
            try await rig.waitUntilSigning(from: first + 900)
            let slashable = rig.slashable
            #expect(slashable == [], comment)
            try FileManager.default.removeItem(atPath: copy)
        }
        await rig.end()
    }

    /// The one that signed what is lost does not come back; the others were never asked for anything since the copy, and
    /// nobody looks after them. Each round the database is set back, and the first who could sign a twin must not.
    @Test func `instances that idle while the server is set back`() async throws {
        var random = SeededGenerator.fromEnvironment()
        let seed = random.seed
        let rig = try await PostgreSQLFloorRig(instances: 3)
        for round in 0..<Self.rounds {
            let comment: Comment = "round \(round), CHAMBER_TEST_SEED=\(seed)"
            let first = UInt64(round + 1) * 1_000
            let copy = try await rig.copy("idle-\(round)", Self.mode(&random))
            let busy = round % 3
            for number in 0..<UInt64.random(in: 2...12, using: &random) {
                let batch = DutyBatch.block(first + number, root: 1, by: [validator(Int(number) % 4)])
                try await eventually("the busy one signs") { await rig.sign(batch, busy).refusal == nil }
            }
            try await rig.waitUntilSeenByAll()
            let before = rig.releasedCount
            let idle = [0, 1, 2].filter { $0 != busy }
            try await rig.goBack(to: copy, Self.mode(&random))
            // Asked at once, while it may not have looked yet.
            await rig.expectTwinsRefused(last: 12, by: idle, comment)
            for instance in idle {
                try await eventually("instance \(instance) has an alarm") { rig.stores[instance].alarm != nil }
            }
            await rig.expectTwinsRefused(last: 12, by: idle, comment)
            #expect(rig.releasedCount == before, comment)
            try await rig.waitForAlarms()
            try await rig.reconcile(in: [0, 1, 2].shuffled(using: &random))
            let (left, slashable) = (rig.alarms, rig.slashable)
            #expect(left == [] && slashable == [], comment)
            try FileManager.default.removeItem(atPath: copy)
        }
        await rig.end()
    }

    private static func mode(_ random: inout SeededGenerator) -> PostgreSQLServer.StopMode {
        Bool.random(using: &random) ? .fast : .immediate
    }

    /// A copy of the stopped server, or a backup that is made while everybody signs.
    private func copy(
        _ rig: PostgreSQLFloorRig,
        _ name: String,
        _ first: UInt64,
        _ random: inout SeededGenerator
    ) async throws -> String {
        if Bool.random(using: &random) {
            await rig.live(Int.random(in: 1...20, using: &random), above: first, &random)
            return try await rig.copy(name, Self.mode(&random))
        }
        var copy = ""
        try await storm(rig, first, &random) { _ in copy = try await rig.server.backUp(to: name) }
        return copy
    }

    /// Clients of all instances with contradicting messages, while something happens.
    private func storm(
        _ rig: PostgreSQLFloorRig,
        _ first: UInt64,
        _ random: inout SeededGenerator,
        _ happening: (inout SeededGenerator) async throws -> Void
    ) async throws {
        let isOver = Lock(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { isOver.withLock { $0 = true } }
            for _ in 0..<Self.clients {
                var own = SeededGenerator(seed: random.next())
                group.addTask {
                    while !isOver.withLock({ $0 }) {
                        await rig.live(1, above: first, &own)
                        await Task.yield()
                    }
                }
            }
            let goal = rig.releasedCount + Int.random(in: 5...30, using: &random)
            try await eventually("the storm has begun") { rig.releasedCount >= goal }
            try await happening(&random)
            isOver.withLock { $0 = true }
            try await group.waitForAll()
        }
    }
}
