// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Encoding

/// Proof that a proposer signed two blocks.
package struct ProposerSlashing: Hashable, Sendable, Container {
    package var first: SignedBeaconBlockHeader
    package var second: SignedBeaconBlockHeader

    package init(first: SignedBeaconBlockHeader, second: SignedBeaconBlockHeader) {
        self.first = first
        self.second = second
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(first)
        tree.append(second)
        return tree.root()
    }
}

/// Proof that validators attested twice or around themselves.
package struct AttesterSlashing: Hashable, Sendable {
    package var first: IndexedAttestation
    package var second: IndexedAttestation

    package init(first: IndexedAttestation, second: IndexedAttestation) {
        self.first = first
        self.second = second
    }

    func hashTreeRoot(_ preset: Preset) throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(chunk: try first.hashTreeRoot(preset))
        tree.append(chunk: try second.hashTreeRoot(preset))
        return tree.root()
    }
}

/// An attestation with its validators listed by index.
package struct IndexedAttestation: Hashable, Sendable {
    package var attestingIndices: [UInt64]
    package var data: AttestationData
    package var signature: Signature

    package init(attestingIndices: [UInt64], data: AttestationData, signature: Signature) {
        self.attestingIndices = attestingIndices
        self.data = data
        self.signature = signature
    }

    func hashTreeRoot(_ preset: Preset) throws(SigningRequestError) -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(
            chunk: try listRoot("attesting_indices", attestingIndices, limit: preset.maxValidatorsPerCommittee)
        )
        tree.append(data)
        tree.append(signature)
        return tree.root()
    }
}

/// A deposit with its branch in the contract's tree.
package struct Deposit: Hashable, Sendable {
    /// 32 levels and the length that is mixed in: `DEPOSIT_CONTRACT_TREE_DEPTH` + 1.
    package static let proofLength = 33

    package var proof: [Bytes<32>]
    package var data: DepositData

    package init(proof: [Bytes<32>], data: DepositData) {
        self.proof = proof
        self.data = data
    }

    func hashTreeRoot() throws(SigningRequestError) -> Chunk {
        guard proof.count == Self.proofLength else {
            throw .wrongCount(field: "proof", count: proof.count, expected: Self.proofLength)
        }
        var branch = Merkleizer<6>()
        for node in proof { branch.append(chunk: node) }
        var tree = Merkleizer<1>()
        tree.append(chunk: branch.root())
        tree.append(data)
        return tree.root()
    }
}

/// What was sent to the deposit contract.
package struct DepositData: Hashable, Sendable, Container {
    package var pubkey: PublicKey
    package var withdrawalCredentials: Bytes<32>
    package var amount: UInt64
    package var signature: Signature

    package init(pubkey: PublicKey, withdrawalCredentials: Bytes<32>, amount: UInt64, signature: Signature) {
        self.pubkey = pubkey
        self.withdrawalCredentials = withdrawalCredentials
        self.amount = amount
        self.signature = signature
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(pubkey)
        tree.append(chunk: withdrawalCredentials)
        tree.append(amount)
        tree.append(signature)
        return tree.root()
    }
}

/// An exit with its validator's signature.
package struct SignedVoluntaryExit: Hashable, Sendable, Container {
    package var message: VoluntaryExit
    package var signature: Signature

    package init(message: VoluntaryExit, signature: Signature) {
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
