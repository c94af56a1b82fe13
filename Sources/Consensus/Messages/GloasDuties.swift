// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Gloas (EIP-7732): what a member of the payload timeliness committee saw. A plain container.
package struct PayloadAttestationData: Hashable, Sendable, Container {
    package var beaconBlockRoot: Root
    package var slot: Slot
    package var payloadPresent: Bool
    package var blobDataAvailable: Bool

    package init(beaconBlockRoot: Root, slot: Slot, payloadPresent: Bool, blobDataAvailable: Bool) {
        self.beaconBlockRoot = beaconBlockRoot
        self.slot = slot
        self.payloadPresent = payloadPresent
        self.blobDataAvailable = blobDataAvailable
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(beaconBlockRoot)
        tree.append(slot)
        tree.append(payloadPresent)
        tree.append(blobDataAvailable)
        return tree.root()
    }
}

/// Gloas: what a coming proposer wants of builders. A plain container.
package struct ProposerPreferences: Hashable, Sendable, Container {
    package var dependentRoot: Root
    package var proposalSlot: Slot
    package var validatorIndex: UInt64
    package var feeRecipient: Bytes<20>
    package var targetGasLimit: UInt64

    package init(
        dependentRoot: Root,
        proposalSlot: Slot,
        validatorIndex: UInt64,
        feeRecipient: Bytes<20>,
        targetGasLimit: UInt64
    ) {
        self.dependentRoot = dependentRoot
        self.proposalSlot = proposalSlot
        self.validatorIndex = validatorIndex
        self.feeRecipient = feeRecipient
        self.targetGasLimit = targetGasLimit
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<3>()
        tree.append(dependentRoot)
        tree.append(proposalSlot)
        tree.append(validatorIndex)
        tree.append(feeRecipient)
        tree.append(targetGasLimit)
        return tree.root()
    }
}

/// builder-specs: proves to a builder's API who asks. A plain container.
package struct BuilderRequestAuth: Hashable, Sendable {
    /// builder-specs: `data` is a `ByteList[4096]`.
    package static let maxDataBytes = 4096

    package var data: [UInt8]
    package var slot: Slot

    package init(data: [UInt8], slot: Slot) {
        self.data = data
        self.slot = slot
    }

    func hashTreeRoot() throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(chunk: try listRoot("data", data, limit: Self.maxDataBytes))
        tree.append(slot)
        return tree.root()
    }
}
