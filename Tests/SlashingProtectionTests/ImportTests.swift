// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct ImportTests {
    @Test(arguments: StoreKind.allCases) func `an import reports each validator and says whether everything was taken`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
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

    @Test(arguments: StoreKind.allCases)
    func `entries that contradict the record are merged so that less can be signed`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
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

    @Test(arguments: StoreKind.allCases) func `a dry run reports the same and changes nothing`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            let file = Interchange(
                blocks: [RecordedBlock(5), RecordedBlock(6)],
                attestations: [RecordedAttestation(1, 2)]
            )
            let dry = try await store.take(file, dryRun: true)
            #expect(dry.dryRun)
            #expect(dry.validators[0].blocksAdded == 2 && dry.validators[0].attestationsAdded == 1)
            let status = try await store.count()
            #expect(status.validators == 0 && status.blocks == 0 && status.attestations == 0)
            #expect(await store.decideOne(.block(5)) == .recorded)
            #expect(await store.decideOne(.attestation(0, 1)) == .recorded)
        }
    }

    @Test(arguments: StoreKind.allCases) func `a file of another network changes nothing, even an empty one`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            var file = Interchange(blocks: [RecordedBlock(5)])
            file = Interchange(genesisValidatorsRoot: otherNetwork, validators: file.validators)
            await #expect(throws: StoreError.self) { try await store.take(file) }
            file.validators = []
            await #expect(throws: StoreError.self) { try await store.take(file) }
            #expect(try await store.status().validators == 0)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `an import that would lift a low watermark above the high one fails for that validator`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
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
            #expect(try await store.count().blocks == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func `a contradiction must not lift a low watermark above the high one either`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            try await store.setHighWatermark(slot: 100, epoch: 10)
            let file = Interchange(attestations: [
                RecordedAttestation(1, 2), RecordedAttestation(3, 20), RecordedAttestation(4, 20),
            ])
            let report = try await store.take(file)
            #expect(report.validators[0].outcome == .failed)
            #expect(report.validators[0].attestationsAdded == 0)
            #expect(try await store.count().attestations == 0)
            #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
        }
    }

    /// Each element may be minimal for itself: someone joined the files of two signers by hand.
    @Test(arguments: StoreKind.allCases) func `two elements for one key raise the watermark as two files would`(
        _ kind: StoreKind
    ) async throws {
        let key = validator(0).publicKey
        let json = """
            {"metadata":{"interchange_format_version":"5","genesis_validators_root":"\(network)"},"data":[
            {"pubkey":"\(key)","signed_blocks":[{"slot":"20"}],"signed_attestations":[]},
            {"pubkey":"\(key)","signed_blocks":[{"slot":"50"}],"signed_attestations":[]}]}
            """
        try await withStore(kind) { store async throws in
            let report = try await store.take(try Interchange(json: Data(json.utf8)))
            #expect(report.everythingTaken)
            #expect(await store.decideOne(.block(30)) == .refused(.belowLowWatermark(lowest: 50)))
        }
    }

    @Test(arguments: StoreKind.allCases) func `signing goes on during a long import`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            let count = kind.fewer(2_000, 12)
            let validators = (1...count).map { number in
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
            #expect(try await report.validators.count == count)
            #expect(signed > 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func `one validator with very many entries takes time in proportion`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            let count = UInt64(kind.fewer(40_000, 250))
            let file = Interchange(
                blocks: (0..<count).map { RecordedBlock($0, root: 1) },
                attestations: (1..<count).map { RecordedAttestation($0 - 1, $0, root: 1) }
            )
            let report = try await store.take(file)
            #expect(report.validators[0].blocksAdded == Int(count))
            #expect(await store.decideOne(.attestation(count - 1, count)) == .recorded)
            let exported = try Interchange(json: try await store.give().json())
            #expect(exported.validators[0].attestations.count == Int(count))
        }
    }
}
