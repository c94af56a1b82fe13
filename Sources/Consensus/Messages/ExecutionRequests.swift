// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Encoding

/// What the execution layer asks of the consensus layer (EIP-7685), with Gloas's two kinds for builders. A progressive
/// container of 5 progressive lists; their elements are plain containers.
package struct ExecutionRequests: Hashable, Sendable, Container {
    package var deposits: [DepositRequest]
    package var withdrawals: [WithdrawalRequest]
    package var consolidations: [ConsolidationRequest]
    package var builderDeposits: [BuilderDepositRequest]
    package var builderExits: [BuilderExitRequest]

    package init(
        deposits: [DepositRequest],
        withdrawals: [WithdrawalRequest],
        consolidations: [ConsolidationRequest],
        builderDeposits: [BuilderDepositRequest],
        builderExits: [BuilderExitRequest]
    ) {
        self.deposits = deposits
        self.withdrawals = withdrawals
        self.consolidations = consolidations
        self.builderDeposits = builderDeposits
        self.builderExits = builderExits
    }

    package func hashTreeRoot() -> Chunk {
        var tree = ProgressiveMerkleizer()
        tree.append(chunk: progressiveListRoot(deposits))
        tree.append(chunk: progressiveListRoot(withdrawals))
        tree.append(chunk: progressiveListRoot(consolidations))
        tree.append(chunk: progressiveListRoot(builderDeposits))
        tree.append(chunk: progressiveListRoot(builderExits))
        return tree.rootOfContainer()
    }
}

/// EIP-6110.
package struct DepositRequest: Hashable, Sendable, Container {
    package var deposit: DepositData
    package var index: UInt64

    package init(deposit: DepositData, index: UInt64) {
        self.deposit = deposit
        self.index = index
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<3>()
        tree.append(deposit.pubkey)
        tree.append(chunk: deposit.withdrawalCredentials)
        tree.append(deposit.amount)
        tree.append(deposit.signature)
        tree.append(index)
        return tree.root()
    }
}

/// EIP-7002.
package struct WithdrawalRequest: Hashable, Sendable, Container {
    package var sourceAddress: Bytes<20>
    package var validatorPubkey: PublicKey
    package var amount: UInt64

    package init(sourceAddress: Bytes<20>, validatorPubkey: PublicKey, amount: UInt64) {
        self.sourceAddress = sourceAddress
        self.validatorPubkey = validatorPubkey
        self.amount = amount
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(sourceAddress)
        tree.append(validatorPubkey)
        tree.append(amount)
        return tree.root()
    }
}

/// EIP-7251.
package struct ConsolidationRequest: Hashable, Sendable, Container {
    package var sourceAddress: Bytes<20>
    package var sourcePubkey: PublicKey
    package var targetPubkey: PublicKey

    package init(sourceAddress: Bytes<20>, sourcePubkey: PublicKey, targetPubkey: PublicKey) {
        self.sourceAddress = sourceAddress
        self.sourcePubkey = sourcePubkey
        self.targetPubkey = targetPubkey
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(sourceAddress)
        tree.append(sourcePubkey)
        tree.append(targetPubkey)
        return tree.root()
    }
}

/// Gloas: has the fields of ``DepositData`` and its root.
package struct BuilderDepositRequest: Hashable, Sendable, Container {
    package var deposit: DepositData

    package init(deposit: DepositData) { self.deposit = deposit }

    package func hashTreeRoot() -> Chunk { deposit.hashTreeRoot() }
}

/// Gloas.
package struct BuilderExitRequest: Hashable, Sendable, Container {
    package var sourceAddress: Bytes<20>
    package var pubkey: PublicKey

    package init(sourceAddress: Bytes<20>, pubkey: PublicKey) {
        self.sourceAddress = sourceAddress
        self.pubkey = pubkey
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(sourceAddress)
        tree.append(pubkey)
        return tree.root()
    }
}
