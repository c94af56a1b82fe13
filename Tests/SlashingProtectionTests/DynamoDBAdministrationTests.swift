// SPDX-License-Identifier: Apache-2.0
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// Import, export, pruning and watermarks of a record in DynamoDB.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(10))) struct DynamoDBAdministrationTests {
    private let history = Interchange(
        blocks: [RecordedBlock(5, root: 1), RecordedBlock(9)],
        attestations: [RecordedAttestation(1, 4, root: 1), RecordedAttestation(3, 8, root: 2)]
    )

    @Test func `an import moves the marks past all that it holds`() async throws {
        try await withTable { store async throws in
            let report = try await store.take(history)
            #expect(report.everythingTaken)
            #expect(report.validators[0].blocksAdded == 2 && report.validators[0].attestationsAdded == 2)
            #expect(await store.decideOne(.block(5, root: 1)) == .repeated)
            #expect(await store.decideOne(.block(7)) == .refused(.belowLowWatermark(lowest: 9)))
            #expect(await store.decideOne(.block(9)) == .refused(.doubleBlock(slot: 9)))
            #expect(await store.decideOne(.block(10)) == .recorded)
            #expect(await store.decideOne(.attestation(3, 8, root: 2)) == .repeated)
            #expect(await store.decideOne(.attestation(2, 9)) == .refused(.belowLowWatermark(lowest: 3)))
            #expect(await store.decideOne(.attestation(3, 9)) == .recorded)
        }
    }

    @Test func `a second import adds nothing, one that contradicts makes it stricter`() async throws {
        try await withTable { store async throws in
            try await store.take(history)
            let again = try await store.take(history)
            #expect(again.validators[0].repeated == 4 && again.validators[0].blocksAdded == 0)
            let other = Interchange(
                blocks: [RecordedBlock(5, root: 2), RecordedBlock(2, root: 1), RecordedBlock(2, root: 2)],
                attestations: [RecordedAttestation(2, 4, root: 1)]
            )
            let report = try await store.take(other)
            #expect(report.validators[0].outcome == .mergedStrictly && report.validators[0].conflicts == 3)
            for slot in [UInt64(2), 5] {
                for root in 1...2 { #expect(await store.decideOne(.block(slot, root: root)).refusal != nil) }
            }
            #expect(await store.decideOne(.attestation(1, 4, root: 1)).refusal != nil)
        }
    }

    @Test func `a long history is taken whole and given back`() async throws {
        try await withTable { store async throws in
            let blocks = (1...120).map { RecordedBlock($0, root: 1) }
            let attestations = (1...120).map { RecordedAttestation($0, $0 + 1, root: 1) }
            try await store.take(Interchange(blocks: blocks, attestations: attestations))
            let given = try #require(try await store.give().validators.first)
            #expect(given.blocks == blocks && given.attestations == attestations)
        }
    }

    @Test func `a rehearsal changes nothing`() async throws {
        try await withTable { store async throws in
            #expect(try await store.take(history, dryRun: true).validators[0].blocksAdded == 2)
            #expect(try await store.status().blocks == 0)
            #expect(await store.decideOne(.block(1)) == .recorded)
        }
    }

    @Test func `a file of another network is refused as a whole`() async throws {
        try await withTable { store async throws in
            let foreign = Interchange(genesisValidatorsRoot: otherNetwork, validators: history.validators)
            await #expect(throws: StoreError.self) { try await store.take(foreign) }
            #expect(try await store.status().validators == 0)
        }
    }

    @Test func `what the record refuses, an SQLite record refuses too after an import of its export`() async throws {
        try await withTable { store async throws in
            try await store.take(history)
            #expect(await store.decideOne(.block(12, root: 3)) == .recorded)
            #expect(await store.decideOne(.attestation(4, 10, root: 3)) == .recorded)
            try await store.raise(slot: 20, epoch: 12)
            try await store.take(Interchange(of: validator(1), blocks: [RecordedBlock(3)]))
            let exported = try await store.give()
            #expect(exported.validators.count == 2)
            #expect(try await store.give(only: [validator(1)]).validators.count == 1)
            try await withStore { copy async throws in
                try await copy.take(try Interchange(json: exported.json()))
                for slot in UInt64(0)...20 { #expect(await copy.decideOne(.block(slot, root: 9)).refusal != nil) }
                for target in UInt64(0)...12 {
                    for source in UInt64(0)...target {
                        #expect(await copy.decideOne(.attestation(source, target, root: 9)).refusal != nil)
                    }
                }
                #expect(await copy.decideOne(.attestation(12, 13)) == .recorded)
                #expect(await copy.decideOne(.block(21)) == .recorded)
            }
        }
    }

    @Test func `pruning keeps the newest and forgets only repeats`() async throws {
        try await withTable {
            $0.slotsPerEpoch = 4
        } _: { store async throws in
            for number in UInt64(1)...6 {
                #expect(await store.decideOne(.block(number * 4, root: 1)) == .recorded)
                #expect(await store.decideOne(.attestation(number, number + 1, root: 1)) == .recorded)
            }
            let report = try await store.prune(keepEpochs: 2)
            #expect(report.validators == 1 && report.blocks == 4 && report.attestations == 4)
            let status = try await store.status()
            #expect(status.blocks == 2 && status.attestations == 2 && status.validators == 1)
            #expect(await store.decideOne(.block(24, root: 1)) == .repeated)
            #expect(await store.decideOne(.block(4, root: 1)).refusal != nil)
            #expect(await store.decideOne(.attestation(1, 2, root: 1)).refusal != nil)
            #expect(try await store.prune(keepEpochs: 2) == PruningReport())
            await #expect(throws: StoreError.self) { try await store.prune(keepEpochs: 0) }
        }
    }

    @Test func `raised low watermarks count for all, also for those to come`() async throws {
        try await withTable { store async throws in
            #expect(await store.decideOne(.block(1)) == .recorded)
            #expect(try await store.raise(slot: 10, epoch: 3) == 1)
            for number in 0...1 {
                let by = [validator(number)]
                #expect(await store.decideOne(.block(10, by: by)) == .refused(.atLowWatermark(lowest: 10)))
                #expect(await store.decideOne(.block(11, by: by)) == .recorded)
                #expect(await store.decideOne(.attestation(2, 4, by: by)) == .refused(.belowLowWatermark(lowest: 3)))
                #expect(await store.decideOne(.attestation(3, 4, by: by)) == .recorded)
            }
            #expect(try await store.raise(slot: 5, epoch: 1) == 0)
        }
    }

    @Test func `the high watermark ends signing for all, also for those to come`() async throws {
        try await withTable { store async throws in
            #expect(await store.decideOne(.block(1)) == .recorded)
            try await store.setHighWatermark(slot: 10, epoch: 3)
            for number in 0...1 {
                let by = [validator(number)]
                #expect(await store.decideOne(.block(10, by: by)) == .refused(.beyondHighWatermark(highest: 10)))
                #expect(await store.decideOne(.block(9, by: by)) == .recorded)
                #expect(await store.decideOne(.attestation(1, 3, by: by)) == .refused(.beyondHighWatermark(highest: 3)))
                #expect(await store.decideOne(.attestation(1, 2, by: by)) == .recorded)
            }
            await #expect(throws: StoreError.self) { try await store.raise(slot: 11) }
            try await store.raise(slot: 9)
            await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 9, epoch: 9) }
            _ = try await store.administer(.setHighWatermark(nil))
            #expect(await store.decideOne(.block(10)) == .recorded)
            #expect(await store.decideOne(.block(10, by: [validator(2)])) == .recorded)
        }
    }

    @Test func `registering enters validators once`() async throws {
        try await withTable { store async throws in
            for _ in 0..<2 { _ = try await store.administer(.register((0..<250).map { validator($0) })) }
            let status = try await store.status()
            #expect(status.validators == 250 && status.backend == "dynamodb" && status.health == "ready")
        }
    }
}
