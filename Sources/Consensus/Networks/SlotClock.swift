// SPDX-License-Identifier: Apache-2.0

/// Tells a chain's slot and epoch from local time.
package struct SlotClock: Sendable {
    private let genesisTime: UInt64
    private let secondsPerSlot: UInt64
    private let slotsPerEpoch: UInt64
    private let now: @Sendable () -> UInt64

    /// - Parameter now: seconds since 1970.
    package init(
        genesisTime: UInt64,
        secondsPerSlot: UInt64,
        slotsPerEpoch: UInt64,
        now: @escaping @Sendable () -> UInt64
    ) {
        precondition(secondsPerSlot > 0 && slotsPerEpoch > 0, "a clock whose slots or epochs have no length")
        self.genesisTime = genesisTime
        self.secondsPerSlot = secondsPerSlot
        self.slotsPerEpoch = slotsPerEpoch
        self.now = now
    }

    /// Is nil where the network's genesis time is not known.
    package init?(network: Network, now: @escaping @Sendable () -> UInt64) {
        guard let genesisTime = network.genesisTime else { return nil }
        self.init(
            genesisTime: genesisTime,
            secondsPerSlot: network.secondsPerSlot,
            slotsPerEpoch: network.preset.slotsPerEpoch,
            now: now
        )
    }

    /// The slot that runs now; slot 0 before genesis.
    package var currentSlot: Slot {
        let time = now()
        return Slot(time > genesisTime ? (time - genesisTime) / secondsPerSlot : 0)
    }

    /// The epoch that runs now; epoch 0 before genesis.
    package var currentEpoch: Epoch { currentSlot.epoch(slotsPerEpoch: slotsPerEpoch) }
}
