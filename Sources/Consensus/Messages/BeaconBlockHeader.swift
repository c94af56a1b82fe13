// SPDX-License-Identifier: Apache-2.0
package import BLS

/// A block with its body reduced to a root; it has the root of the block itself, in every fork.
package struct BeaconBlockHeader: Hashable, Sendable, Container {
    package var slot: Slot
    package var proposerIndex: UInt64
    package var parentRoot: Root
    package var stateRoot: Root
    package var bodyRoot: Root

    package init(slot: Slot, proposerIndex: UInt64, parentRoot: Root, stateRoot: Root, bodyRoot: Root) {
        self.slot = slot
        self.proposerIndex = proposerIndex
        self.parentRoot = parentRoot
        self.stateRoot = stateRoot
        self.bodyRoot = bodyRoot
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<3>()
        tree.append(slot)
        tree.append(proposerIndex)
        tree.append(parentRoot)
        tree.append(stateRoot)
        tree.append(bodyRoot)
        return tree.root()
    }
}

/// A header with its proposer's signature.
package struct SignedBeaconBlockHeader: Hashable, Sendable, Container {
    package var message: BeaconBlockHeader
    package var signature: Signature

    package init(message: BeaconBlockHeader, signature: Signature) {
        self.message = message
        self.signature = signature
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(message)
        tree.append(signature)
        return tree.root()
    }
}
