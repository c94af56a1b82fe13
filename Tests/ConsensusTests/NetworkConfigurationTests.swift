// SPDX-License-Identifier: Apache-2.0
import Consensus
import Encoding
import Testing

/// A development network with every fork, as its `config.yaml` says it.
private let complete: [String: String] = [
    "PRESET_BASE": "minimal", "CONFIG_NAME": "devnet", "GENESIS_FORK_VERSION": "0x10000038",
    "ALTAIR_FORK_VERSION": "0x20000038", "ALTAIR_FORK_EPOCH": "0",
    "BELLATRIX_FORK_VERSION": "0x30000038", "BELLATRIX_FORK_EPOCH": "0",
    "CAPELLA_FORK_VERSION": "0x40000038", "CAPELLA_FORK_EPOCH": "0",
    "DENEB_FORK_VERSION": "0x50000038", "DENEB_FORK_EPOCH": "2",
    "ELECTRA_FORK_VERSION": "0x60000038", "ELECTRA_FORK_EPOCH": "3",
    "FULU_FORK_VERSION": "0x70000038", "FULU_FORK_EPOCH": "18446744073709551615",
    "SECONDS_PER_SLOT": "6", "MIN_GENESIS_TIME": "1700000000", "GENESIS_DELAY": "60",
    "TERMINAL_TOTAL_DIFFICULTY": "0", "HEZE_FORK_VERSION": "0x90000038", "SOMETHING_NEW": "yes",
]

private let root = Root(Bytes<32>())

private func network(_ changes: [String: String?] = [:]) throws -> Network {
    var values = complete
    for (key, value) in changes { values[key] = value }
    return try Network(configuration: values, genesisValidatorsRoot: root)
}

@Suite struct NetworkConfigurationTests {
    @Test func `a configuration is read and unknown keys are ignored`() throws {
        let network = try network()
        #expect(network.name == "devnet")
        #expect(network.preset == .minimal)
        #expect(network.genesisForkVersion == ForkVersion(0x1000_0038))
        #expect(network.forks.entry(at: 1).fork == .capella)
        #expect(network.forks.entry(at: 3).fork == .electra)
        #expect(network.forks.epoch(of: .fulu) == nil)
        #expect(network.forks.version(of: .fulu) == ForkVersion(0x7000_0038))
        #expect(network.forks.version(of: .gloas) == nil)
        #expect(network.secondsPerSlot == 6)
        #expect(network.genesisTime == 1_700_000_060)
        #expect(network.genesisValidatorsRoot == root)
    }

    @Test func `a genesis time that is given wins`() throws {
        let network = try Network(configuration: complete, genesisValidatorsRoot: root, genesisTime: 5)
        #expect(network.genesisTime == 5)
    }

    @Test func `slots can be measured in milliseconds`() throws {
        #expect(try network(["SECONDS_PER_SLOT": nil, "SLOT_DURATION_MS": "12000"]).secondsPerSlot == 12)
    }

    @Test func `a preset can be overridden`() throws {
        let preset = try network(["SLOTS_PER_EPOCH": "6", "MAX_COMMITTEES_PER_SLOT": "8"]).preset
        #expect(preset.slotsPerEpoch == 6)
        #expect(preset.maxCommitteesPerSlot == 8)
        #expect(preset.syncCommitteeSize == 32)
    }

    @Test(arguments: ["PRESET_BASE", "GENESIS_FORK_VERSION", "DENEB_FORK_VERSION", "SECONDS_PER_SLOT"])
    func `a missing key is named`(key: String) {
        #expect(throws: NetworkError.missingKey(key)) { try network([key: nil]) }
    }

    @Test(arguments: [
        ("GENESIS_FORK_VERSION", "0x100000"), ("ALTAIR_FORK_VERSION", "green"), ("ALTAIR_FORK_EPOCH", "-1"),
        ("DENEB_FORK_EPOCH", "1.5"), ("SECONDS_PER_SLOT", "0"), ("SECONDS_PER_SLOT", ""), ("SLOTS_PER_EPOCH", "0"),
        ("MIN_GENESIS_TIME", "18446744073709551615"), ("MAX_ATTESTATIONS", "18446744073709551615"),
        ("SYNC_COMMITTEE_SIZE", "0"),
    ])
    func `a value that is not one names its key`(key: String, value: String) {
        #expect {
            _ = try network([key: value])
        } throws: { error in
            if case .malformedValue(key, _, _)? = error as? NetworkError { return true }
            return false
        }
    }

    @Test func `forks out of order and unknown presets are refused`() {
        #expect(throws: NetworkError.forksOutOfOrder(.deneb, .electra)) { try network(["ELECTRA_FORK_EPOCH": "1"]) }
        #expect(throws: NetworkError.unknownPreset("huge")) { try network(["PRESET_BASE": "huge"]) }
    }

    @Test func `a mainnet configuration gives the compiled-in mainnet`() throws {
        var values = ["PRESET_BASE": "mainnet", "CONFIG_NAME": "mainnet", "SECONDS_PER_SLOT": "12"]
        for entry in Network.mainnet.forks.entries {
            let key = entry.fork == .phase0 ? "GENESIS" : entry.fork.name
            values["\(key)_FORK_VERSION"] = entry.version.description
            values["\(key)_FORK_EPOCH"] = entry.epoch?.description
        }
        let root = try #require(Network.mainnet.genesisValidatorsRoot)
        let configured = try Network(
            configuration: values,
            genesisValidatorsRoot: root,
            genesisTime: Network.mainnet.genesisTime
        )
        #expect(configured == .mainnet)
    }
}
