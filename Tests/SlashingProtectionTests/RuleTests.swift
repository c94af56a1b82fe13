// SPDX-License-Identifier: Apache-2.0
import Consensus
import SlashingProtection
import TestSupport
import Testing

/// Each numbered rule once, through the store, with the reason it gives.
@Suite(.timeLimit(.minutes(10))) struct RuleTests {
    @Test(arguments: StoreKind.allCases) func `another network is refused before anything else`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            let verdict = await store.decideOne(.block(5, on: otherNetwork))
            #expect(verdict == .refused(.otherNetwork(pinned: network, offered: otherNetwork)))
            #expect(await store.decideOne(.block(5, root: 1)) == .recorded)
        }
    }

    @Test(arguments: StoreKind.allCases) func `a second block at the same slot is refused, the same one is repeated`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(5, root: 1)) == .recorded)
            #expect(await store.decideOne(.block(5, root: 1)) == .repeated)
            #expect(await store.decideOne(.block(5, root: 2)) == .refused(.doubleBlock(slot: 5)))
        }
    }

    @Test(arguments: StoreKind.allCases) func `an unused slot above the low watermark may be signed`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(5)) == .recorded)
            #expect(await store.decideOne(.block(9)) == .recorded)
            #expect(kind.mayAnswer(await store.decideOne(.block(7)), where: .recorded))
            let below = await store.decideOne(.block(4))
            #expect(kind.mayAnswer(below, where: .refused(.belowLowWatermark(lowest: 5))))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `double votes and surround votes are refused with the record they contradict`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.attestation(2, 3, root: 1)) == .recorded)
            #expect(await store.decideOne(.attestation(4, 8, root: 1)) == .recorded)
            #expect(await store.decideOne(.attestation(4, 8, root: 1)) == .repeated)
            #expect(await store.decideOne(.attestation(4, 8, root: 2)) == .refused(.doubleVote(target: 8)))
            #expect(await store.decideOne(.attestation(5, 8, root: 1)) == .refused(.doubleVote(target: 8)))
            let inner = await store.decideOne(.attestation(5, 7))
            #expect(kind.mayAnswer(inner, where: .refused(.surroundedBy(source: 4, target: 8))))
            let outer = await store.decideOne(.attestation(3, 9))
            #expect(kind.mayAnswer(outer, where: .refused(.surrounds(source: 4, target: 8))))
            #expect(kind.mayAnswer(await store.decideOne(.attestation(3, 4)), where: .recorded))
            #expect(await store.decideOne(.attestation(4, 9)) == .recorded)
        }
    }

    @Test(arguments: StoreKind.allCases) func `source and target below the first vote are refused`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.attestation(5, 6)) == .recorded)
            #expect(await store.decideOne(.attestation(4, 9)) == .refused(.belowLowWatermark(lowest: 5)))
            #expect(await store.decideOne(.attestation(5, 5)) == .refused(.belowLowWatermark(lowest: 6)))
        }
    }

    @Test(arguments: StoreKind.allCases) func `a source later than the target is refused, an equal one is not`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.attestation(6, 5)) == .refused(.sourceAfterTarget))
            #expect(await store.decideOne(.attestation(0, 0)) == .recorded)
            #expect(await store.decideOne(.attestation(1, 1)) == .recorded)
        }
    }

    @Test(arguments: StoreKind.allCases) func `what is at or beyond the high watermark is refused for all validators`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            try await store.setHighWatermark(slot: 100, epoch: 10)
            #expect(await store.decideOne(.block(100)) == .refused(.beyondHighWatermark(highest: 100)))
            #expect(await store.decideOne(.block(99, by: [validator(7)])) == .recorded)
            #expect(await store.decideOne(.attestation(9, 10)) == .refused(.beyondHighWatermark(highest: 10)))
            #expect(await store.decideOne(.attestation(8, 9)) == .recorded)
            _ = try await store.administer(.setHighWatermark(nil))
            #expect(await store.decideOne(.block(100)) == .recorded)
        }
    }

    @Test(arguments: StoreKind.allCases) func `a duty ahead of the clock is refused until the clock gets there`(
        _ kind: StoreKind
    ) async throws {
        let clock = Clock(2)
        try await withStore(kind) {
            $0.latestEpoch = { clock.latest }
            $0.slotsPerEpoch = 32
        } _: { store async throws in
            #expect(await store.decideOne(.block(96)) == .refused(.aheadOfClock(duty: 3, latest: 2)))
            #expect(await store.decideOne(.block(95)) == .recorded)
            #expect(await store.decideOne(.attestation(1, 3)) == .refused(.aheadOfClock(duty: 3, latest: 2)))
            #expect(await store.decideOne(.attestation(.max, 2)).refusal != nil)
            clock.set(3)
            #expect(await store.decideOne(.block(96)) == .recorded)
            #expect(await store.decideOne(.attestation(1, 3)) == .recorded)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `exactly at a raised watermark nothing is signed but the recorded message`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(9, root: 1)) == .recorded)
            #expect(await store.decideOne(.attestation(3, 9, root: 1)) == .recorded)
            #expect(try await store.raise(slot: 10, epoch: 10) == 1)
            #expect(await store.decideOne(.block(10)) == .refused(.atLowWatermark(lowest: 10)))
            #expect(await store.decideOne(.attestation(10, 10)) == .refused(.atLowWatermark(lowest: 10)))
            #expect(await store.decideOne(.block(9, root: 1)) == .repeated)
            #expect(await store.decideOne(.attestation(3, 9, root: 1)) == .repeated)
            #expect(await store.decideOne(.block(11)) == .recorded)
            #expect(await store.decideOne(.attestation(10, 11)) == .recorded)
        }
    }

    @Test(arguments: [0, 1 << 63 - 1] as [UInt64], StoreKind.allCases)
    func `the smallest and the largest number that can be recorded`(number: UInt64, kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(number, root: 1)) == .recorded)
            #expect(await store.decideOne(.block(number, root: 1)) == .repeated)
            #expect(await store.decideOne(.block(number, root: 2)) == .refused(.doubleBlock(slot: Slot(number))))
            #expect(await store.decideOne(.attestation(number, number, root: 1)) == .recorded)
            #expect(await store.decideOne(.attestation(number, number, root: 2)).refusal != nil)
            let exported = try await store.give()
            #expect(exported.validators[0].blocks == [RecordedBlock(number, root: 1)])
            #expect(exported.validators[0].attestations == [RecordedAttestation(number, number, root: 1)])
            try await store.prune(keepEpochs: 1)
            try await store.prune(keepEpochs: .max)
            #expect(await store.decideOne(.block(number, root: 1)) == .repeated)
        }
    }

    @Test(arguments: [1 << 63, .max] as [UInt64], StoreKind.allCases)
    func `numbers of 63 bits and more are refused everywhere`(number: UInt64, kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(number)) == .refused(.notRecordable(value: number)))
            #expect(await store.decideOne(.attestation(1, number)) == .refused(.notRecordable(value: number)))
            #expect(await store.decideOne(.attestation(number, 1)) == .refused(.notRecordable(value: number)))
            await #expect(throws: StoreError.self) { try await store.raise(slot: number) }
            await #expect(throws: StoreError.self) { try await store.raise(epoch: number) }
            await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: number, epoch: 1) }
            await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 1, epoch: number) }
            let report = try await store.take(Interchange(blocks: [RecordedBlock(number)]))
            #expect(report.validators[0].outcome == .failed)
            #expect(try await store.count().blocks == 0)
        }
    }

    @Test func `every refusal has a stable code and a sentence`() {
        let all: [Refusal] = [
            .otherNetwork(pinned: network, offered: otherNetwork), .disabled, .aheadOfClock(duty: 1, latest: 0),
            .beyondHighWatermark(highest: 1), .sourceAfterTarget, .notRecordable(value: 1),
            .belowLowWatermark(lowest: 1), .atLowWatermark(lowest: 1), .doubleBlock(slot: 1), .doubleVote(target: 1),
            .surroundedBy(source: 1, target: 2), .surrounds(source: 1, target: 2), .notCheckable(reason: "x"),
        ]
        #expect(Set(all.map(\.description)).count == all.count)
        #expect(all.allSatisfy { !$0.code.isEmpty && $0.code.allSatisfy { $0.isLowercase || $0 == "_" } })
        #expect(all.filter { !$0.isUnsafe } == [.notCheckable(reason: "x")])
    }
}
