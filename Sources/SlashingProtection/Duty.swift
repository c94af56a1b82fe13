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

extension SlashableDuty {
    /// The part of a message that is protected; nil where no pair of its kind can be slashed.
    package init?(_ duty: Duty) {
        switch duty {
        case .block(let slot): self = .block(slot: slot)
        case .attestation(let source, let target): self = .attestation(source: source, target: target)
        case .unslashable: return nil
        }
    }
}

/// The signing root of a message of which no pair can be slashed. Cannot be made for a block or an attestation.
package struct UnslashableRoot: Sendable {
    package let signingRoot: SigningRoot

    /// Nil for a duty that must be recorded.
    package init?(_ signingRoot: SigningRoot, of duty: Duty) {
        guard duty == .unslashable else { return nil }
        self.signingRoot = signingRoot
    }
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
