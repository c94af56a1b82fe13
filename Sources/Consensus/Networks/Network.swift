// SPDX-License-Identifier: Apache-2.0

/// A chain that validators sign for: its sizes, its forks, its clock and its identity.
package struct Network: Hashable, Sendable {
    package let name: String
    package let preset: Preset
    package private(set) var forks: ForkSchedule
    package let secondsPerSlot: UInt64
    /// Seconds since 1970; nil where it changes (Ephemery) or depends on who starts the chain.
    package private(set) var genesisTime: UInt64?
    /// The chain's identity; nil where a chain of this name can have several, so that the operator must give it.
    package private(set) var genesisValidatorsRoot: Root?

    package init(
        name: String,
        preset: Preset,
        forks: ForkSchedule,
        secondsPerSlot: UInt64,
        genesisTime: UInt64?,
        genesisValidatorsRoot: Root?
    ) {
        self.name = name
        self.preset = preset
        self.forks = forks
        self.secondsPerSlot = secondsPerSlot
        self.genesisTime = genesisTime
        self.genesisValidatorsRoot = genesisValidatorsRoot
    }

    package var genesisForkVersion: ForkVersion { forks.entries[0].version }

    package func epoch(of slot: Slot) -> Epoch { slot.epoch(slotsPerEpoch: preset.slotsPerEpoch) }

    /// The network with the chain's identity as the operator gives it.
    package func identified(by root: Root) -> Network {
        var network = self
        network.genesisValidatorsRoot = root
        return network
    }

    /// The network with the time of its first slot as the operator gives it, in seconds since 1970.
    package func starting(at genesisTime: UInt64) -> Network {
        var network = self
        network.genesisTime = genesisTime
        return network
    }

    /// The network with other fork epochs; `Epoch.farFuture` takes a fork off the schedule.
    package func overriding(forkEpochs: [Fork: Epoch]) throws(NetworkError) -> Network {
        var network = self
        network.forks = try forks.overriding(forkEpochs)
        return network
    }
}
