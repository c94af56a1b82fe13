// SPDX-License-Identifier: Apache-2.0
package import BLS

/// Attestations of several validators put together. Its containers differ by fork; see ``AttestationShape``.
package struct Attestation: Hashable, Sendable {
    package var aggregationBits: BitList
    package var data: AttestationData
    package var signature: Signature
    /// Electra and later: which committees `aggregationBits` spans.
    package var committeeBits: BitVector?

    package init(
        aggregationBits: BitList,
        data: AttestationData,
        signature: Signature,
        committeeBits: BitVector? = nil
    ) {
        self.aggregationBits = aggregationBits
        self.data = data
        self.signature = signature
        self.committeeBits = committeeBits
    }

    func hashTreeRoot(_ shape: AttestationShape, _ preset: Preset) throws(SigningRequestError) -> Chunk {
        switch shape {
        case .phase0:
            var tree = Merkleizer<2>()
            tree.append(
                chunk: try aggregationBits.hashTreeRoot("aggregation_bits", limit: preset.maxValidatorsPerCommittee)
            )
            tree.append(data)
            tree.append(signature)
            return tree.root()
        case .electra:
            let limit = preset.maxValidatorsPerCommittee * preset.maxCommitteesPerSlot
            var tree = Merkleizer<2>()
            tree.append(chunk: try aggregationBits.hashTreeRoot("aggregation_bits", limit: limit))
            tree.append(data)
            tree.append(signature)
            tree.append(chunk: try committeeBitsRoot(preset))
            return tree.root()
        case .gloas:
            var tree = ProgressiveMerkleizer()
            tree.append(chunk: aggregationBits.progressiveHashTreeRoot())
            tree.append(data)
            tree.append(signature)
            tree.append(chunk: try committeeBitsRoot(preset))
            return tree.rootOfContainer()
        }
    }

    private func committeeBitsRoot(_ preset: Preset) throws(SigningRequestError) -> Chunk {
        guard let committeeBits else { throw .missingCommitteeBits(data.slot) }
        return try committeeBits.hashTreeRoot("committee_bits", count: preset.maxCommitteesPerSlot)
    }
}

/// The three containers that an attestation has had.
package enum AttestationShape: Hashable, Sendable {
    /// Phase 0 to Deneb: bits of one committee.
    case phase0
    /// Electra and Fulu (EIP-7549): bits of all committees of a slot, and which ones.
    case electra
    /// Gloas: the fields of Electra as a progressive container with a progressive bit list.
    case gloas

    package init(_ fork: Fork) {
        self = fork < .electra ? .phase0 : fork < .gloas ? .electra : .gloas
    }
}

/// What an aggregator publishes.
package struct AggregateAndProof: Hashable, Sendable {
    package var aggregatorIndex: UInt64
    package var aggregate: Attestation
    package var selectionProof: Signature
    /// The fork that the client named beside the object, if it did.
    package var version: Fork?

    package init(aggregatorIndex: UInt64, aggregate: Attestation, selectionProof: Signature, version: Fork? = nil) {
        self.aggregatorIndex = aggregatorIndex
        self.aggregate = aggregate
        self.selectionProof = selectionProof
        self.version = version
    }

    func hashTreeRoot(_ shape: AttestationShape, _ preset: Preset) throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(aggregatorIndex)
        tree.append(chunk: try aggregate.hashTreeRoot(shape, preset))
        tree.append(selectionProof)
        return tree.root()
    }
}
