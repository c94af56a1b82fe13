// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import FaultVFS
import SlashingProtection
import TestSupport
import Testing

/// The disk of the floor fails: nothing is released that the floor does not durably hold.
@Suite(.timeLimit(.minutes(10))) struct FloorFaultTests {
    /// A record on a good disk with a floor on one that fails.
    private struct Rig {
        let folder: TemporaryFolder
        let disk: FaultDisk
        var released: [DutyBatch] = []

        init(seed: Int) throws {
            folder = try TemporaryFolder()
            disk = FaultDisk(random: SeededGenerator(seed: UInt64(seed)))
        }

        func floor(on disk: FaultDisk) throws -> SQLiteFloor {
            try SQLiteFloor(
                SQLiteFloor.Settings(
                    path: folder.file("floor.sqlite"),
                    name: "here",
                    disk: FaultyDisk(disk: disk),
                    retryInterval: .microseconds(200)
                )
            )
        }

        func open() async throws -> FlooredStore {
            let store = FlooredStore(inner: try SQLiteStore(.init(in: folder)), floor: try floor(on: disk))
            try await store.start()
            return store
        }

        @discardableResult
        mutating func sign(_ batch: DutyBatch, with store: FlooredStore) async -> Verdict {
            let verdict = await store.decideOne(batch)
            if verdict.refusal == nil { released.append(batch) }
            return verdict
        }

        /// What the floor holds when the power comes back covers everything that was released, or the first of it. No
        /// other floor of this place may be open.
        func expectFloorSurvives(_ files: [String: [UInt8]], first count: Int? = nil, _ comment: Comment) async throws {
            let floor = try floor(on: FaultDisk(files: files, random: SeededGenerator(seed: 1)))
            let marks = Dictionary(uniqueKeysWithValues: try await floor.marks().map { ($0.record, $0.marks) })
            await floor.close()
            for batch in released.prefix(count ?? released.count) {
                let mark = marks[batch.records[0]] ?? Watermarks()
                #expect(mark.raised(to: Watermarks(reaching: batch.duty)) == mark, "\(comment): \(batch.duty)")
            }
        }
    }

    private func waitUntilReady(_ store: FlooredStore) async throws {
        while store.health != .ready {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    @Test(arguments: [FaultDisk.Operation.write, .sync], FaultDisk.Fault.allCases)
    func `nothing is released without a durable floor, and signing resumes when the disk works again`(
        operation: FaultDisk.Operation,
        fault: FaultDisk.Fault
    ) async throws {
        for position in 1...20 {
            let comment: Comment = "\(operation) \(position), \(fault)"
            var rig = try Rig(seed: position)
            let store = try await rig.open()
            for step in 1...10 { await rig.sign(.step(step), with: store) }
            #expect(rig.released.count == 10, comment)
            rig.disk.fail(operation, at: position, with: fault, lasting: true)
            var step = 10
            // Where a checkpoint after the answer has failed, not the write before it.
            var afterCheckpoint: [String: [UInt8]]?
            while rig.disk.failures == 0 {
                step += 1
                let verdict = await rig.sign(.step(step), with: store)
                if rig.disk.failures > 0, verdict.refusal == nil { afterCheckpoint = rig.disk.survivors() }
            }
            while store.health == .ready { await Task.yield() }
            let before = rig.released.count
            for later in (step + 1)...(step + 3) { await rig.sign(.step(later), with: store) }
            #expect(rig.released.count == before, comment)
            let refusal = await store.decideOne(.step(step + 4)).refusal
            #expect(refusal?.description.contains("floor") == true, comment)
            rig.disk.heal()
            try await waitUntilReady(store)
            #expect(await rig.sign(.step(step + 10), with: store).refusal == nil, comment)
            let files = rig.disk.survivors()
            await store.close()
            if let afterCheckpoint { try await rig.expectFloorSurvives(afterCheckpoint, first: before, comment) }
            try await rig.expectFloorSurvives(files, comment)
            let again = try await rig.open()
            #expect(again.alarm == nil, comment)
            await again.close()
        }
    }

    @Test(arguments: FaultDisk.Operation.allCases, FaultDisk.Fault.allCases)
    func `a single failure lets nothing out that the floor forgets when the power goes`(
        operation: FaultDisk.Operation,
        fault: FaultDisk.Fault
    ) async throws {
        for position in 1...20 {
            let comment: Comment = "\(operation) \(position), \(fault)"
            var rig = try Rig(seed: position)
            let store = try await rig.open()
            rig.disk.fail(operation, at: position, with: fault, lasting: false)
            for step in 1...40 {
                await rig.sign(.step(step), with: store)
                try await waitUntilReady(store)
            }
            #expect(rig.released.count >= 39, comment)
            let files = rig.disk.survivors()
            await store.close()
            try await rig.expectFloorSurvives(files, comment)
            if rig.disk.failures == 0, operation != .write, operation != .sync { break }
        }
    }

    @Test func `a failed sync of the floor is told as such, and the floor goes on in a new file`() async throws {
        var rig = try Rig(seed: 1)
        let store = try await rig.open()
        await rig.sign(.step(1), with: store)
        rig.disk.fail(.sync, at: 1, with: .inputOutput, lasting: true)
        let verdict = await rig.sign(.step(2), with: store)
        // On a slow machine the quiet moment's checkpoint meets the fault first, and the first rewrite has failed already.
        let reason = verdict.refusal?.description ?? ""
        #expect(reason.contains("a sync of the floor") || reason.contains("rewriting the floor"), "\(verdict)")
        guard case .rewriting = store.health else {
            Issue.record("health is \(store.health)")
            return
        }
        rig.disk.heal()
        try await waitUntilReady(store)
        #expect(rig.disk.names.contains { $0.hasSuffix("floor.sqlite.failed") })
        // The record had it already; the client may ask for the very message again.
        #expect(await rig.sign(.step(2), with: store) == .repeated)
        #expect(await store.decideOne(DutyBatch.step(2).twin).refusal?.isUnsafe == true)
        await store.close()
    }

    @Test func `a crash between record and floor is safe, and the very message may be asked for again`() async throws {
        var rig = try Rig(seed: 1)
        let store = try await rig.open()
        for step in 1...8 { await rig.sign(.step(step), with: store) }
        rig.disk.cutPower(before: rig.disk.operations)
        #expect(await rig.sign(.step(9), with: store).refusal?.code == "slashing_protection_unavailable")
        let files = rig.disk.survivors()
        await store.close()
        let floor = try rig.floor(on: FaultDisk(files: files, random: SeededGenerator(seed: 2)))
        let next = FlooredStore(inner: try SQLiteStore(.init(in: rig.folder)), floor: floor)
        try await next.start()
        #expect(next.alarm == nil)
        #expect(await next.decideOne(DutyBatch.step(9).twin).refusal?.isUnsafe == true)
        #expect(await next.decideOne(.step(9)) == .repeated)
        let reached = try await floor.marks().first { $0.record == DutyBatch.step(9).records[0] }
        #expect(reached?.marks.slot == 2)
        await next.close()
    }
}
