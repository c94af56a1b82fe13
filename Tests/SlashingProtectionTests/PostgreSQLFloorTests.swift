// SPDX-License-Identifier: Apache-2.0
import Consensus
import PostgreSQLServer
import SlashingProtection
import TestSupport
import Testing

/// The floor over a PostgreSQL that is started again, set back, or made anew.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLFloorTests {
    // MARK: An older copy

    @Test func `a server that comes back with older data signs nothing until all floors are merged`() async throws {
        let rig = try await PostgreSQLFloorRig(instances: 4)
        await rig.live(20)
        let old = try await rig.copy("old")
        try await rig.waitUntilSigning()
        await rig.live(40)
        await rig.tend()
        try await rig.goBack(to: old)
        try await expectRecovery(rig)
    }

    @Test func `the same while all instances were down`() async throws {
        let rig = try await PostgreSQLFloorRig(instances: 4)
        await rig.live(20)
        let old = try await rig.copy("old")
        try await rig.waitUntilSigning()
        await rig.live(40)
        await rig.close()
        try await rig.goBack(to: old)
        try await rig.open()
        // Each knows at once: it holds its floor against the record when it starts.
        #expect(rig.alarms.count == 4)
        try await expectRecovery(rig)
    }

    /// The record lacks messages of every instance.
    private func expectRecovery(_ rig: PostgreSQLFloorRig) async throws {
        let before = rig.releasedCount
        for instance in 0..<4 {
            #expect(await rig.sign(rig.next(), instance).refusal != nil)
            #expect(await rig.sign(.block(9_000, by: [validator(77)]), instance).refusal != nil)
        }
        try await rig.waitForAlarms()
        for store in rig.stores {
            let alarm = try #require(store.alarm)
            #expect(store.health == .unusable(reason: alarm))
            // Both values.
            #expect(alarm.contains("released up to s") && alarm.contains("recorded up to s"), "\(alarm)")
        }
        await rig.live(40)
        await rig.expectTwinsRefused()
        #expect(rig.releasedCount == before)

        for instance in 0..<4 {
            let report = try await rig.stores[instance].reconcile(acceptingClockFloor: false)
            #expect(report.isCleared == (instance == 3) && report.missing.count == 3 - instance)
            if instance < 3 { #expect(await rig.sign(rig.next(), instance).refusal != nil) }
        }
        try await rig.waitForNoAlarms()
        await rig.expectTwinsRefused(last: .max)
        #expect(rig.releasedCount == before)
        try await rig.waitUntilSigning()
        #expect(rig.slashable == [])
        await rig.end()
    }

    @Test func `an instance that has let nothing out since the copy sees that the database lost writes`() async throws {
        let rig = try await PostgreSQLFloorRig(instances: 2)
        await rig.live(10)
        let old = try await rig.copy("old")
        try await rig.waitUntilSigning()
        // From here on only the first signs; the other looks at the database, as the daemon has it do.
        for _ in 0..<10 { await rig.sign(rig.next(), 0) }
        await rig.tend()
        let covered = try await rig.copy("covered")
        await rig.tend()
        await rig.tend()
        // It may have seen that the server was away, and not yet that it is back.
        for _ in 0..<10 { try await eventually("the first signs") { await rig.sign(rig.next(), 0).refusal == nil } }
        await rig.tend()
        try await rig.goBack(to: covered)
        try await rig.waitForAlarms()
        // Both values, of the marks or of the database, whichever was looked at first.
        let first = try #require(rig.stores[0].alarm)
        #expect(first.contains("released up to s") || first.contains("last seen was system"), "\(first)")
        let alarm = try #require(rig.stores[1].alarm)
        #expect(alarm.contains("last seen was system") && alarm.contains("now it is system"), "\(alarm)")
        try await rig.reconcile(in: [1, 0])

        // And still further back: both have merged in a recovery that the copy does not know.
        try await rig.goBack(to: old)
        try await rig.waitForAlarms()
        try await rig.reconcile(in: [0, 1])
        await rig.expectTwinsRefused(last: .max)
        try await rig.waitUntilSigning()
        #expect(rig.slashable == [])
        await rig.end()
    }

    /// Nobody looks after it and nobody asks it: the record tells it what it sees.
    @Test func `an instance that idles notices that the database lost what only another has signed`() async throws {
        let rig = try await PostgreSQLFloorRig(instances: 2)
        await rig.live(10)
        let old = try await rig.copy("old")
        for _ in 0..<10 {
            try await eventually("the first signs") { await rig.sign(rig.next(), 0).refusal == nil }
        }
        try await rig.waitUntilSeenByAll()
        // The only one that could miss something is gone.
        await rig.stores[0].close()
        try await rig.goBack(to: old)
        try await eventually("the other has an alarm") { rig.stores[1].alarm != nil }
        let alarm = try #require(rig.stores[1].alarm)
        #expect(alarm.contains("last seen was system") && alarm.contains("now it is system"), "\(alarm)")
        await rig.expectTwinsRefused(by: [1])
        await rig.end()
    }

    /// Until somebody notices, a record that went back takes messages, and whoever noticed meanwhile does not release them.
    /// What was let out before knows nothing of them.
    @Test func `what a record took that had gone back is not repeated once all is reconciled`() async throws {
        let rig = try await PostgreSQLFloorRig(instances: 2)
        // One that the steps of the rig do not name.
        let records = [validator(50)]
        #expect(await rig.sign(.attestation(1, 2, by: records), 0) == .recorded)
        let old = try await rig.copy("old")
        try await rig.waitUntilSigning()
        for batch: DutyBatch in [.attestation(5, 6, root: 1, by: records), .block(7, root: 1, by: records)] {
            #expect(await rig.sign(batch, 0) == .recorded)
        }
        try await rig.waitUntilSeenByAll()
        try await rig.goBack(to: old)
        // A vote around the one that was let out, and blocks: the record knows nothing that stands in their way.
        let taken: [DutyBatch] = [
            .attestation(4, 9, root: 2, by: records), .block(6, root: 2, by: records),
            .block(7, root: 2, by: records),
        ]
        let inner = try await rig.record.open()
        for batch in taken { #expect(await inner.decideOne(batch) == .recorded) }
        for instance in 0..<2 {
            try await eventually("instance \(instance) has an alarm") {
                await rig.stores[instance].tend()
                return rig.stores[instance].alarm != nil
            }
        }
        for instance in 0..<2 { _ = try await rig.stores[instance].reconcile(acceptingClockFloor: false) }
        try await rig.waitForNoAlarms()
        for instance in 0..<2 {
            for batch in taken { #expect(await rig.sign(batch, instance).refusal?.isUnsafe == true, "\(batch.duty)") }
        }
        #expect(rig.slashable == [])
        await inner.close()
        await rig.end()
    }

    // MARK: Retiring

    @Test func `an instance is retired with its floor, and the recovery goes on without it`() async throws {
        let rig = try await PostgreSQLFloorRig(instances: 3)
        await rig.live(12)
        let old = try await rig.copy("old")
        try await rig.waitUntilSigning()
        await rig.live(12)
        await rig.stores[2].close()
        try await rig.goBack(to: old)
        for instance in 0..<2 {
            try await eventually("instance \(instance) has an alarm") {
                await rig.stores[instance].tend()
                return rig.stores[instance].alarm != nil
            }
            _ = try await rig.stores[instance].reconcile(acceptingClockFloor: false)
        }
        let inner = try await rig.record.open()
        let list = InstanceList(try await Retirement.list(of: inner))
        let gone = try #require(list.instances.first { $0.isMissing })
        #expect(gone.name == "host-2" && list.instances.count == 3)
        let floor = try rig.floor(2)
        let report = try await Retirement(identifier: gone.identifier, source: .floor(floor)).perform(on: inner)
        #expect(report.missing.isEmpty && report.merged > 0)
        await floor.close()
        await inner.close()
        for instance in 0..<2 {
            try await eventually("instance \(instance) finds the end") {
                await rig.stores[instance].tend()
                return rig.stores[instance].alarm == nil
            }
        }
        await rig.expectTwinsRefused(by: [0, 1])
        #expect(rig.slashable == [])
        await rig.end()
    }

    // MARK: A restart

    @Test(arguments: [PostgreSQLServer.StopMode.fast, .immediate])
    func `a server that is only started again is compared again and raises no alarm`(
        mode: PostgreSQLServer.StopMode
    ) async throws {
        let server = try await PostgreSQLServer.started()
        let record = try await PostgreSQLRecord(on: server)
        let folder = try TemporaryFolder()
        let counting = CountingRecord(try await record.open { $0.poolSize = 6 })
        let floor = try SQLiteFloor(.init(path: folder.file("floor"), name: "here"))
        let store = FlooredStore(inner: counting, floor: floor)
        try await store.start()
        for round in UInt64(1)...4 {
            // Many at once, so that several connections are open, which must all come back.
            try await expectBurst(round * 10, by: store)
            let (generation, comparisons) = (store.connectionGeneration, counting.comparisons)
            await server.stop(mode)
            try await server.start()
            try await expectBurst(round * 10 + 5, by: store)
            // Then by every connection at the first asking.
            await expectNoRefusal(round * 10 + 6, by: store)
            #expect(store.connectionGeneration > generation)
            #expect(counting.comparisons > comparisons)
            #expect(store.alarm == nil && store.health == .ready)
            for key in 0..<40 {
                let twin = DutyBatch.block(round * 10, root: 7, by: [validator(key)])
                #expect(await store.decideOne(twin).refusal?.isUnsafe == true)
            }
        }
        await store.close()
        await server.stop()
    }

    /// Forty validators at once. Each may be told to ask again while the floor is compared, but not for ever.
    private func expectBurst(_ slot: UInt64, by store: FlooredStore) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for key in 0..<40 {
                group.addTask {
                    var last: Verdict?
                    do {
                        try await eventually("validator \(key) signs") {
                            last = await store.decideOne(.block(slot, by: [validator(key)]))
                            return last?.refusal == nil
                        }
                    } catch { throw WaitedInVain(description: "\(error): \(last.map { "\($0)" } ?? "")") }
                }
            }
            try await group.waitForAll()
        }
    }

    private func expectNoRefusal(_ slot: UInt64, by store: FlooredStore) async {
        await withTaskGroup(of: Verdict.self) { group in
            for key in 0..<40 { group.addTask { await store.decideOne(.block(slot, by: [validator(key)])) } }
            for await verdict in group where verdict.refusal != nil { Issue.record("slot \(slot): \(verdict)") }
        }
    }

    // MARK: Another database

    @Test func `a database that was dropped and made anew is an alarm`() async throws {
        let rig = try await PostgreSQLFloorRig(instances: 2)
        await rig.live(20)
        let before = rig.releasedCount
        try await rig.record.remove()
        _ = try await rig.server.createDatabase(rig.record.database)
        let fresh = try await rig.record.open()
        try await fresh.take(Interchange(genesisValidatorsRoot: network, validators: []))
        await fresh.close()
        await rig.live(20)
        try await rig.waitForAlarms()
        #expect(rig.alarms.allSatisfy { $0.contains("recorded up to nothing") }, "\(rig.alarms)")
        await rig.live(8)
        await rig.expectTwinsRefused()
        #expect(rig.releasedCount == before)
        // The new one knows nobody but who merges: each begins where the others are not known yet.
        try await rig.reconcile(in: [0, 1])
        await rig.expectTwinsRefused()
        try await rig.waitUntilSigning()
        #expect(rig.slashable == [])
        await rig.end()
    }

    // MARK: PgBouncer

    @Test func `behind PgBouncer a restart of the server is noticed, and older data are`() async throws {
        let server = try await PostgreSQLServer.started()
        let bouncer = try await PgBouncer.started(before: server)
        let rig = try await PostgreSQLFloorRig(instances: 2, on: server) { bouncer.url($0.database) }
        await rig.live(20)
        let generations = rig.stores.map(\.connectionGeneration)
        let old = try await rig.copy("old")
        try await rig.waitUntilSigning()
        for (store, generation) in zip(rig.stores, generations) {
            #expect(store.connectionGeneration > generation && store.alarm == nil)
        }
        await rig.live(20)
        await rig.tend()
        let before = rig.releasedCount
        try await rig.goBack(to: old)
        // Nobody asks for a signature: looking after the database is enough.
        try await rig.waitForAlarms()
        await rig.live(8)
        await rig.expectTwinsRefused()
        #expect(rig.releasedCount == before)
        try await rig.reconcile(in: [0, 1])
        try await rig.waitUntilSigning()
        await rig.expectTwinsRefused()
        #expect(rig.slashable == [])
        await rig.end()
    }

    /// A restart that nobody's signature meets: the connection to PgBouncer stays, what answers is another server.
    @Test func `behind PgBouncer a restart raises the generation without a message`() async throws {
        let server = try await PostgreSQLServer.started()
        let bouncer = try await PgBouncer.started(before: server)
        let rig = try await PostgreSQLFloorRig(instances: 1, on: server) { bouncer.url($0.database) }
        try await rig.waitUntilSigning()
        let generation = rig.stores[0].connectionGeneration
        await server.stop()
        try await server.start()
        try await eventually("the generation rises") {
            await rig.tend()
            return rig.stores[0].connectionGeneration > generation
        }
        try await rig.waitUntilSigning()
        #expect(rig.alarms == [])
        await rig.end()
    }
}
