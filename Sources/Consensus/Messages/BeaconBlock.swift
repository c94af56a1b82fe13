// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Encoding

/// A whole block of Phase 0 or Altair. Later forks are signed by their header.
package struct BeaconBlock: Hashable, Sendable {
    package var slot: Slot
    package var proposerIndex: UInt64
    package var parentRoot: Root
    package var stateRoot: Root
    package var body: BeaconBlockBody

    package init(slot: Slot, proposerIndex: UInt64, parentRoot: Root, stateRoot: Root, body: BeaconBlockBody) {
        self.slot = slot
        self.proposerIndex = proposerIndex
        self.parentRoot = parentRoot
        self.stateRoot = stateRoot
        self.body = body
    }

    /// The header with the same root.
    func header(_ preset: Preset) throws(SigningRequestError) -> BeaconBlockHeader {
        BeaconBlockHeader(
            slot: slot,
            proposerIndex: proposerIndex,
            parentRoot: parentRoot,
            stateRoot: stateRoot,
            bodyRoot: Root(try body.hashTreeRoot(preset))
        )
    }
}

/// The content of a block, Phase 0 without and Altair with a sync aggregate.
package struct BeaconBlockBody: Hashable, Sendable {
    package var randaoReveal: Signature
    package var eth1Data: Eth1Data
    package var graffiti: Bytes<32>
    package var proposerSlashings: [ProposerSlashing]
    package var attesterSlashings: [AttesterSlashing]
    package var attestations: [Attestation]
    package var deposits: [Deposit]
    package var voluntaryExits: [SignedVoluntaryExit]
    /// Altair.
    package var syncAggregate: SyncAggregate?

    package init(
        randaoReveal: Signature,
        eth1Data: Eth1Data,
        graffiti: Bytes<32>,
        proposerSlashings: [ProposerSlashing],
        attesterSlashings: [AttesterSlashing],
        attestations: [Attestation],
        deposits: [Deposit],
        voluntaryExits: [SignedVoluntaryExit],
        syncAggregate: SyncAggregate?
    ) {
        self.randaoReveal = randaoReveal
        self.eth1Data = eth1Data
        self.graffiti = graffiti
        self.proposerSlashings = proposerSlashings
        self.attesterSlashings = attesterSlashings
        self.attestations = attestations
        self.deposits = deposits
        self.voluntaryExits = voluntaryExits
        self.syncAggregate = syncAggregate
    }

    func hashTreeRoot(_ preset: Preset) throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<4>(depth: syncAggregate == nil ? 3 : 4)
        tree.append(randaoReveal)
        tree.append(eth1Data)
        tree.append(chunk: graffiti)
        tree.append(
            chunk: try listRoot("proposer_slashings", proposerSlashings, limit: preset.maxProposerSlashings)
        )
        tree.append(
            chunk: try listRoot("attester_slashings", attesterSlashings, limit: preset.maxAttesterSlashings) {
                slashing throws(SigningRequestError) in try slashing.hashTreeRoot(preset)
            }
        )
        tree.append(
            chunk: try listRoot("attestations", attestations, limit: preset.maxAttestations) {
                attestation throws(SigningRequestError) in try attestation.hashTreeRoot(.phase0, preset)
            }
        )
        tree.append(
            chunk: try listRoot("deposits", deposits, limit: preset.maxDeposits) {
                deposit throws(SigningRequestError) in try deposit.hashTreeRoot()
            }
        )
        tree.append(chunk: try listRoot("voluntary_exits", voluntaryExits, limit: preset.maxVoluntaryExits))
        if let syncAggregate { tree.append(chunk: try syncAggregate.hashTreeRoot(preset)) }
        return tree.root()
    }
}

/// The execution chain's deposit contract as a block saw it.
package struct Eth1Data: Hashable, Sendable, Container {
    package var depositRoot: Root
    package var depositCount: UInt64
    package var blockHash: Bytes<32>

    package init(depositRoot: Root, depositCount: UInt64, blockHash: Bytes<32>) {
        self.depositRoot = depositRoot
        self.depositCount = depositCount
        self.blockHash = blockHash
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(depositRoot)
        tree.append(depositCount)
        tree.append(chunk: blockHash)
        return tree.root()
    }
}

/// The sync committee's votes in a block.
package struct SyncAggregate: Hashable, Sendable {
    package var syncCommitteeBits: BitVector
    package var syncCommitteeSignature: Signature

    package init(syncCommitteeBits: BitVector, syncCommitteeSignature: Signature) {
        self.syncCommitteeBits = syncCommitteeBits
        self.syncCommitteeSignature = syncCommitteeSignature
    }

    func hashTreeRoot(_ preset: Preset) throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(
            chunk: try syncCommitteeBits.hashTreeRoot("sync_committee_bits", count: preset.syncCommitteeSize)
        )
        tree.append(syncCommitteeSignature)
        return tree.root()
    }
}
