// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// The floor by itself: what it keeps and for whom.
@Suite(.timeLimit(.minutes(10))) struct FloorTests {
    private let folder: TemporaryFolder
    private let settings: SQLiteFloor.Settings

    init() throws {
        folder = try TemporaryFolder()
        settings = SQLiteFloor.Settings(path: folder.file("floor.sqlite"), name: "here")
    }

    private func release(_ batch: DutyBatch, seen: DatabaseIdentity? = nil) -> FloorRelease {
        FloorRelease(duty: batch.duty, records: batch.records, seen: seen)
    }

    @Test func `marks only rise, each by itself, and are there again after a restart`() async throws {
        let floor = try SQLiteFloor(settings)
        try await floor.raise(release(.block(10, by: [validator(1), validator(2)])))
        try await floor.raise(release(.block(9, by: [validator(1)])))
        try await floor.raise(release(.attestation(3, 8, by: [validator(1)])))
        try await floor.raise(release(.attestation(4, 5, by: [validator(1)])))
        let expected = [
            FloorMark(record: validator(1), marks: Watermarks(slot: 10, source: 4, target: 8)),
            FloorMark(record: validator(2), marks: Watermarks(slot: 10)),
        ]
        #expect(try await floor.marks() == expected)
        let instance = floor.instance
        await floor.close()
        let again = try SQLiteFloor(settings)
        #expect(try await again.marks() == expected)
        #expect(again.instance == instance)
        await again.close()
    }

    @Test func `every floor has an identifier of its own`() async throws {
        var identifiers: Set<String> = []
        for number in 0..<3 {
            let floor = try SQLiteFloor(SQLiteFloor.Settings(path: folder.file("floor-\(number)"), name: "here"))
            identifiers.insert(floor.instance.digits)
            await floor.close()
        }
        #expect(identifiers.count == 3)
        #expect(identifiers.allSatisfy { $0.count == 32 })
    }

    @Test func `the condition and the database that was seen last are kept`() async throws {
        let seen = DatabaseIdentity(system: "7300", timeline: .max, position: .max)
        let floor = try SQLiteFloor(settings)
        try await floor.raise(release(.block(1), seen: seen))
        try await floor.update { condition in
            condition.alarm = "the record went back"
            condition.joined = 4
            condition.completed = 3
            condition.isKnown = true
        }
        let condition = floor.condition
        #expect(condition.seen == seen)
        await floor.close()
        let again = try SQLiteFloor(settings)
        #expect(again.condition == condition)
        await again.close()
    }

    @Test func `only the owner can read it, and only one process has it`() async throws {
        let floor = try SQLiteFloor(settings)
        try await floor.raise(release(.block(1)))
        for name in try folder.names { #expect(try folder.mode(name) == 0o600, "\(name)") }
        let error = #expect(throws: StoreError.self) { try SQLiteFloor(settings) }
        #expect(error?.description.contains("another process holds the floor") == true)
        await floor.close()
        await #expect(throws: StoreError.self) { try await floor.raise(release(.block(2))) }
    }

    @Test func `a slashing record is not taken for a floor, nor a floor for a record`() async throws {
        var record = SQLiteStore.Settings(in: folder)
        try SQLiteStore.initialize(record)
        let error = #expect(throws: StoreError.self) {
            try SQLiteFloor(SQLiteFloor.Settings(path: record.path, name: "here"))
        }
        #expect(error?.description.contains("not a floor") == true)
        await (try SQLiteFloor(settings)).close()
        record.path = settings.path
        #expect(throws: StoreError.self) { try SQLiteStore(record) }
    }

    @Test func `many callers at once are all durable when they go on`() async throws {
        let floor = try SQLiteFloor(settings)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask { try await floor.raise(release(.block(UInt64(number), by: [validator(number % 7)]))) }
            }
            try await group.waitForAll()
        }
        let slots = try await floor.marks().compactMap(\.marks.slot?.value)
        #expect(slots == [399, 393, 394, 395, 396, 397, 398])
        await floor.close()
    }

    @Test func `a database that lies behind what was seen is a step back, whatever its timeline`() {
        let seen = DatabaseIdentity(system: "a", timeline: 2, position: 100)
        func now(_ system: String, _ timeline: UInt64, _ position: UInt64) -> Bool {
            DatabaseIdentity(system: system, timeline: timeline, position: position).isStepBack(from: seen)
        }
        #expect(!now("a", 2, 100) && !now("a", 2, 101) && !now("a", 3, 100))
        #expect(now("b", 2, 101) && now("a", 1, 101) && now("a", 2, 99) && now("a", 3, 99))
    }

    @Test func `the clock floor refuses what dirk's paragraph says`() {
        let floor = ClockFloor.marks(now: 100, clockGuardEpochs: 1, slotsPerEpoch: 32)
        #expect(floor == Watermarks(slot: Slot(102 * 32 - 1), source: 100, target: 101))
        // A guard that lets more through asks for more.
        #expect(ClockFloor.marks(now: 100, clockGuardEpochs: 2, slotsPerEpoch: 32).target == 102)
    }
}
