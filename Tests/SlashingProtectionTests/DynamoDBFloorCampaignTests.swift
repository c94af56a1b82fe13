// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// A table set back at random points under four instances, in place or made anew from a copy: no slashable pair, an alarm
/// every time, and a way back. `CHAMBER_SOAK_TIME_TRAVEL_ROUNDS` asks for more rounds.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(60))) struct DynamoDBFloorCampaignTests {
    private static let rounds =
        ProcessInfo.processInfo.environment["CHAMBER_SOAK_TIME_TRAVEL_ROUNDS"].flatMap { Int($0) } ?? 2
    private static let clients = 4

    @Test(arguments: [true, false])
    func `four instances on a table that is set back`(isAlive: Bool) async throws {
        var random = SeededGenerator.fromEnvironment()
        let seed = random.seed
        let rig = try await DynamoDBFloorRig(instances: 4)
        for round in 0..<Self.rounds {
            let comment: Comment = "round \(round), alive \(isAlive), CHAMBER_TEST_SEED=\(seed)"
            let first = UInt64(round + 1) * 1_000
            try await copy(rig, first, &random)
            try await rig.waitUntilSigning(from: first + 100)
            // All leave a trace that the copy lacks; the daemon looks every few seconds.
            await rig.tend()

            // In its place, or as another table, with a time between in which there is none, or without.
            let action = Bool.random(using: &random) ? "restore" : "remake"
            let vanishes = action == "remake" && Bool.random(using: &random)
            if isAlive {
                try await storm(rig, first + 110, &random) { _ in
                    if vanishes { try await rig.table.travel("remove") }
                    try await rig.table.travel(action, "copy-\(rig.table.table)")
                    try await rig.waitForAlarms()
                }
            } else {
                await rig.live(Int.random(in: 1...10, using: &random), above: first + 110, &random)
                await rig.close()
                if vanishes { try await rig.table.travel("remove") }
                try await rig.table.travel(action, "copy-\(rig.table.table)")
                try await rig.open()
            }
            #expect(rig.alarms.count == 4, comment)

            let before = rig.releasedCount
            await rig.live(10, above: first + 110, &random)
            await rig.expectTwinsRefused(last: 10, comment)
            #expect(rig.releasedCount == before, comment)
            try await rig.reconcile(in: [0, 1, 2, 3].shuffled(using: &random))
            let left = rig.alarms
            #expect(left == [], comment)
            await rig.expectTwinsRefused(last: 10, comment)
            #expect(rig.releasedCount == before, comment)
            try await rig.waitUntilSigning(from: first + 900)
            let slashable = rig.slashable
            #expect(slashable == [], comment)
        }
        try await rig.end()
    }

    /// A copy of a moment in which nobody signs, or in which everybody does.
    private func copy(_ rig: DynamoDBFloorRig, _ first: UInt64, _ random: inout SeededGenerator) async throws {
        let name = "copy-\(rig.table.table)"
        if Bool.random(using: &random) {
            await rig.live(Int.random(in: 1...10, using: &random), above: first, &random)
            return try await rig.table.travel("copy", name)
        }
        try await storm(rig, first, &random) { _ in try await rig.table.travel("copy", name) }
    }

    /// Clients of all instances with contradicting messages, while something happens.
    private func storm(
        _ rig: DynamoDBFloorRig,
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
            let goal = rig.releasedCount + Int.random(in: 2...6, using: &random)
            try await eventually("the storm has begun") { rig.releasedCount >= goal }
            try await happening(&random)
            isOver.withLock { $0 = true }
            try await group.waitForAll()
        }
    }
}
