// SPDX-License-Identifier: Apache-2.0
import Consensus
import Encoding
import Testing

@Suite struct NetworkTests {
    @Test(arguments: KnownNetwork.allCases)
    func `a compiled-in network keeps the rules of its schedule`(known: KnownNetwork) {
        let network = known.network
        #expect(Network.named(known.name.uppercased()) == network)
        #expect(network.forks.entries.first?.epoch == 0)
        #expect(Set(network.forks.entries.map(\.version)).count == network.forks.entries.count)
        #expect(network.preset.slotsPerEpoch > 0)
        #expect((network.genesisValidatorsRoot == nil) == (network.genesisTime == nil))
    }

    @Test func `a network of another name does not exist`() {
        #expect(Network.named("prater") == nil)
        #expect(Network.named("") == nil)
    }

    @Test(
        arguments: [
            ("mainnet", Fork.electra, "0x05000000", 364_032),
            ("sepolia", .altair, "0x90000070", 50),
            ("sepolia", .fulu, "0x90000075", 272_640),
            ("holesky", .capella, "0x04017000", 256),
            ("hoodi", .fulu, "0x70000910", 50_688),
            ("gnosis", .fulu, "0x06000064", 1_714_688),
            ("chiado", .electra, "0x0500006f", 948_224),
            ("lukso", .electra, "0x42000006", 190_800),
            ("plataberget", .gloas, "0x80733183", 1536),
            ("ephemery", .deneb, "0x5000101b", 0),
        ] as [(String, Fork, String, UInt64)]
    )
    func `a network has its forks`(name: String, fork: Fork, version: String, epoch: UInt64) throws {
        let network = try #require(Network.named(name))
        #expect(network.forks.version(of: fork)?.description == version)
        #expect(network.forks.epoch(of: fork) == Epoch(epoch))
        #expect(network.forks.entry(at: Epoch(epoch)).fork >= fork)
        #expect(try network.forks.fork(of: ForkVersion(hex: version)) == fork)
    }

    @Test func `the fork of an epoch is the last one that has begun`() {
        let forks = Network.mainnet.forks
        #expect(forks.entry(at: 0).fork == .phase0)
        #expect(forks.entry(at: 74_239).fork == .phase0)
        #expect(forks.entry(at: 74_240).fork == .altair)
        #expect(forks.entry(at: .farFuture).fork == .fulu)
        #expect(KnownNetwork.hoodi.network.forks.entry(at: 0).fork == .deneb)
        #expect(KnownNetwork.minimal.network.forks.entry(at: 1_000_000).fork == .phase0)
    }

    @Test func `fork epochs can be set, moved and taken away`() throws {
        let minimal = KnownNetwork.minimal.network
        let early = try minimal.overriding(forkEpochs: [.altair: 1, .bellatrix: 1, .capella: 4])
        #expect(early.forks.entry(at: 0).fork == .phase0)
        #expect(early.forks.entry(at: 3).fork == .bellatrix)
        #expect(early.forks.entry(at: 4).fork == .capella)
        let later = try early.overriding(forkEpochs: [.capella: .farFuture])
        #expect(later.forks.entry(at: 4).fork == .bellatrix)
    }

    @Test func `fork epochs out of order are refused`() {
        let minimal = KnownNetwork.minimal.network
        #expect(throws: NetworkError.forksOutOfOrder(.altair, .bellatrix)) {
            try minimal.overriding(forkEpochs: [.bellatrix: 3])
        }
        #expect(throws: NetworkError.forksOutOfOrder(.altair, .bellatrix)) {
            try minimal.overriding(forkEpochs: [.altair: 5, .bellatrix: 4])
        }
        #expect(throws: NetworkError.genesisHasNoEpoch) { try minimal.overriding(forkEpochs: [.phase0: 0]) }
        #expect(throws: NetworkError.unknownVersion(.gloas)) {
            try KnownNetwork.lukso.network.overriding(forkEpochs: [.gloas: 1_000_000])
        }
    }

    @Test func `an operator can give what a network lacks`() {
        let root = Root(Bytes<32>())
        let network = KnownNetwork.ephemery.network.identified(by: root).starting(at: 1000)
        #expect(network.genesisValidatorsRoot == root)
        #expect(network.genesisTime == 1000)
    }
}

@Suite struct SlotClockTests {
    private func clock(at time: UInt64) -> SlotClock {
        SlotClock(genesisTime: 1000, secondsPerSlot: 12, slotsPerEpoch: 32) { time }
    }

    @Test func `slots and epochs follow the clock`() {
        #expect(clock(at: 1000).currentSlot == 0)
        #expect(clock(at: 1011).currentSlot == 0)
        #expect(clock(at: 1012).currentSlot == 1)
        #expect(clock(at: 1000 + 12 * 32 - 1).currentEpoch == 0)
        #expect(clock(at: 1000 + 12 * 32).currentEpoch == 1)
        #expect(clock(at: .max).currentEpoch == Epoch((.max - 1000) / 384))
    }

    @Test func `before genesis it is slot 0`() {
        #expect(clock(at: 0).currentSlot == 0)
        #expect(clock(at: 999).currentEpoch == 0)
    }

    @Test func `a network without a genesis time has no clock`() {
        #expect(SlotClock(network: KnownNetwork.minimal.network, now: { 0 }) == nil)
        #expect(SlotClock(network: .mainnet, now: { 1_606_824_023 + 384 })?.currentEpoch == 1)
    }
}
