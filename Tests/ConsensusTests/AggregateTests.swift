// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Testing

/// Which of its three containers an aggregate is hashed as.
@Suite struct AggregateTests {
    private let gloasNetwork: Network
    private let root = Root(Bytes())

    init() throws { gloasNetwork = try Network.mainnet.overriding(forkEpochs: [.gloas: 600_000]) }

    private func request(
        epoch: UInt64,
        version: Fork?,
        committeeBits: [UInt8]?,
        aggregationBits: [UInt8] = [0x05],
        current: UInt32 = 0x0500_0000
    ) throws -> SigningRequest {
        let checkpoint = Checkpoint(epoch: Epoch(epoch), root: root)
        let data = AttestationData(
            slot: Slot(epoch * 32),
            index: 0,
            beaconBlockRoot: root,
            source: checkpoint,
            target: checkpoint
        )
        let aggregate = Attestation(
            aggregationBits: try #require(BitList(serialized: aggregationBits)),
            data: data,
            signature: Signature(Bytes()),
            committeeBits: committeeBits.map { BitVector(serialized: $0) }
        )
        let proof = AggregateAndProof(
            aggregatorIndex: 1,
            aggregate: aggregate,
            selectionProof: Signature(Bytes()),
            version: version
        )
        let forkInfo = ForkInfo(
            previousVersion: ForkVersion(current),
            currentVersion: ForkVersion(current),
            epoch: 0,
            genesisValidatorsRoot: root
        )
        return SigningRequest(.aggregateAndProofV2, forkInfo: forkInfo, message: .aggregateAndProof(proof))
    }

    private let bits: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    private let electra: UInt64 = 364_032

    @Test func `committee bits alone mean Electra whatever the network says`() throws {
        let named = try request(epoch: 10, version: .electra, committeeBits: bits)
        let unnamed = try request(epoch: 10, version: nil, committeeBits: bits)
        let plain = try request(epoch: 10, version: nil, committeeBits: nil)
        #expect(try named.signingRoot(on: .mainnet) == unnamed.signingRoot(on: .mainnet))
        #expect(try plain.signingRoot(on: .mainnet) != unnamed.signingRoot(on: .mainnet))
    }

    @Test func `the version decides over committee bits`() throws {
        let named = try request(epoch: electra, version: .deneb, committeeBits: bits)
        let plain = try request(epoch: electra, version: .deneb, committeeBits: nil)
        #expect(try named.signingRoot(on: .mainnet) == plain.signingRoot(on: .mainnet))
    }

    @Test func `Gloas is told by the schedule or by the reported version`() throws {
        let named = try request(epoch: 600_000, version: .gloas, committeeBits: bits)
        let scheduled = try request(epoch: 600_000, version: nil, committeeBits: bits)
        #expect(try named.signingRoot(on: .mainnet) == scheduled.signingRoot(on: gloasNetwork))
        #expect(try named.signingRoot(on: .mainnet) != scheduled.signingRoot(on: .mainnet))
        let reported = try request(epoch: 600_000, version: nil, committeeBits: bits, current: 0x0700_0000)
        let namedToo = try request(epoch: 600_000, version: .gloas, committeeBits: bits, current: 0x0700_0000)
        #expect(try reported.signingRoot(on: .mainnet) == namedToo.signingRoot(on: .mainnet))
    }

    @Test func `an aggregate of Electra without committee bits is refused`() throws {
        for version in [Fork.electra, nil] {
            let request = try request(epoch: electra, version: version, committeeBits: nil)
            #expect(throws: SigningRequestError.missingCommitteeBits(Slot(electra * 32))) {
                try request.signingRoot(on: .mainnet)
            }
        }
    }

    @Test func `the sizes are those of the network`() throws {
        let mainnetBits = try request(epoch: 10, version: .electra, committeeBits: bits)
        #expect(throws: SigningRequestError.wrongLength(field: "committee_bits", bytes: 8, expected: 1)) {
            try mainnetBits.signingRoot(on: KnownNetwork.minimal.network)
        }
        let long = [UInt8](repeating: 0, count: 256) + [2]
        let tooLong = try request(epoch: 10, version: .deneb, committeeBits: nil, aggregationBits: long)
        #expect(throws: SigningRequestError.overLimit(field: "aggregation_bits", count: 2049, limit: 2048)) {
            try tooLong.signingRoot(on: .mainnet)
        }
    }
}
