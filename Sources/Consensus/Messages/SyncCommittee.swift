// SPDX-License-Identifier: Apache-2.0
package import BLS

/// A sync committee member's vote. What is signed is the block root as it is, not a container.
package struct SyncCommitteeMessage: Hashable, Sendable {
    package var beaconBlockRoot: Root
    /// Picks the fork version only.
    package var slot: Slot

    package init(beaconBlockRoot: Root, slot: Slot) {
        self.beaconBlockRoot = beaconBlockRoot
        self.slot = slot
    }
}

/// What decides whether a member aggregates for its subcommittee.
package struct SyncAggregatorSelectionData: Hashable, Sendable, Container {
    package var slot: Slot
    package var subcommitteeIndex: UInt64

    package init(slot: Slot, subcommitteeIndex: UInt64) {
        self.slot = slot
        self.subcommitteeIndex = subcommitteeIndex
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(slot)
        tree.append(subcommitteeIndex)
        return tree.root()
    }
}

/// The votes of a subcommittee put together.
package struct SyncCommitteeContribution: Hashable, Sendable {
    package var slot: Slot
    package var beaconBlockRoot: Root
    package var subcommitteeIndex: UInt64
    package var aggregationBits: BitVector
    package var signature: Signature

    package init(
        slot: Slot,
        beaconBlockRoot: Root,
        subcommitteeIndex: UInt64,
        aggregationBits: BitVector,
        signature: Signature
    ) {
        self.slot = slot
        self.beaconBlockRoot = beaconBlockRoot
        self.subcommitteeIndex = subcommitteeIndex
        self.aggregationBits = aggregationBits
        self.signature = signature
    }

    func hashTreeRoot(_ preset: Preset) throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<3>()
        tree.append(slot)
        tree.append(beaconBlockRoot)
        tree.append(subcommitteeIndex)
        tree.append(chunk: try aggregationBits.hashTreeRoot("aggregation_bits", count: preset.syncSubcommitteeSize))
        tree.append(signature)
        return tree.root()
    }
}

/// What a subcommittee's aggregator publishes.
package struct ContributionAndProof: Hashable, Sendable {
    package var aggregatorIndex: UInt64
    package var contribution: SyncCommitteeContribution
    package var selectionProof: Signature

    package init(aggregatorIndex: UInt64, contribution: SyncCommitteeContribution, selectionProof: Signature) {
        self.aggregatorIndex = aggregatorIndex
        self.contribution = contribution
        self.selectionProof = selectionProof
    }

    func hashTreeRoot(_ preset: Preset) throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(aggregatorIndex)
        tree.append(chunk: try contribution.hashTreeRoot(preset))
        tree.append(selectionProof)
        return tree.root()
    }
}
