// SPDX-License-Identifier: Apache-2.0
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// An instance that will not come back is taken out of the recoveries, and what it let out stays safe.
@Suite(.timeLimit(.minutes(10))) struct RetirementTests {
    private let rig: FloorRig
    private let record: SharedRecord

    init() async throws {
        rig = try FloorRig()
        record = SharedRecord(try SQLiteStore(rig.record))
    }

    private func floor(_ number: Int) throws -> SQLiteFloor {
        try SQLiteFloor(.init(path: rig.folder.file("floor-\(number)"), name: "host-\(number)"))
    }

    private func open(_ number: Int) async throws -> FlooredStore {
        let store = FlooredStore(inner: record, floor: try floor(number))
        try await store.start()
        return store
    }

    /// Two instances have signed; the second then signs slot 50, which the record forgets, and is gone for good.
    private func lose(_ body: (FlooredStore, _ gone: String) async throws -> Void) async throws {
        let first = try await open(0)
        let second = try await open(1)
        #expect(await first.decideOne(.block(1)) == .recorded)
        #expect(await second.decideOne(.block(2, by: [validator(1)])) == .recorded)
        await record.closeForGood()
        let old = try rig.backUp()
        await record.replace(by: try SQLiteStore(rig.record))
        #expect(await second.decideOne(.block(50, by: [validator(1)])) == .recorded)
        await second.close()
        #expect(await first.decideOne(.block(3)) == .recorded)
        await record.closeForGood()
        try rig.restore(old)
        await record.replace(by: try SQLiteStore(rig.record))
        #expect(await first.decideOne(.block(4)).refusal != nil)
        let report = try await first.reconcile(acceptingClockFloor: false)
        #expect(report.missing.map(\.name) == ["host-1"])
        let gone = report.missing.first
        try await body(first, try #require(gone).identifier)
        await first.close()
        await record.closeForGood()
    }

    @Test func `with its floor the recovery goes on, and nothing it signed is signed again`() async throws {
        try await lose { first, gone in
            let floor = try self.floor(1)
            let report = try await Retirement(identifier: gone, source: .floor(floor)).perform(on: record)
            await floor.close()
            #expect(report.instance.name == "host-1" && report.merged == 1 && report.raised == 1)
            #expect(report.missing.isEmpty && report.clockFloor == nil)
            await first.tend()
            #expect(first.alarm == nil)
            #expect(await first.decideOne(.block(50, root: 9, by: [validator(1)])).refusal?.isUnsafe == true)
            #expect(await first.decideOne(.block(51, root: 9, by: [validator(1)])) == .recorded)
            let list = InstanceList(try await Retirement.list(of: record))
            #expect(list.instances.map(\.name) == ["host-0"] && list.recovery == "1")
        }
    }

    @Test func `without its floor the clock floor stands in its place, for all validators`() async throws {
        try await lose { first, gone in
            let marks = Watermarks(slot: 1_000, source: 30, target: 31)
            let report = try await Retirement(identifier: gone.uppercased(), source: .clockFloor(marks)).perform(
                on: record
            )
            #expect(report.clockFloor == "slot 1000, source 30, target 31" && report.missing.isEmpty)
            await first.tend()
            #expect(first.alarm == nil)
            for key in [validator(0), validator(1), validator(500)] {
                #expect(await first.decideOne(.block(1_000, root: 9, by: [key])).refusal != nil)
                #expect(await first.decideOne(.block(1_001, root: 9, by: [key])) == .recorded)
            }
        }
    }

    @Test func `one that comes back signs nothing before it was reconciled`() async throws {
        try await lose { first, gone in
            let marks = Watermarks(slot: 40, source: 1, target: 1)
            // A clock floor that was too low: its clock went wrong.
            _ = try await Retirement(identifier: gone, source: .clockFloor(marks)).perform(on: record)
            await first.tend()
            #expect(first.alarm == nil)
            let back = try await open(1)
            #expect(back.alarm != nil)
            #expect(await back.decideOne(.block(60, by: [validator(1)])).refusal != nil)
            #expect(await back.decideOne(.block(60, by: [validator(2)])).refusal != nil)
            _ = try await back.reconcile(acceptingClockFloor: false)
            await first.tend()
            await first.tend()
            await back.tend()
            #expect(first.alarm == nil && back.alarm == nil)
            #expect(await back.decideOne(.block(50, root: 9, by: [validator(1)])).refusal?.isUnsafe == true)
            #expect(await first.decideOne(.block(50, root: 9, by: [validator(1)])).refusal?.isUnsafe == true)
            #expect(await back.decideOne(.block(60, by: [validator(1)])) == .recorded)
            await back.close()
        }
    }

    /// Covered or not: the record does not know it.
    @Test func `one that was retired while it runs stops`() async throws {
        let first = try await open(0)
        let second = try await open(1)
        #expect(await second.decideOne(.block(1)) == .recorded)
        let list = InstanceList(try await Retirement.list(of: record))
        let gone = try #require(list.instances.first { $0.name == "host-1" })
        let marks = Watermarks(slot: 1, source: 1, target: 1)
        _ = try await Retirement(identifier: gone.identifier, source: .clockFloor(marks)).perform(on: record)
        await second.tend()
        #expect(second.alarm?.contains("was retired") == true)
        await first.tend()
        #expect(first.alarm == nil)
        for store in [first, second] { await store.close() }
        await record.closeForGood()
    }

    @Test func `an unknown instance, another one's floor and a floor in use are refused`() async throws {
        let first = try await open(0)
        let second = try await open(1)
        #expect(await second.decideOne(.block(1)) == .recorded)
        #expect(throws: StoreError.self) { _ = try self.floor(1) }
        await second.close()
        let instances = InstanceList(try await Retirement.list(of: record)).instances
        let own = try #require(instances.first { $0.name == "host-0" }).identifier
        let floor = try self.floor(1)
        for identifier in [own, String(repeating: "0", count: 32), ""] {
            await #expect(throws: StoreError.self) {
                try await Retirement(identifier: identifier, source: .floor(floor)).perform(on: record)
            }
        }
        #expect(InstanceList(try await Retirement.list(of: record)).instances == instances)
        await floor.close()
        await first.close()
        await record.closeForGood()
    }

    @Test func `a floor that knows a recovery which the record has forgotten is refused`() async throws {
        try await lose { first, gone in
            let floor = try self.floor(1)
            try await floor.update { $0.completed = 7 }
            let error = await #expect(throws: StoreError.self) {
                try await Retirement(identifier: gone, source: .floor(floor)).perform(on: record)
            }
            #expect(error?.description.contains("went back in time") == true)
            #expect(first.alarm != nil)
            await floor.close()
        }
    }
}
