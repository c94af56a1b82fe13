// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Encoding
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// Several instances on one record, and a database that changes under them.
@Suite(.timeLimit(.minutes(10))) struct FloorRecoveryTests {
    /// A database with a name and a place, as PostgreSQL has them.
    private static let start = DatabaseIdentity(system: "a", timeline: 1, position: 1_000)

    private func instances(
        _ count: Int,
        _ record: SharedRecord,
        in folder: TemporaryFolder,
        clockFloor: Watermarks? = nil
    ) async throws -> [FlooredStore] {
        var stores: [FlooredStore] = []
        for number in 0..<count {
            let floor = try SQLiteFloor(.init(path: folder.file("floor-\(number)"), name: "host-\(number)"))
            var settings = FlooredStore.Settings(clockFloor: { clockFloor })
            // A busy machine is no reason to give up earlier.
            settings.askAgainWithin = .seconds(60)
            let store = FlooredStore(inner: record, floor: floor, settings: settings)
            try await store.start()
            stores.append(store)
        }
        return stores
    }

    private func close(_ stores: [FlooredStore]) async { for store in stores { await store.close() } }

    private func older(_ rig: FloorRig, _ copy: [String: Data]) async throws -> SQLiteStore {
        try rig.restore(copy)
        return try SQLiteStore(rig.record)
    }

    @Test func `a reconnection to an older record is noticed before anything is recorded in it`() async throws {
        let rig = try FloorRig()
        var first = try SQLiteStore(rig.record)
        #expect(await first.decideOne(.block(1)) == .recorded)
        await first.close()
        let old = try rig.backUp()
        first = try SQLiteStore(rig.record)
        let record = SharedRecord(first)
        let stores = try await instances(1, record, in: rig.folder)
        #expect(await stores[0].decideOne(.block(5)) == .recorded)
        await record.replace(by: try await older(rig, old))
        let refused = await stores[0].decideOne(.block(6))
        #expect(refused.refusal?.description.contains("went back in time") == true)
        // Not even recorded: it would have hidden the gap.
        #expect(try await record.count().blocks == 1)
        await close(stores)
        await record.closeForGood()
    }

    @Test func `what a record took that had gone back is not repeated once it is reconciled`() async throws {
        let rig = try FloorRig()
        let floor = try SQLiteFloor(rig.floor)
        let store = try SQLiteStore(rig.record)
        let records = [validator(0)]
        // Let out: a vote and a block, which the record has lost.
        try await floor.raise(FloorRelease(duty: DutyBatch.attestation(5, 6).duty, records: records, seen: nil))
        try await floor.raise(FloorRelease(duty: DutyBatch.block(7).duty, records: records, seen: nil))
        let taken: [DutyBatch] = [
            .attestation(4, 9, root: 2), .attestation(3, 4, root: 2), .block(6, root: 2), .block(5, root: 2),
        ]
        for batch in taken.reversed() { #expect(await store.decideOne(batch) == .recorded) }
        // Behind everything that was let out: nothing can be said against it.
        #expect(await store.decideOne(.block(8, root: 2)) == .recorded)
        let marks = try await floor.marks()
        let merge = FloorMerge(instance: floor.instance, marks: marks, joined: nil, completed: 0, clockFloor: nil)
        _ = try await store.perform(.merge(merge))
        for batch in taken { #expect(await store.decideOne(batch).refusal?.isUnsafe == true, "\(batch.duty)") }
        #expect(await store.decideOne(.block(8, root: 2)) == .repeated)
        await floor.close()
        await store.close()
    }

    /// A failover that loses one commit only: the one whose answer is on its way. Nothing else tells of it.
    @Test func `a message under way while the record is compared anew is asked again, not released from the old one`()
        async throws
    {
        let rig = try FloorRig()
        let first = try SQLiteStore(rig.record)
        let shared = SharedRecord(first)
        await close(try await instances(1, shared, in: rig.folder))
        await first.close()
        let old = try rig.backUp()
        let record = SharedRecord(try SQLiteStore(rig.record))
        let slow = SlowRecord(record)
        let floor = try SQLiteFloor(.init(path: rig.folder.file("floor-0"), name: "host-0"))
        let store = FlooredStore(inner: slow, floor: floor, settings: .patient)
        try await store.start()

        slow.hold(root(1))
        async let underWay = store.decideOne(.block(5, root: 1))
        await slow.waitUntilHeld()
        await record.replace(by: try await older(rig, old))
        #expect(await store.decideOne(.block(6, by: [validator(1)])) == .recorded)
        #expect(try await record.count().blocks == 1)
        slow.letGo()
        // Recorded in the new one: what the old one had said did not count.
        #expect(await underWay == .recorded)
        #expect(store.alarm == nil)
        #expect(try await record.count().blocks == 2)
        #expect(await store.decideOne(.block(5, root: 2)) == .refused(.doubleBlock(slot: 5)))
        await store.close()
        await record.closeForGood()
    }

    /// Where too much time has passed, the client asks again by itself.
    @Test func `a message that took too long is not asked again`() async throws {
        let rig = try FloorRig()
        let record = SharedRecord(try SQLiteStore(rig.record))
        let slow = SlowRecord(record)
        var settings = FlooredStore.Settings()
        settings.askAgainWithin = .zero
        let floor = try SQLiteFloor(.init(path: rig.folder.file("floor-0"), name: "host-0"))
        let store = FlooredStore(inner: slow, floor: floor, settings: settings)
        try await store.start()
        slow.hold(root(1))
        async let underWay = store.decideOne(.block(5, root: 1))
        await slow.waitUntilHeld()
        record.reconnect()
        #expect(await store.decideOne(.block(6, by: [validator(1)])) == .recorded)
        slow.letGo()
        #expect(await underWay.refusal?.code == "slashing_protection_unavailable")
        #expect(await store.decideOne(.block(5, root: 2)) == .refused(.doubleBlock(slot: 5)))
        #expect(await store.decideOne(.block(5, root: 1)) == .repeated)
        await store.close()
        await record.closeForGood()
    }

    @Test func `a message under way while the connection is lost is answered without being asked again`() async throws {
        let rig = try FloorRig()
        let record = SharedRecord(try SQLiteStore(rig.record))
        let slow = SlowRecord(record)
        let floor = try SQLiteFloor(.init(path: rig.folder.file("floor-0"), name: "host-0"))
        let store = FlooredStore(inner: slow, floor: floor, settings: .patient)
        try await store.start()
        slow.hold(root(1))
        async let underWay = store.decideOne(.block(5, root: 1))
        await slow.waitUntilHeld()
        record.reconnect()
        #expect(await store.decideOne(.block(6, by: [validator(1)])) == .recorded)
        slow.letGo()
        #expect(await underWay == .repeated)
        await store.close()
        await record.closeForGood()
    }

    @Test(arguments: [
        DatabaseIdentity(system: "b", timeline: 1, position: 5_000),
        DatabaseIdentity(system: "a", timeline: 0, position: 5_000),
        DatabaseIdentity(system: "a", timeline: 2, position: 900),
    ])
    func `a database that is another one or lost writes stops all keys without a new connection`(
        now: DatabaseIdentity
    ) async throws {
        let rig = try FloorRig()
        let record = SharedRecord(try SQLiteStore(rig.record), identity: Self.start)
        let stores = try await instances(1, record, in: rig.folder)
        #expect(await stores[0].decideOne(.block(5)) == .recorded)
        let empty = try FloorRig()
        await record.replace(by: try SQLiteStore(empty.record), identity: now, reconnects: false)
        #expect(await stores[0].decideOne(.block(6, by: [validator(9)])).refusal?.isUnsafe == false)
        let alarm = try #require(stores[0].alarm)
        #expect(alarm.contains("system a, timeline 1") && alarm.contains("system \(now.system)"))
        await close(stores)
        // And still after a restart.
        let again = try await instances(1, record, in: rig.folder)
        #expect(again[0].alarm == alarm)
        #expect(try await again[0].reconcile(acceptingClockFloor: false).isCleared)
        #expect(await again[0].decideOne(.block(6, root: 1)) == .recorded)
        #expect(await again[0].decideOne(.block(5, root: 1)).refusal != nil)
        await close(again)
        await record.closeForGood()
    }

    @Test func `a copy that took over without losing anything raises no alarm`() async throws {
        let rig = try FloorRig()
        let store = try SQLiteStore(rig.record)
        let record = SharedRecord(store, identity: Self.start)
        let stores = try await instances(1, record, in: rig.folder)
        #expect(await stores[0].decideOne(.block(5)) == .recorded)
        await store.close()
        await record.replace(
            by: try SQLiteStore(rig.record),
            identity: DatabaseIdentity(system: "a", timeline: 2, position: 2_000)
        )
        #expect(await stores[0].decideOne(.block(6)) == .recorded)
        #expect(stores[0].alarm == nil)
        await close(stores)
        await record.closeForGood()
    }

    @Test func `nobody signs again before the floors of all known instances are merged`() async throws {
        let rig = try FloorRig()
        let first = try SQLiteStore(rig.record)
        let setUp = SharedRecord(first)
        await close(try await instances(3, setUp, in: rig.folder))
        await first.close()
        let old = try rig.backUp()

        let record = SharedRecord(try SQLiteStore(rig.record))
        let stores = try await instances(3, record, in: rig.folder)
        for (number, store) in stores.enumerated() {
            #expect(await store.decideOne(.block(UInt64(10 + number), root: number)) == .recorded)
        }
        await record.replace(by: try await older(rig, old))
        for store in stores { #expect(await store.decideOne(.block(50)).refusal != nil) }

        let report = try await stores[0].reconcile(acceptingClockFloor: false)
        #expect(!report.isCleared && report.missing.map(\.name) == ["host-1", "host-2"])
        await stores[0].tend()
        #expect(stores[0].alarm != nil)
        #expect(!(try await stores[1].reconcile(acceptingClockFloor: false).isCleared))
        #expect(await stores[0].decideOne(.block(50)).refusal != nil)
        #expect(try await stores[2].reconcile(acceptingClockFloor: false).isCleared)
        // The others were told to reconcile by an operator and find the end by themselves.
        #expect(stores[0].alarm != nil)
        for store in stores { await store.tend() }
        for (number, store) in stores.enumerated() {
            #expect(store.alarm == nil)
            for other in 0..<3 {
                #expect(await store.decideOne(.block(UInt64(10 + other), root: 7)).refusal?.isUnsafe == true)
            }
            #expect(await store.decideOne(.block(UInt64(60 + number))) == .recorded)
        }
        await close(stores)
        await record.closeForGood()
    }

    @Test func `an instance that starts or looks while others reconcile stands still too`() async throws {
        let rig = try FloorRig()
        let record = SharedRecord(try SQLiteStore(rig.record), identity: Self.start)
        let stores = try await instances(2, record, in: rig.folder)
        #expect(await stores[0].decideOne(.block(1)) == .recorded)
        #expect(await stores[1].decideOne(.block(2)) == .recorded)
        // Only the first sees a step back.
        let floor = try SQLiteFloor(.init(path: rig.folder.file("floor-9"), name: "host-9"))
        try await floor.raise(FloorRelease(duty: .block(slot: 900), records: [validator(0)]))
        let ninth = FlooredStore(inner: record, floor: floor)
        try await ninth.start()
        #expect(ninth.alarm != nil)
        #expect(!(try await ninth.reconcile(acceptingClockFloor: false).isCleared))
        await stores[1].tend()
        #expect(stores[1].alarm?.contains("being reconciled") == true)
        #expect(await stores[1].decideOne(.block(950)).refusal?.isUnsafe == false)
        // Nothing is missing at these two, so nobody has to ask them.
        for _ in 0..<3 { for store in stores + [ninth] { await store.tend() } }
        for store in stores + [ninth] { #expect(store.alarm == nil) }
        #expect(await stores[0].decideOne(.block(900, root: 5)).refusal?.isUnsafe == true)
        await close(stores + [ninth])
        await record.closeForGood()
    }

    @Test func `the clock floor stands for those that cannot merge`() async throws {
        let rig = try FloorRig()
        let record = SharedRecord(try SQLiteStore(rig.record))
        let stores = try await instances(
            3,
            record,
            in: rig.folder,
            clockFloor: Watermarks(slot: 99, source: 2, target: 3)
        )
        #expect(await stores[0].decideOne(.block(1)) == .recorded)
        let empty = try FloorRig()
        await record.replace(by: try SQLiteStore(empty.record))
        #expect(await stores[0].decideOne(.block(2)).refusal != nil)
        let report = try await stores[0].reconcile(acceptingClockFloor: true)
        #expect(report.isCleared)
        #expect(await stores[0].decideOne(.block(99, root: 2)).refusal?.isUnsafe == true)
        #expect(await stores[0].decideOne(.block(100, root: 2)) == .recorded)
        await close(stores)
        await record.closeForGood()
    }

    /// The rules of joining, as a table: who remembers what, what the record says, which recovery it is.
    @Test func `recoveries are numbered so that no merge counts that was lost`() {
        let own = FloorInstance(identifier: .init(), name: "own")
        let other = FloorInstance(identifier: .init([UInt8](repeating: 7, count: 16)) ?? .init(), name: "other")
        func number(
            _ number: UInt64,
            own merged: UInt64?,
            other othersMerged: UInt64,
            joined: UInt64? = nil,
            completed: UInt64 = 0
        ) -> UInt64 {
            var list = RecoveryList(number: number, instances: [KnownInstance(other, merged: othersMerged)])
            if let merged { list.instances.append(KnownInstance(own, merged: merged)) }
            let merge = FloorMerge(instance: own, marks: [], joined: joined, completed: completed, clockFloor: nil)
            let after = merge.applied(to: list)
            #expect(after[own.identifier]?.merged == after.number)
            return after.number
        }
        // The first alarm begins one, the next instance joins it.
        #expect(number(0, own: 0, other: 0) == 1)
        #expect(number(1, own: 0, other: 1) == 1)
        // Asked again while the others are missing, and after the last has merged.
        #expect(number(1, own: 1, other: 0, joined: 1) == 1)
        #expect(number(1, own: 1, other: 1, joined: 1) == 1)
        // A new alarm after the end of one.
        #expect(number(1, own: 1, other: 1, completed: 1) == 2)
        // The record was set back into a recovery, or before one, that this instance remembers.
        #expect(number(1, own: 0, other: 1, joined: 1) == 2)
        #expect(number(1, own: 0, other: 1, completed: 1) == 2)
        #expect(number(0, own: nil, other: 0, completed: 4) == 5)
    }
}

extension FlooredStore.Settings {
    /// However busy the machine is, what was interrupted is asked again.
    fileprivate static var patient: Self {
        var settings = Self()
        settings.askAgainWithin = .seconds(60)
        return settings
    }
}
