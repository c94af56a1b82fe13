// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Encoding

/// A validator's wish to leave.
package struct VoluntaryExit: Hashable, Sendable, Container {
    /// The first epoch in which the exit may be processed.
    package var epoch: Epoch
    package var validatorIndex: UInt64

    package init(epoch: Epoch, validatorIndex: UInt64) {
        self.epoch = epoch
        self.validatorIndex = validatorIndex
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<1>()
        tree.append(epoch)
        tree.append(validatorIndex)
        return tree.root()
    }
}

/// What a depositor signs; `genesisForkVersion` names the network and is not part of the object.
package struct DepositMessage: Hashable, Sendable, Container {
    package var pubkey: PublicKey
    package var withdrawalCredentials: Bytes<32>
    /// In Gwei.
    package var amount: UInt64
    package var genesisForkVersion: ForkVersion

    package init(
        pubkey: PublicKey,
        withdrawalCredentials: Bytes<32>,
        amount: UInt64,
        genesisForkVersion: ForkVersion
    ) {
        self.pubkey = pubkey
        self.withdrawalCredentials = withdrawalCredentials
        self.amount = amount
        self.genesisForkVersion = genesisForkVersion
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(pubkey)
        tree.append(chunk: withdrawalCredentials)
        tree.append(amount)
        return tree.root()
    }
}

/// builder-specs `ValidatorRegistrationV1`: where a builder sends a validator's fees.
package struct ValidatorRegistration: Hashable, Sendable, Container {
    package var feeRecipient: Bytes<20>
    package var gasLimit: UInt64
    /// Seconds since 1970.
    package var timestamp: UInt64
    package var pubkey: PublicKey

    package init(feeRecipient: Bytes<20>, gasLimit: UInt64, timestamp: UInt64, pubkey: PublicKey) {
        self.feeRecipient = feeRecipient
        self.gasLimit = gasLimit
        self.timestamp = timestamp
        self.pubkey = pubkey
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(feeRecipient)
        tree.append(gasLimit)
        tree.append(timestamp)
        tree.append(pubkey)
        return tree.root()
    }
}
