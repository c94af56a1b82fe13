// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// Everything at once: clients of four instances, and a record that changes under them.
@Suite(.timeLimit(.minutes(10))) struct FloorConcurrencyTests {
    private static let rounds = 12
    private static let clients = 8

    /// What clients hold in their hands; says where two of them are slashable together.
    private struct Hands {
        var watch = SlashingWatch()
        var slashable: [DutyBatch] = []
        var count = 0
    }

    @Test func `a record that is set back under a storm of messages releases no slashable pair`() async throws {
        var random = SeededGenerator.fromEnvironment()
        let seed = random.seed
        let rig = try FloorRig()
        let hands = Lock(Hands())
        let record = SharedRecord(try SQLiteStore(rig.record))
        let stores = try await open(record, rig)
        for round in 0..<Self.rounds {
            let comment: Comment = "round \(round), CHAMBER_TEST_SEED=\(seed)"
            await record.closeForGood()
            let copy = try rig.backUp()
            await record.replace(by: try SQLiteStore(rig.record))
            let before = hands.withLock { $0.count }
            let stop = Lock(false)
            let first = UInt64(round * 1_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<Self.clients {
                    var own = SeededGenerator(seed: random.next())
                    group.addTask {
                        while !stop.withLock({ $0 }) {
                            let store = stores[client % stores.count]
                            await Self.sign(&own, from: first, with: store, hands)
                            await Task.yield()
                        }
                    }
                }
                let wanted = before + Int.random(in: 1...60, using: &random)
                while hands.withLock({ $0.count }) < wanted {
                    try Task.checkCancellation()
                    await Task.yield()
                }
                // The old database goes on answering what it has begun.
                let older = try FloorRig()
                try older.restore(copy)
                await record.replace(by: try SQLiteStore(older.record))
                while !stores.contains(where: { $0.alarm != nil }) {
                    try Task.checkCancellation()
                    await Task.yield()
                }
                stop.withLock { $0 = true }
                try await group.waitForAll()
                for store in stores { try await Self.reconcile(store) }
                // One finds that others reconcile, merges, and all find the end.
                for _ in 0..<3 { for store in stores { await store.tend() } }
                // Not with a closure inside the macro: here this compiler never calls it, and the check says nothing.
                let alarms = stores.compactMap(\.alarm)
                #expect(alarms == [], comment)
                // The next round begins with this record.
                await record.closeForGood()
                try rig.restore(try older.backUp())
                await record.replace(by: try SQLiteStore(rig.record))
            }
            let slashable = hands.withLock { $0.slashable }
            #expect(slashable.isEmpty, comment)
        }
        for store in stores { await store.close() }
        await record.closeForGood()
    }

    /// An instance that has not seen the alarm yet learns of it here.
    private static func reconcile(_ store: FlooredStore) async throws {
        await store.tend()
        _ = try await store.reconcile(acceptingClockFloor: false)
    }

    /// Rising duties with two contents each, so that nearly every message has a twin.
    private static func sign(
        _ random: inout SeededGenerator,
        from first: UInt64,
        with store: FlooredStore,
        _ hands: Lock<Hands>
    ) async {
        let height = first + UInt64.random(in: 1...60, using: &random)
        let record = [validator(Int.random(in: 0..<4, using: &random))]
        let content = Int.random(in: 1...2, using: &random)
        let batch: DutyBatch =
            Bool.random(using: &random)
            ? .block(height, root: content, by: record) : .attestation(height, height + 1, root: content, by: record)
        guard await store.decideOne(batch).refusal == nil else { return }
        hands.withLock { hands in
            hands.count += 1
            if hands.watch.note(batch, record[0]) { hands.slashable.append(batch) }
        }
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
}
