// SPDX-License-Identifier: Apache-2.0

/// An epoch and the block at its start.
package struct Checkpoint: Hashable, Sendable, Container {
    package var epoch: Epoch
    package var root: Root

    package init(epoch: Epoch, root: Root) {
        self.epoch = epoch
        self.root = root
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(epoch)
        tree.append(root)
        return tree.root()
    }
}

/// What an attestation says: the same in every fork.
package struct AttestationData: Hashable, Sendable, Container {
    package var slot: Slot
    /// The committee before Electra, 0 from then on; in Gloas whether the payload was seen. Not judged here.
    package var index: UInt64
    package var beaconBlockRoot: Root
    package var source: Checkpoint
    package var target: Checkpoint

    package init(slot: Slot, index: UInt64, beaconBlockRoot: Root, source: Checkpoint, target: Checkpoint) {
        self.slot = slot
        self.index = index
        self.beaconBlockRoot = beaconBlockRoot
        self.source = source
        self.target = target
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<3>()
        tree.append(slot)
        tree.append(index)
        tree.append(beaconBlockRoot)
        tree.append(source)
        tree.append(target)
        return tree.root()
    }
}
