// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Consensus
import DynamoDB
import Encoding
import SlashingProtection
import TestSupport
import Testing

/// The floor over a table that is set back, made anew, or out of reach.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(10))) struct DynamoDBFloorTests {
    @Test(arguments: ["restore", "remake"])
    func `a table with older data signs nothing until all floors are merged`(action: String) async throws {
        let rig = try await DynamoDBFloorRig(instances: 3)
        await rig.live(9)
        let old = try await copy(rig, "old")
        await rig.live(12)
        await rig.tend()
        try await rig.table.travel(action, old)
        let before = rig.releasedCount
        for instance in 0..<3 {
            #expect(await rig.sign(rig.next(), instance).refusal != nil)
            #expect(await rig.sign(.block(9_000, by: [validator(77)]), instance).refusal != nil)
        }
        try await rig.waitForAlarms()
        for store in rig.stores {
            let alarm = try #require(store.alarm)
            #expect(store.health == .unusable(reason: alarm))
            // Both values, of the marks or of the table, whichever was looked at first.
            let marks = alarm.contains("released up to ") && alarm.contains("recorded up to ")
            #expect(marks || alarm.contains("last seen was system") && alarm.contains("now it is system"), "\(alarm)")
        }
        await rig.expectTwinsRefused()
        #expect(rig.releasedCount == before)

        for instance in 0..<3 {
            let report = try await rig.stores[instance].reconcile(acceptingClockFloor: false)
            #expect(report.isCleared == (instance == 2) && report.missing.count == 2 - instance)
            if instance < 2 { #expect(await rig.sign(rig.next(), instance).refusal != nil) }
        }
        try await rig.waitForNoAlarms()
        await rig.expectTwinsRefused(last: .max)
        #expect(rig.releasedCount == before)
        try await rig.waitUntilSigning()
        #expect(rig.slashable == [])
        try await rig.end()
    }

    /// What others write since does not hide it: each raises a count of its own.
    @Test func `an instance that has let nothing out sees that the table lost writes`() async throws {
        let rig = try await DynamoDBFloorRig(instances: 2)
        await rig.live(4)
        let old = try await copy(rig, "old")
        await rig.tend()
        try await rig.table.travel("restore", old)
        // The first has noticed nothing yet when it reconciles for another reason; its writes are many.
        for _ in 0..<20 { _ = try await rig.stores[0].perform(.compare([])) }
        await rig.stores[1].tend()
        let alarm = try #require(rig.stores[1].alarm)
        #expect(alarm.contains("last seen was system") && alarm.contains("now it is system"), "\(alarm)")
        try await rig.end()
    }

    @Test func `an instance does not contradict itself, however short the way back was`() async throws {
        let rig = try await DynamoDBFloorRig(instances: 1)
        await rig.live(4)
        let old = try await copy(rig, "old")
        let last = DutyBatch.attestation(4, 7, root: 1, by: [validator(2)])
        #expect(await rig.sign(last, 0) == .recorded)
        // A double vote and one around it: the record takes them, the instance does not.
        try await rig.table.travel("restore", old)
        let others: [DutyBatch] = [last.twin, .attestation(3, 8, by: last.records)]
        for other in others { #expect(await rig.sign(other, 0).refusal != nil) }
        #expect(rig.stores[0].alarm != nil)
        _ = try await rig.stores[0].reconcile(acceptingClockFloor: false)
        #expect(rig.alarms == [])
        // What the record took meanwhile is not a repeat of anything that was let out.
        for other in others { #expect(await rig.sign(other, 0).refusal != nil) }
        #expect(rig.slashable == [])
        try await withCopy(of: rig.stores[0]) { copy async throws in
            for other in others { #expect(await copy.decideOne(other).refusal != nil) }
        }
        try await rig.end()
    }

    @Test func `what a record took that had gone back is not repeated once all is reconciled`() async throws {
        let rig = try await DynamoDBFloorRig(instances: 2)
        let records = [validator(0)]
        #expect(await rig.sign(.attestation(1, 2, by: records), 0) == .recorded)
        let old = try await copy(rig, "old")
        for batch: DutyBatch in [.attestation(5, 6, root: 1, by: records), .block(7, root: 1, by: records)] {
            #expect(await rig.sign(batch, 0) == .recorded)
        }
        await rig.tend()
        try await rig.table.travel("restore", old)
        // The other instance offers a vote around the one that was let out; the record does not know that one.
        let taken = DutyBatch.attestation(4, 9, root: 2, by: records)
        #expect(await rig.sign(taken, 1).refusal != nil)
        let inner = try await DynamoDBStore.open(rig.table)
        #expect(await inner.decideOne(taken) == .repeated)
        #expect(await inner.decideOne(.block(7, root: 2, by: records)) == .recorded)
        try await rig.waitForAlarms()
        try await rig.reconcile(in: [1, 0])
        for instance in 0..<2 {
            #expect(await rig.sign(taken, instance).refusal != nil)
            #expect(await rig.sign(.block(7, root: 2, by: records), instance).refusal != nil)
        }
        #expect(rig.slashable == [])
        await inner.close()
        try await rig.end()
    }

    @Test func `a copy is known for one even by an instance that has seen nothing`() async throws {
        let rig = try await DynamoDBFloorRig(instances: 2)
        await rig.live(6)
        let now = try await copy(rig, "now")
        await rig.close()
        // Nothing is lost: the copy holds all that was let out. But nobody can know that of a backup.
        try await rig.table.travel("remake", now)
        let newcomer = try await rig.open(7)
        let alarm = try #require(newcomer.alarm)
        #expect(alarm.contains("host-0") && alarm.contains("host-1"), "\(alarm)")
        #expect(await newcomer.decideOne(.block(900)).refusal != nil)
        try await rig.open()
        #expect(rig.alarms.count == 2)
        // It has nothing to lose, and merges by itself once others have begun.
        try await rig.reconcile(in: [0, 1])
        try await eventually("all sign again") {
            for store in rig.stores + [newcomer] { await store.tend() }
            return rig.alarms.isEmpty && newcomer.alarm == nil
        }
        #expect(await newcomer.decideOne(.block(900)) == .recorded)
        await newcomer.close()
        try await rig.end()
    }

    /// The items of a backup need not be of one moment.
    @Test func `a backup that caught the list of a recovery and not its marks completes nothing`() async throws {
        let rig = try await DynamoDBFloorRig(instances: 2)
        await rig.live(4)
        let old = try await copy(rig, "old")
        let lost = DutyBatch.block(500, root: 1, by: [validator(3)])
        #expect(await rig.sign(lost, 0) == .recorded)
        await rig.tend()
        try await rig.table.travel("restore", old)
        try await rig.waitForAlarms()
        let report = try await rig.stores[0].reconcile(acceptingClockFloor: false)
        #expect(report.missing.count == 1)
        let marks: Item = [
            "record_key": .string(validator(3).publicKey.description), "entry_key": .string("marks"),
            "revision": .number(1),
        ]
        try await rig.table.database.putItem(table: rig.table.table, marks)
        let torn = try await copy(rig, "torn")
        try await rig.table.travel("remake", torn)

        let second = try await rig.stores[1].reconcile(acceptingClockFloor: false)
        #expect(second.missing.map(\.name) == ["host-0"])
        #expect(await rig.sign(lost.twin, 1).refusal != nil)
        try await rig.reconcile(in: [0, 1])
        #expect(await rig.sign(lost.twin, 1).refusal != nil)
        #expect(rig.slashable == [])
        try await rig.end()
    }

    @Test func `a merge that was cut off is no merge, and the next one completes it`() async throws {
        let cut = Lock<Int?>(nil)
        let server = try await LossyServer { operation in
            guard operation == "TransactWriteItems" else { return .nothing }
            let isLost = cut.withLock { left in
                left = left.map { $0 - 1 }
                return left.map { $0 < 0 } ?? false
            }
            return isLost ? .request : .nothing
        }
        var table = try await DynamoDBStore.Settings.fresh(endpoint: server.server.endpoint)
        table.createIfMissing = true
        let rig = try await DynamoDBFloorRig(instances: 1, on: table)
        for number in 0..<40 { #expect(await rig.sign(.block(10, by: [validator(number)]), 0) == .recorded) }
        let old = try await copy(rig, "old")
        for number in 0..<40 { #expect(await rig.sign(.block(20, by: [validator(number)]), 0) == .recorded) }
        try await rig.table.travel("restore", old)
        await rig.tend()
        #expect(rig.alarms.count == 1)
        // Of two transactions with marks one is done.
        cut.withLock { $0 = 1 }
        await #expect(throws: StoreError.self) { try await rig.stores[0].reconcile(acceptingClockFloor: false) }
        cut.withLock { $0 = nil }
        #expect(rig.alarms.count == 1)
        let report = try await rig.stores[0].reconcile(acceptingClockFloor: false)
        #expect(report.isCleared && report.merged == 40 && report.raised < 40)
        for number in 0..<40 {
            let twin = DutyBatch.block(20, root: 9, by: [validator(number)])
            #expect(await rig.sign(twin, 0) == .refused(.atLowWatermark(lowest: 20)))
        }
        try await rig.end()
    }

    @Test func `the clock floor stands in for a lost floor, for those to come too`() async throws {
        let rig = try await DynamoDBFloorRig(instances: 1)
        await rig.live(4)
        let floor = ClockFloor.marks(now: 50, clockGuardEpochs: 2, slotsPerEpoch: 32)
        let inner = try await DynamoDBStore.open(rig.table)
        let merge = FloorMerge(
            instance: FloorInstance(identifier: .init(), name: "host-0"),
            marks: [],
            joined: nil,
            completed: 0,
            clockFloor: floor
        )
        guard case .merged(let report) = try await inner.perform(.merge(merge)) else { throw UnexpectedAnswer() }
        #expect(report.raised == 4 && report.recovery.isComplete && report.recovery.instances.count == 1)
        for number in [0, 1, 99] {
            let by = [validator(number)]
            let slot = try #require(floor.slot).value
            #expect(await inner.decideOne(.block(slot, by: by)).refusal != nil)
            #expect(await inner.decideOne(.attestation(49, 53, by: by)).refusal != nil)
            #expect(await inner.decideOne(.attestation(50, 52, by: by)).refusal != nil)
            #expect(await inner.decideOne(.attestation(50, 53, by: by)) == .recorded)
            #expect(await inner.decideOne(.block(slot + 1, by: by)) == .recorded)
        }
        await inner.close()
        try await rig.end()
    }

    @Test func `a burst costs few looks at the table`() async throws {
        let looks = Lock(0)
        let server = try await LossyServer { operation in
            if operation == "UpdateItem" { looks.withLock { $0 += 1 } }
            return .nothing
        }
        let table = try await DynamoDBStore.Settings.fresh(endpoint: server.server.endpoint)
        let rig = try await DynamoDBFloorRig(instances: 1, on: table)
        let before = looks.withLock { $0 }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<40 { group.addTask { await rig.sign(.block(5, by: [validator(number)]), 0) } }
        }
        let spent = looks.withLock { $0 } - before
        #expect(rig.releasedCount == 40 && spent >= 1 && spent <= 40, "\(spent)")
        try await rig.end()
    }

    /// Copies what the table holds.
    private func copy(_ rig: DynamoDBFloorRig, _ name: String) async throws -> String {
        let label = "\(name)-\(rig.table.table)"
        try await rig.table.travel("copy", label)
        return label
    }
}

/// A table that cannot be used, or does not answer.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(10))) struct DynamoDBHealthTests {
    @Test func `a table out of reach turns health down without a message, and is no alarm`() async throws {
        let isDown = Lock(false)
        let server = try await LossyServer { _ in isDown.withLock { $0 } ? .request : .nothing }
        var table = try await DynamoDBStore.Settings.fresh(endpoint: server.server.endpoint)
        table.beat = .milliseconds(5)
        let rig = try await DynamoDBFloorRig(instances: 1, on: table)
        try await rig.waitUntilSigning()
        let generation = rig.stores[0].connectionGeneration
        isDown.withLock { $0 = true }
        try await eventually("health is down") { rig.stores[0].health != .ready }
        #expect(rig.stores[0].health.reason?.contains(table.table) == true)
        #expect(await rig.sign(rig.next(), 0).refusal != nil)
        isDown.withLock { $0 = false }
        try await rig.waitUntilSigning()
        // Held against the floor once more before that.
        #expect(rig.stores[0].connectionGeneration > generation)
        #expect(rig.alarms == [] && rig.stores[0].health == .ready)
        try await rig.end()
    }

    @Test func `a global table is refused at the start, and when it becomes one`() async throws {
        let table = try await DynamoDBStore.Settings.fresh()
        let store = try await DynamoDBStore.open(table)
        #expect(await store.decideOne(.block(1)) == .recorded)
        try await table.travel("replicate", "eu-west-1")
        // What the daemon does every few seconds.
        await #expect(throws: StoreError.self) { try await store.perform(.compare([])) }
        #expect(store.health.reason?.contains("is a global table") == true)
        #expect(await store.decideOne(.block(2)).refusal != nil)
        await store.close()
        do throws(StoreError) {
            _ = try await DynamoDBStore.open(table)
            Issue.record("a global table was taken for a record")
        } catch { #expect(error.description.contains("is a global table"), "\(error)") }
        try await table.travel("remove")
    }
}
