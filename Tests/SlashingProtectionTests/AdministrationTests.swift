// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Consensus
import Foundation
import SQLite
import SlashingProtection
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ImportTests {
    @Test func `an import reports each validator and says whether everything was taken`() async throws {
        try await withStore { store async throws in
            #expect(await store.decideOne(.block(5, root: 1)) == .recorded)
            let file = Interchange(
                genesisValidatorsRoot: network,
                validators: [
                    ValidatorRecord(
                        publicKey: validator(0).publicKey,
                        blocks: [RecordedBlock(5, root: 1), RecordedBlock(6, root: 1)],
                        attestations: [RecordedAttestation(1, 2, root: 1)]
                    ),
                    ValidatorRecord(
                        publicKey: validator(1).publicKey,
                        blocks: [RecordedBlock(5), RecordedBlock(5)],
                        attestations: []
                    ),
                ]
            )
            let report = try await store.take(file)
            #expect(report.everythingTaken)
            #expect(report.validators.map(\.publicKey) == file.validators.map(\.publicKey.description))
            #expect(report.validators.map(\.blocksAdded) == [1, 1])
            #expect(report.validators.map(\.attestationsAdded) == [1, 0])
            #expect(report.validators.map(\.repeated) == [1, 1])
        }
    }

    @Test func `entries that contradict the record are merged so that less can be signed`() async throws {
        try await withStore { store async throws in
            #expect(await store.decideOne(.block(5, root: 1)) == .recorded)
            #expect(await store.decideOne(.attestation(1, 4, root: 1)) == .recorded)
            let report = try await store.take(
                Interchange(
                    blocks: [RecordedBlock(5, root: 2)],
                    attestations: [RecordedAttestation(1, 4, root: 2), RecordedAttestation(2, 4)]
                )
            )
            #expect(!report.everythingTaken)
            #expect(report.validators[0].outcome == .mergedStrictly)
            #expect(report.validators[0].conflicts == 3)
            for number in 1...2 {
                #expect(await store.decideOne(.block(5, root: number)) == .refused(.doubleBlock(slot: 5)))
                #expect(await store.decideOne(.attestation(1, 4, root: number)).refusal != nil)
            }
        }
    }

    @Test func `a dry run reports the same and changes nothing`() async throws {
        try await withStore { store async throws in
            let file = Interchange(
                blocks: [RecordedBlock(5), RecordedBlock(6)],
                attestations: [RecordedAttestation(1, 2)]
            )
            let dry = try await store.take(file, dryRun: true)
            #expect(dry.dryRun)
            #expect(dry.validators[0].blocksAdded == 2 && dry.validators[0].attestationsAdded == 1)
            let status = try await store.status()
            #expect(status.validators == 0 && status.blocks == 0 && status.attestations == 0)
            #expect(await store.decideOne(.block(5)) == .recorded)
            #expect(await store.decideOne(.attestation(0, 1)) == .recorded)
        }
    }

    @Test func `a file of another network changes nothing, even an empty one`() async throws {
        try await withStore { store async throws in
            var file = Interchange(blocks: [RecordedBlock(5)])
            file = Interchange(genesisValidatorsRoot: otherNetwork, validators: file.validators)
            await #expect(throws: StoreError.self) { try await store.take(file) }
            file.validators = []
            await #expect(throws: StoreError.self) { try await store.take(file) }
            #expect(try await store.status().validators == 0)
        }
    }

    @Test func `an import that would lift a low watermark above the high one fails for that validator`() async throws {
        try await withStore { store async throws in
            try await store.setHighWatermark(slot: 100, epoch: 10)
            let file = Interchange(
                genesisValidatorsRoot: network,
                validators: [
                    ValidatorRecord(publicKey: validator(0).publicKey, blocks: [RecordedBlock(101)], attestations: []),
                    ValidatorRecord(publicKey: validator(1).publicKey, blocks: [RecordedBlock(100)], attestations: []),
                    ValidatorRecord(
                        publicKey: validator(2).publicKey,
                        blocks: [],
                        attestations: [RecordedAttestation(9, 11)]
                    ),
                ]
            )
            let report = try await store.take(file)
            #expect(report.validators.map(\.outcome) == [.failed, .taken, .failed])
            #expect(!report.everythingTaken)
            #expect(try await store.status().blocks == 1)
        }
    }

    @Test func `a contradiction must not lift a low watermark above the high one either`() async throws {
        try await withStore { store async throws in
            try await store.setHighWatermark(slot: 100, epoch: 10)
            let file = Interchange(attestations: [
                RecordedAttestation(1, 2), RecordedAttestation(3, 20), RecordedAttestation(4, 20),
            ])
            let report = try await store.take(file)
            #expect(report.validators[0].outcome == .failed)
            #expect(report.validators[0].attestationsAdded == 0)
            #expect(try await store.status().attestations == 0)
            #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
        }
    }

    /// Each element may be minimal for itself: someone joined the files of two signers by hand.
    @Test func `two elements for one key raise the watermark as two files would`() async throws {
        let key = validator(0).publicKey
        let json = """
            {"metadata":{"interchange_format_version":"5","genesis_validators_root":"\(network)"},"data":[
            {"pubkey":"\(key)","signed_blocks":[{"slot":"20"}],"signed_attestations":[]},
            {"pubkey":"\(key)","signed_blocks":[{"slot":"50"}],"signed_attestations":[]}]}
            """
        try await withStore { store async throws in
            let report = try await store.take(try Interchange(json: Data(json.utf8)))
            #expect(report.everythingTaken)
            #expect(await store.decideOne(.block(30)) == .refused(.belowLowWatermark(lowest: 50)))
        }
    }

    @Test func `signing goes on during a long import`() async throws {
        try await withStore { store async throws in
            let validators = (1...2_000).map { number in
                ValidatorRecord(
                    publicKey: validator(number).publicKey,
                    blocks: (0..<5).map { RecordedBlock($0) },
                    attestations: []
                )
            }
            let done = Lock(false)
            async let report: ImportReport = {
                defer { done.withLock { $0 = true } }
                return try await store.take(Interchange(genesisValidatorsRoot: network, validators: validators))
            }()
            var signed = 0
            for slot in UInt64(1)... {
                if done.withLock({ $0 }) { break }
                #expect(await store.decideOne(.block(slot)) == .recorded)
                signed += 1
            }
            #expect(try await report.validators.count == 2_000)
            #expect(signed > 0)
        }
    }

    @Test func `one validator with very many entries takes time in proportion`() async throws {
        try await withStore { store async throws in
            let file = Interchange(
                blocks: (0..<40_000).map { RecordedBlock($0, root: 1) },
                attestations: (1..<40_000).map { RecordedAttestation($0 - 1, $0, root: 1) }
            )
            let report = try await store.take(file)
            #expect(report.validators[0].blocksAdded == 40_000)
            #expect(await store.decideOne(.attestation(39_999, 40_000)) == .recorded)
            let exported = try Interchange(json: try await store.give().json())
            #expect(exported.validators[0].attestations.count == 40_000)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct ExportTests {
    @Test func `export, import and export again give the same file`() async throws {
        try await withStore { store async throws in
            for number in 0..<5 {
                let record = [validator(number)]
                for value in UInt64(number)..<12 {
                    _ = await store.decideOne(.block(value * 3, root: Int(value), by: record))
                    _ = await store.decideOne(.attestation(value, value + 1, root: Int(value), by: record))
                }
            }
            try await store.prune(keepEpochs: 6)
            let first = try await store.give().json()
            try await withCopy(of: store) { copy async throws in
                #expect(try await copy.give().json() == first)
            }
        }
    }

    @Test func `an export carries watermarks that stand without a record`() async throws {
        try await withStore { store async throws in
            #expect(await store.decideOne(.block(3)) == .recorded)
            #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
            try await store.raise(slot: 100, epoch: 10)
            try await withCopy(of: store) { copy async throws in
                for slot in [UInt64(99), 100] { #expect(await copy.decideOne(.block(slot)).refusal != nil) }
                #expect(await copy.decideOne(.attestation(9, 11)).refusal != nil)
                #expect(await copy.decideOne(.attestation(10, 10)).refusal != nil)
                #expect(await copy.decideOne(.attestation(10, 11)) == .recorded)
                #expect(await copy.decideOne(.block(101)) == .recorded)
            }
        }
    }

    /// Such votes exist only in hostile or broken files, but a slashing needs nothing more than the signature.
    @Test func `a vote with its source after its target, below the watermark, still counts after an export`()
        async throws
    {
        try await withStore { store async throws in
            try await store.take(
                Interchange(attestations: [RecordedAttestation(8, 2), RecordedAttestation(1, 3)])
            )
            try await store.raise(epoch: 5)
            #expect(await store.decideOne(.attestation(6, 10)) == .refused(.surrounds(source: 8, target: 2)))
            try await withCopy(of: store) { copy async throws in
                #expect(await copy.decideOne(.attestation(6, 10)).refusal != nil)
                #expect(await copy.decideOne(.attestation(8, 10)) == .recorded)
            }
        }
    }

    @Test func `a vote at the watermark keeps its root in an export, so that it can be repeated`() async throws {
        try await withStore { store async throws in
            #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
            #expect(await store.decideOne(.attestation(4, 9, root: 7)) == .recorded)
            try await store.prune(keepEpochs: 1)
            try await withCopy(of: store) { copy async throws in
                #expect(await copy.decideOne(.attestation(4, 9, root: 7)) == .repeated)
            }
        }
    }

    @Test func `an export of some validators names only those`() async throws {
        try await withStore { store async throws in
            for number in 0..<4 { _ = await store.decideOne(.block(1, by: [validator(number)])) }
            let some = try await store.give(only: [validator(1), validator(3), validator(9)])
            #expect(some.validators.map(\.publicKey) == [validator(1).publicKey, validator(3).publicKey])
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct PruningTests {
    @Test func `with one epoch of one slot exactly the newest block and vote remain`() async throws {
        try await withStore {
            $0.slotsPerEpoch = 1
        } _: { store async throws in
            for value in UInt64(1)...10 {
                _ = await store.decideOne(.block(value))
                _ = await store.decideOne(.attestation(value - 1, value))
            }
            let report = try await store.prune(keepEpochs: 1)
            #expect(report.blocks == 9 && report.attestations == 9 && report.validators == 1)
            let status = try await store.status()
            #expect(status.blocks == 1 && status.attestations == 1)
            #expect(await store.decideOne(.block(10)) == .repeated)
            #expect(await store.decideOne(.block(9)) == .refused(.belowLowWatermark(lowest: 10)))
            #expect(await store.decideOne(.attestation(8, 11)) == .refused(.belowLowWatermark(lowest: 9)))
        }
    }

    @Test func `gaps in the history are fine and the newest record always stays`() async throws {
        try await withStore {
            $0.slotsPerEpoch = 4
        } _: { store async throws in
            for slot in [UInt64(0), 3, 17, 400] { _ = await store.decideOne(.block(slot)) }
            try await store.prune(keepEpochs: 2)
            #expect(try await store.status().blocks == 1)
            #expect(await store.decideOne(.block(399)).refusal != nil)
            try await store.prune(keepEpochs: 2)
            #expect(try await store.status().blocks == 1)
        }
    }

    @Test func `records in the future are not counted from`() async throws {
        let clock = Clock(nil)
        try await withStore {
            $0.slotsPerEpoch = 1
            $0.latestEpoch = { clock.latest }
        } _: { store async throws in
            for value in UInt64(1)...10 { _ = await store.decideOne(.block(value)) }
            #expect(await store.decideOne(.block(1_000_000)) == .recorded)
            clock.set(12)
            let report = try await store.prune(keepEpochs: 5)
            #expect(report.implausible == 1 && report.blocks == 5)
            #expect(await store.decideOne(.block(11)) == .recorded)
            clock.set(nil)
            #expect(await store.decideOne(.block(1_000_000)) == .repeated)
        }
    }

    @Test func `a watermark above all records neither falls nor ends the run`() async throws {
        try await withStore { store async throws in
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

    @Test func `pruning does not lift a low watermark above the high one`() async throws {
        try await withStore {
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

    @Test func `keeping nothing is refused`() async throws {
        try await withStore { store async throws in
            await #expect(throws: StoreError.self) { _ = try await store.prune(keepEpochs: 0) }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct WatermarkTests {
    @Test func `low watermarks only rise`() async throws {
        try await withStore { store async throws in
            _ = await store.decideOne(.block(5))
            #expect(try await store.raise(slot: 50, epoch: 5) == 1)
            #expect(try await store.raise(slot: 40, epoch: 4) == 0)
            #expect(await store.decideOne(.block(45)).refusal != nil)
        }
    }

    @Test func `a high watermark must lie above every low one, a low one not above the high one`() async throws {
        try await withStore { store async throws in
            _ = await store.decideOne(.block(50))
            _ = await store.decideOne(.attestation(5, 6))
            await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 50, epoch: 7) }
            await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 51, epoch: 6) }
            try await store.setHighWatermark(slot: 51, epoch: 7)
            await #expect(throws: StoreError.self) { try await store.raise(slot: 52) }
            await #expect(throws: StoreError.self) { try await store.raise(epoch: 8) }
            #expect(try await store.raise(slot: 51, epoch: 7) == 1)
            guard case .watermark(let mark) = try await store.administer(.highWatermark) else {
                throw UnexpectedAnswer()
            }
            #expect(mark == HighWatermark(slot: 51, epoch: 7))
        }
    }

    @Test func `a high watermark survives closing`() async throws {
        let folder = try TemporaryFolder()
        let settings = SQLiteStore.Settings(in: folder)
        let first = try SQLiteStore(settings)
        try await first.setHighWatermark(slot: 10, epoch: 1)
        await first.close()
        let second = try SQLiteStore(settings)
        #expect(await second.decideOne(.block(10)) == .refused(.beyondHighWatermark(highest: 10)))
        #expect(try await second.status().highWatermarkSlot == "10")
        await second.close()
    }

    @Test func `a disabled validator is refused`() async throws {
        let folder = try TemporaryFolder()
        let settings = SQLiteStore.Settings(in: folder)
        let first = try SQLiteStore(settings)
        #expect(await first.decideOne(.block(1)) == .recorded)
        await first.close()
        do {
            let connection = try Connection(path: settings.path, mode: .readWrite)
            try connection.execute("UPDATE validators SET enabled = 0")
        }
        let second = try SQLiteStore(settings)
        #expect(await second.decideOne(.block(1)) == .refused(.disabled))
        #expect(await second.decideOne(.attestation(0, 1)) == .refused(.disabled))
        #expect(try await second.status().disabled == 1)
        await second.close()
    }
}
