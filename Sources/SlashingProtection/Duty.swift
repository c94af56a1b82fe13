// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Consensus

/// Whose history a signature enters: the validator's public key. For a share of a threshold key it is the composite
/// key, so it is kept apart from the key that signs.
package struct RecordIdentity: Hashable, Sendable, CustomStringConvertible {
    package let publicKey: PublicKey
    package init(_ publicKey: PublicKey) { self.publicKey = publicKey }
    package var description: String { publicKey.description }
}

/// Counts changes of authority: revoke, disable, delete and seal raise it. A permit of an older generation signs
/// nothing.
package struct AuthorityGeneration: Hashable, Comparable, Sendable {
    package let number: UInt64
    package init(_ number: UInt64) { self.number = number }
    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// What EIP-3076 protects: the part of a message by which two of them can be slashable together.
package enum SlashableDuty: Hashable, Sendable {
    case block(slot: Slot)
    case attestation(source: Epoch, target: Epoch)
}

/// One message that one or more validators want to sign: the same duty, the same signing root.
package struct DutyBatch: Sendable {
    package let duty: SlashableDuty
    package let signingRoot: SigningRoot
    /// Of the request's `fork_info`; held against the root that the record is pinned to.
    package let genesisValidatorsRoot: Root
    package let records: [RecordIdentity]

    package init(
        duty: SlashableDuty,
        signingRoot: SigningRoot,
        genesisValidatorsRoot: Root,
        records: [RecordIdentity]
    ) {
        self.duty = duty
        self.signingRoot = signingRoot
        self.genesisValidatorsRoot = genesisValidatorsRoot
        self.records = records
    }
}
