// SPDX-License-Identifier: Apache-2.0
import Consensus
import SlashingProtection
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct PruningTests {
    @Test(arguments: StoreKind.allCases) func `with one epoch of one slot exactly the newest block and vote remain`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) {
            $0.slotsPerEpoch = 1
        } _: { store async throws in
            for value in UInt64(1)...10 {
                _ = await store.decideOne(.block(value))
                _ = await store.decideOne(.attestation(value - 1, value))
            }
            let report = try await store.prune(keepEpochs: 1)
            #expect(report.blocks == 9 && report.attestations == 9 && report.validators == 1)
            let count = try await store.count()
            #expect(count.blocks == 1 && count.attestations == 1)
            #expect(await store.decideOne(.block(10)) == .repeated)
            #expect(await store.decideOne(.block(9)) == .refused(.belowLowWatermark(lowest: 10)))
            #expect(await store.decideOne(.attestation(8, 11)) == .refused(.belowLowWatermark(lowest: 9)))
        }
    }

    @Test(arguments: StoreKind.allCases) func `gaps in the history are fine and the newest record always stays`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) {
            $0.slotsPerEpoch = 4
        } _: { store async throws in
            for slot in [UInt64(0), 3, 17, 400] { _ = await store.decideOne(.block(slot)) }
            try await store.prune(keepEpochs: 2)
            #expect(try await store.count().blocks == 1)
            #expect(await store.decideOne(.block(399)).refusal != nil)
            try await store.prune(keepEpochs: 2)
            #expect(try await store.count().blocks == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func `records in the future are not counted from`(
        _ kind: StoreKind
    ) async throws {
        let clock = Clock(nil)
        try await withStore(kind) {
            $0.slotsPerEpoch = 1
            $0.latestEpoch = { clock.latest }
        } _: { store async throws in
            for value in UInt64(1)...10 { _ = await store.decideOne(.block(value)) }
            #expect(await store.decideOne(.block(1_000_000)) == .recorded)
            clock.set(12)
            let report = try await store.prune(keepEpochs: 5)
            #expect(report.implausible == 1 && report.blocks == 5)
            #expect(kind.mayAnswer(await store.decideOne(.block(11)), where: .recorded))
            clock.set(nil)
            #expect(await store.decideOne(.block(1_000_000)) == .repeated)
        }
    }

    @Test(arguments: StoreKind.allCases) func `a watermark above all records neither falls nor ends the run`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            for number in 0..<3 {
                _ = await store.decideOne(.block(5, by: [validator(number)]))
                _ = await store.decideOne(.attestation(1, 2, by: [validator(number)]))
            }
            try await store.raise(slot: 1_000, epoch: 100)
            let report = try await store.prune(keepEpochs: 1)
            #expect(report.blocks == 0 && report.attestations == 0)
            #expect(await store.decideOne(.block(999)).refusal != nil)
        }
    }

    @Test(arguments: StoreKind.allCases) func `pruning does not lift a low watermark above the high one`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) {
            $0.slotsPerEpoch = 1
        } _: { store async throws in
            for value in UInt64(1)...10 {
                _ = await store.decideOne(.block(value))
                _ = await store.decideOne(.attestation(value - 1, value))
            }
            try await store.setHighWatermark(slot: 5, epoch: 5)
            let report = try await store.prune(keepEpochs: 1)
            #expect(report.blocks == 0 && report.attestations == 0)
            let taken = try await store.take(Interchange(blocks: [RecordedBlock(3, root: 0)]))
            #expect(taken.everythingTaken)
            _ = try await store.administer(.setHighWatermark(nil))
            #expect(try await store.prune(keepEpochs: 1).blocks == 9)
        }
    }

    @Test(arguments: StoreKind.allCases) func `keeping nothing is refused`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            await #expect(throws: StoreError.self) { _ = try await store.prune(keepEpochs: 0) }
        }
    }
}
