// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// A record that went back in time stops every key until it was reconciled.
@Suite(.timeLimit(.minutes(10))) struct FlooredStoreTests {
    @Test func `while nothing is wrong it answers as the record does`() async throws {
        var rig = try FloorRig()
        for _ in 0..<3 {
            try await rig.withStore { rig, store in
                #expect(store.health == .ready && store.alarm == nil)
                #expect(await store.decideOne(.block(1)) == (rig.released.isEmpty ? .recorded : .repeated))
                await rig.sign(.block(1), with: store)
                #expect(await store.decideOne(.block(1, root: 5)) == .refused(.doubleBlock(slot: 1)))
                await rig.live(10...30, with: store)
            }
        }
    }

    @Test func `a record replaced by an older copy signs nothing until it was reconciled`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in await rig.live(1...20, with: store) }
        let old = try rig.backUp()
        try await rig.withStore { rig, store in await rig.live(21...60, with: store) }
        try rig.restore(old)
        for _ in 0..<2 {
            // The alarm is told again after a restart.
            try await rig.withStore { rig, store in
                let alarm = try #require(store.alarm)
                #expect(store.health == .unusable(reason: alarm))
                #expect(try await store.status().health == alarm)
                #expect(alarm.contains("went back in time") && alarm.contains("reconcile"))
                #expect(alarm.contains("of 4 validators") || alarm.contains("for 4 validators"))
                // Both values, and whose.
                #expect(alarm.contains("\(validator(1))"))
                #expect(alarm.contains("released up to slot") && alarm.contains("recorded up to slot"))
                let before = rig.released.count
                await rig.live(21...100, with: store)
                await rig.sign(.block(9_000, by: [validator(77)]), with: store)
                #expect(rig.released.count == before)
                let refusal = await store.decideOne(.step(61)).refusal
                #expect(refusal?.code == "slashing_protection_unavailable")
            }
        }
        try await rig.withStore { rig, store in
            let report = try await store.reconcile(acceptingClockFloor: false)
            #expect(report.isCleared && report.merged == 4 && report.raised == 4 && report.missing.isEmpty)
            #expect(store.alarm == nil)
            await rig.expectTwinsRefused(by: store)
            #expect(store.health == .ready)
            #expect(await rig.sign(.step(100), with: store) == .recorded)
        }
        try await rig.withStore { rig, store in
            #expect(store.alarm == nil)
            await rig.expectTwinsRefused(by: store)
            #expect(await rig.sign(.step(101), with: store) == .recorded)
        }
    }

    @Test func `reconciling raises slot, source and target, so that nothing surrounds what was lost`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in await rig.sign(.attestation(1, 2), with: store) }
        let old = try rig.backUp()
        try await rig.withStore { rig, store in
            await rig.sign(.attestation(10, 11), with: store)
            await rig.sign(.block(400), with: store)
        }
        try rig.restore(old)
        try await rig.withStore { rig, store in
            _ = try await store.reconcile(acceptingClockFloor: false)
            // Surrounds the lost vote, with a later target: only the source says so.
            #expect(await rig.sign(.attestation(9, 12), with: store).refusal?.isUnsafe == true)
            #expect(await rig.sign(.attestation(10, 11, root: 7), with: store).refusal?.isUnsafe == true)
            #expect(await rig.sign(.block(400, root: 7), with: store).refusal?.isUnsafe == true)
            #expect(await rig.sign(.attestation(10, 12), with: store) == .recorded)
            #expect(await rig.sign(.block(401), with: store) == .recorded)
        }
    }

    @Test func `an empty record in the place of a lost one is noticed`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in await rig.live(1...20, with: store) }
        try rig.restore([:])
        try await rig.withStore { rig, store in
            #expect(store.alarm?.contains("recorded up to nothing") == true)
            #expect(await rig.sign(.step(50), with: store).refusal != nil)
            _ = try await store.reconcile(acceptingClockFloor: false)
            await rig.expectTwinsRefused(by: store)
            #expect(await rig.sign(.step(50), with: store) == .recorded)
        }
    }

    /// What lies above hides nothing: another signer may have gone on with the restored record.
    @Test func `later messages of another signer do not cover what was lost`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in await rig.sign(.block(1), with: store) }
        let old = try rig.backUp()
        try await rig.withStore { rig, store in await rig.sign(.block(5), with: store) }
        try rig.restore(old)
        let other = try SQLiteStore(rig.record)
        #expect(await other.decideOne(.block(6)) == .recorded)
        await other.close()
        try await rig.withStore { _, store in
            #expect(store.alarm?.contains("released up to slot 5, recorded up to slot 6") == true)
        }
    }

    @Test func `pruning and imports that never weaken raise no alarm`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in
            await rig.live(1...200, with: store)
            try await store.prune(keepEpochs: 1)
            try await store.take(
                Interchange(of: validator(1), blocks: [RecordedBlock(49, root: 3), RecordedBlock(80)])
            )
        }
        try await rig.withStore { rig, store in
            #expect(store.alarm == nil)
            await rig.expectTwinsRefused(by: store)
        }
    }

    // MARK: First start and lost floor

    @Test func `the first floor of a record with history is no alarm`() async throws {
        var rig = try FloorRig()
        let bare = try SQLiteStore(rig.record)
        #expect(await bare.decideOne(.block(1)) == .recorded)
        await bare.close()
        try await rig.withStore { rig, store in
            #expect(store.alarm == nil)
            #expect(await rig.sign(.block(2), with: store) == .recorded)
        }
    }

    @Test func `a floor that is gone is an alarm that only the clock floor ends`() async throws {
        var rig = try FloorRig()
        rig.settings.clockFloor = { Watermarks(slot: 1_000, source: 30, target: 31) }
        try await rig.withStore { rig, store in await rig.live(1...20, with: store) }
        try rig.removeFloor()
        try await rig.withStore { rig, store in
            #expect(store.alarm?.contains("floor of this instance is gone") == true)
            #expect(await rig.sign(.step(21), with: store).refusal != nil)
            let without = try await store.reconcile(acceptingClockFloor: false)
            #expect(!without.isCleared && without.missing.map(\.name) == ["here"])
            #expect(await rig.sign(.step(22), with: store).refusal != nil)
        }
        try await rig.withStore { rig, store in
            #expect(store.alarm != nil)
            let with = try await store.reconcile(acceptingClockFloor: true)
            #expect(with.isCleared && with.clockFloor == "slot 1000, source 30, target 31")
            for key in [validator(1), validator(500)] {
                #expect(await store.decideOne(.block(1_000, root: 3, by: [key])).refusal != nil)
                #expect(await store.decideOne(.block(1_001, root: 3, by: [key])) == .recorded)
                #expect(await store.decideOne(.attestation(29, 40, root: 3, by: [key])).refusal != nil)
                #expect(await store.decideOne(.attestation(30, 31, root: 3, by: [key])).refusal != nil)
            }
            #expect(await store.decideOne(.attestation(30, 32, root: 3, by: [validator(1)])) == .recorded)
        }
        try await rig.withStore { _, store in #expect(store.alarm == nil) }
    }

    @Test func `without a clock guard there is no clock floor`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in await rig.live(1...20, with: store) }
        try rig.removeFloor()
        try await rig.withStore { _, store in
            await #expect(throws: StoreError.self) { try await store.reconcile(acceptingClockFloor: true) }
            #expect(store.alarm != nil)
        }
    }

    @Test func `where history is expected an empty record does not start, and a missing floor is an alarm`()
        async throws
    {
        var rig = try FloorRig()
        rig.settings.expectsHistory = true
        let error = await #expect(throws: StoreError.self) { try await rig.open() }
        #expect(error?.description.contains("expect_history") == true)
        try rig.removeFloor()
        let bare = try SQLiteStore(rig.record)
        #expect(await bare.decideOne(.block(1)) == .recorded)
        await bare.close()
        try await rig.withStore { _, store in
            #expect(store.alarm?.contains("expect_history") == true)
            let report = try await store.reconcile(acceptingClockFloor: false)
            #expect(report.isCleared)
        }
        try await rig.withStore { _, store in #expect(store.alarm == nil) }
    }

    @Test func `there is nothing to reconcile where nothing is wrong`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in
            await rig.live(1...20, with: store)
            let report = try await store.reconcile(acceptingClockFloor: false)
            #expect(report.isCleared && report.recovery == "0" && report.raised == 0)
            #expect(await rig.sign(.step(10), with: store).refusal == nil)
        }
    }

    @Test func `a floor above the high watermark waits until that is cleared`() async throws {
        var rig = try FloorRig()
        try await rig.withStore { rig, store in await rig.live(1...20, with: store) }
        let old = try rig.backUp()
        try await rig.withStore { rig, store in await rig.sign(.block(500), with: store) }
        try rig.restore(old)
        try await rig.withStore { rig, store in
            try await store.setHighWatermark(slot: 100, epoch: 100)
            let error = await #expect(throws: StoreError.self) {
                _ = try await store.reconcile(acceptingClockFloor: false)
            }
            #expect(error?.description.contains("--clear-high") == true)
            #expect(store.alarm != nil)
            _ = try await store.administer(.setHighWatermark(nil))
            let report = try await store.reconcile(acceptingClockFloor: false)
            #expect(report.isCleared)
            await rig.expectTwinsRefused(by: store)
        }
    }
}
