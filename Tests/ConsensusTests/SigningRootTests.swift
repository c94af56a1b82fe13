// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Testing

/// The rules that choose domain and container, where no public vector reaches.
@Suite struct SigningRootTests {
    private let root = Root(Bytes<32>([UInt8](1...32)) ?? Bytes())
    private let capella = ForkVersion(0x0300_0000)
    private let deneb = ForkVersion(0x0400_0000)
    private let electra = ForkVersion(0x0500_0000)

    private func info(_ previous: ForkVersion, _ current: ForkVersion, _ epoch: Epoch) -> ForkInfo {
        ForkInfo(previousVersion: previous, currentVersion: current, epoch: epoch, genesisValidatorsRoot: root)
    }

    private func exitRoot(_ epoch: Epoch, under version: ForkVersion) -> SigningRoot {
        let exit = VoluntaryExit(epoch: epoch, validatorIndex: 7)
        return SigningRoot(
            of: Root(exit.hashTreeRoot()),
            domain: Domain(.voluntaryExit, version: version, genesisValidatorsRoot: root)
        )
    }

    private func exit(_ epoch: Epoch, _ info: ForkInfo, claims: SigningRoot? = nil) -> SigningRequest {
        SigningRequest(
            .voluntaryExit,
            forkInfo: info,
            message: .voluntaryExit(VoluntaryExit(epoch: epoch, validatorIndex: 7)),
            claimedSigningRoot: claims
        )
    }

    @Test func `an exit under Deneb or later takes the version of Capella`() throws {
        let old: Epoch = 100
        for request in [exit(old, info(deneb, electra, 364_032)), exit(269_568, info(capella, capella, 269_568))] {
            guard case .voluntaryExit(let message) = request.message else { continue }
            #expect(try request.signingRoot(on: .mainnet) == exitRoot(message.epoch, under: capella))
        }
    }

    @Test func `the reported version alone tells that Deneb has begun`() throws {
        // A network whose forks have versions but no dates, as `minimal` without overrides.
        let minimal = KnownNetwork.minimal.network
        let request = exit(5, info(ForkVersion(0x0300_0001), ForkVersion(0x0400_0001), 3))
        #expect(try request.signingRoot(on: minimal) == exitRoot(5, under: ForkVersion(0x0300_0001)))
    }

    @Test func `an exit before Deneb takes the version of its epoch`() throws {
        let bellatrix = ForkVersion(0x0200_0000)
        let fork = info(bellatrix, capella, 194_048)
        #expect(try exit(194_047, fork).signingRoot(on: .mainnet) == exitRoot(194_047, under: bellatrix))
        #expect(try exit(194_048, fork).signingRoot(on: .mainnet) == exitRoot(194_048, under: capella))
    }

    @Test func `the older root of an exit is signed only for a client that names it`() throws {
        let fork = info(deneb, electra, 364_032)
        let older = exitRoot(364_040, under: electra)
        #expect(try exit(364_040, fork).signingRoot(on: .mainnet) == exitRoot(364_040, under: capella))
        #expect(try exit(364_040, fork, claims: older).signingRoot(on: .mainnet) == older)
        #expect(throws: SigningRequestError.self) {
            try exit(364_040, fork, claims: exitRoot(364_040, under: ForkVersion(9))).signingRoot(on: .mainnet)
        }
    }

    @Test func `another claimed root than ours is refused`() throws {
        let claim = SigningRoot(Bytes())
        let request = SigningRequest(
            .randaoReveal,
            forkInfo: info(capella, deneb, 1),
            message: .randaoReveal(3),
            claimedSigningRoot: claim
        )
        let computed = SigningRoot(
            of: Root(NaiveSSZ.pack([3])[0]),
            domain: Domain(.randao, version: deneb, genesisValidatorsRoot: root)
        )
        #expect(throws: SigningRequestError.signingRootMismatch(claimed: claim, computed: computed)) {
            try request.signingRoot(on: .mainnet)
        }
    }

    @Test func `fork_info is needed where it takes part`() {
        let request = SigningRequest(.randaoReveal, forkInfo: nil, message: .randaoReveal(3))
        #expect(throws: SigningRequestError.missingForkInfo(.randaoReveal)) {
            try request.signingRoot(on: .mainnet)
        }
    }

    @Test func `a request belongs to a chain only where fork_info takes part`() {
        let fork = info(capella, deneb, 1)
        #expect(SigningRequest(.randaoReveal, forkInfo: fork, message: .randaoReveal(3)).genesisValidatorsRoot == root)
        let auth = BuilderRequestAuth(data: [1], slot: 1)
        let request = SigningRequest(.builderRequestAuth, forkInfo: fork, message: .builderRequestAuth(auth))
        #expect(request.genesisValidatorsRoot == nil)
    }

    @Test func `a builder request signs under the genesis version and the zero root`() throws {
        let auth = BuilderRequestAuth(data: [UInt8](0..<40), slot: 9)
        let request = SigningRequest(.builderRequestAuth, forkInfo: nil, message: .builderRequestAuth(auth))
        let data = NaiveSSZ.mixInLength(NaiveSSZ.merkleize(NaiveSSZ.pack([UInt8](0..<40)), limit: 128), 40)
        let object = NaiveSSZ.merkleize([data, NaiveSSZ.pack([9])[0]], limit: 2)
        let domain = Domain(
            .builderRequestAuth,
            version: ForkVersion(0x9000_0069),
            genesisValidatorsRoot: .zero
        )
        #expect(domain.description.hasPrefix("0x0b000001"))
        let sepolia = KnownNetwork.sepolia.network
        #expect(try request.signingRoot(on: sepolia) == SigningRoot(of: Root(object), domain: domain))
        let long = BuilderRequestAuth(data: [UInt8](repeating: 0, count: 4097), slot: 9)
        #expect(throws: SigningRequestError.overLimit(field: "data", count: 4097, limit: 4096)) {
            try SigningRequest(.builderRequestAuth, forkInfo: nil, message: .builderRequestAuth(long))
                .signingRoot(on: sepolia)
        }
    }

    @Test func `a sync committee before Altair does not exist`() {
        let request = SigningRequest(
            .syncCommitteeMessage,
            forkInfo: info(capella, deneb, 1),
            message: .syncCommitteeMessage(SyncCommitteeMessage(beaconBlockRoot: root, slot: 31))
        )
        #expect(throws: SigningRequestError.noSyncCommittees(.syncCommitteeMessage, 31)) {
            try request.signingRoot(on: .mainnet)
        }
    }

    @Test func `preferences for a slot beyond the next fork take the version of the schedule`() throws {
        let network = try Network.mainnet.overriding(forkEpochs: [.gloas: 500_000])
        let fulu = info(electra, ForkVersion(0x0600_0000), 411_392)
        let preferences = ProposerPreferences(
            dependentRoot: root,
            proposalSlot: Slot(500_000 * 32),
            validatorIndex: 1,
            feeRecipient: Bytes(),
            targetGasLimit: 1
        )
        let request = SigningRequest(
            .proposerPreferences,
            forkInfo: fulu,
            message: .proposerPreferences(preferences)
        )
        func expected(_ version: UInt32) -> SigningRoot {
            SigningRoot(
                of: Root(preferences.hashTreeRoot()),
                domain: Domain(
                    .proposerPreferences,
                    version: ForkVersion(version),
                    genesisValidatorsRoot: root
                )
            )
        }
        #expect(try request.signingRoot(on: network) == expected(0x0700_0000))
        #expect(try request.signingRoot(on: .mainnet) == expected(0x0600_0000))
    }

    @Test func `duties are what can be slashed`() {
        let header = BeaconBlockHeader(
            slot: 5,
            proposerIndex: 1,
            parentRoot: root,
            stateRoot: root,
            bodyRoot: root
        )
        #expect(SigningRequest(.blockV2, forkInfo: nil, message: .blockHeader(header)).duty == .block(5))
        let data = AttestationData(
            slot: 100,
            index: 0,
            beaconBlockRoot: root,
            source: Checkpoint(epoch: 2, root: root),
            target: Checkpoint(epoch: 3, root: root)
        )
        #expect(
            SigningRequest(.attestation, forkInfo: nil, message: .attestation(data)).duty
                == .attestation(source: 2, target: 3)
        )
        #expect(SigningRequest(.randaoReveal, forkInfo: nil, message: .randaoReveal(3)).duty == .unslashable)
    }

    @Test func `names of types are read in any case, names of forks in upper case only`() {
        for type in OperationType.allCases {
            #expect(OperationType(name: type.name.lowercased()) == type)
        }
        #expect(OperationType(name: "payload_Attestation") == .payloadAttestationMessage)
        #expect(OperationType(name: "BLOCK_V3") == nil)
        #expect(OperationType(name: "") == nil)
        #expect(Fork(name: "DENEB") == .deneb)
        #expect(Fork(name: "Deneb") == nil)
        #expect(Fork.allCases == Fork.allCases.sorted())
    }
}
