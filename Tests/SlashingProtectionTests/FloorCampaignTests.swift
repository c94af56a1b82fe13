// SPDX-License-Identifier: Apache-2.0
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// Records set back at random points, fifty rounds each way: no slashable pair, an alarm every time, and a way back.
@Suite(.timeLimit(.minutes(20))) struct FloorCampaignTests {
    private static let rounds = 50

    @Test func `one instance, its record set back while it was down`() async throws {
        var random = SeededGenerator.fromEnvironment()
        let seed = random.seed
        var rig = try FloorRig()
        var step = 1
        for round in 0..<Self.rounds {
            let comment: Comment = "round \(round), CHAMBER_TEST_SEED=\(seed)"
            var copies = [try rig.backUp()]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let length = Int.random(in: 1...12, using: &random)
                let first = step
                try await rig.withStore { rig, store in await rig.live(first...(first + length), with: store) }
                step += length + 1
                copies.append(try rig.backUp())
            }
            // Any copy but the last: between it and now something was released.
            let chosen = Int.random(in: 0..<(copies.count - 1), using: &random)
            try rig.restore(copies[chosen])
            let first = step
            try await rig.withStore { rig, store in
                #expect(store.alarm != nil, comment)
                await rig.expectTwinsRefused(by: store, comment)
                await rig.live(first...(first + 3), with: store)
                let report = try await store.reconcile(acceptingClockFloor: false)
                #expect(report.isCleared, comment)
                for batch in rig.released.suffix(60) { await rig.sign(batch.twin, with: store, comment) }
                let before = rig.released.count
                await rig.live((first + 4)...(first + 12), with: store)
                #expect(rig.released.count == before + 9, comment)
            }
            step += 13
        }
    }

    @Test(arguments: [true, false])
    func `four instances on one record that is set back`(isAlive: Bool) async throws {
        var random = SeededGenerator.fromEnvironment()
        let seed = random.seed
        var rig = try FloorRig()
        let record = SharedRecord(
            try SQLiteStore(rig.record),
            identity: DatabaseIdentity(system: "a", timeline: 1, position: 1)
        )
        var stores = try await open(record, rig)
        var step = 1
        for round in 0..<Self.rounds {
            let comment: Comment = "round \(round), alive \(isAlive), CHAMBER_TEST_SEED=\(seed)"
            await live(&rig, stores, &step, &random, comment)
            // What a backup program does: the files of a moment in which nobody writes.
            let identity = record.identity
            await record.closeForGood()
            let copy = try rig.backUp()
            await record.replace(by: try SQLiteStore(rig.record), identity: identity, reconnects: false)
            await live(&rig, stores, &step, &random, comment)
            for store in stores { await store.tend() }

            if !isAlive { await close(stores) }
            await record.closeForGood()
            try rig.restore(copy)
            await record.replace(by: try SQLiteStore(rig.record), identity: identity)
            if !isAlive { stores = try await open(record, rig) }

            let before = rig.released.count
            await live(&rig, stores, &step, &random, comment)
            for batch in rig.released.suffix(30) {
                await rig.sign(batch.twin, with: stores[Int.random(in: 0..<4, using: &random)], comment)
            }
            #expect(rig.released.count == before, comment)
            for store in stores { await store.tend() }
            let alarmed = stores.count { $0.alarm != nil }
            #expect(alarmed == 4, comment)
            for store in stores.shuffled(using: &random) { _ = try await store.reconcile(acceptingClockFloor: false) }
            for store in stores { await store.tend() }
            let left = stores.compactMap(\.alarm)
            #expect(left == [], comment)
            for batch in rig.released.suffix(60) {
                await rig.sign(batch.twin, with: stores[Int.random(in: 0..<4, using: &random)], comment)
            }
            #expect(rig.released.count == before, comment)
            await live(&rig, stores, &step, &random, comment)
            #expect(rig.released.count > before, comment)
        }
        await close(stores)
        await record.closeForGood()
    }

    private func open(_ record: SharedRecord, _ rig: FloorRig) async throws -> [FlooredStore] {
        var stores: [FlooredStore] = []
        for number in 0..<4 {
            let floor = try SQLiteFloor(.init(path: rig.folder.file("floor-\(number)"), name: "host-\(number)"))
            let store = FlooredStore(inner: record, floor: floor)
            try await store.start()
            stores.append(store)
        }
        return stores
    }

    private func close(_ stores: [FlooredStore]) async { for store in stores { await store.close() } }

    /// Rising duties, each by some instance.
    private func live(
        _ rig: inout FloorRig,
        _ stores: [FlooredStore],
        _ step: inout Int,
        _ random: inout SeededGenerator,
        _ comment: Comment
    ) async {
        for _ in 0..<Int.random(in: 1...10, using: &random) {
            await rig.sign(.step(step), with: stores[Int.random(in: 0..<4, using: &random)], comment)
            step += 1
        }
    }
}
