// SPDX-License-Identifier: Apache-2.0

/// One message that somebody wants signed, free of the way it came.
package struct SigningRequest: Hashable, Sendable {
    package let operation: OperationType
    package let forkInfo: ForkInfo?
    package let message: SigningMessage
    /// The root that the client computed itself, if it says so; a different one of ours is refused.
    package let claimedSigningRoot: SigningRoot?

    /// `message` must be of a kind that `operation` names.
    package init(
        _ operation: OperationType,
        forkInfo: ForkInfo?,
        message: SigningMessage,
        claimedSigningRoot: SigningRoot? = nil
    ) {
        precondition(message.fits(operation), "a message that does not belong to a request of type \(operation)")
        self.operation = operation
        self.forkInfo = forkInfo
        self.message = message
        self.claimedSigningRoot = claimedSigningRoot
    }

    /// The chain that the client signs for; nil for the types that belong to no chain. A signer of another chain must
    /// refuse. It is read from `fork_info` only where that takes part in the signature.
    package var genesisValidatorsRoot: Root? {
        operation.needsForkInfo ? forkInfo?.genesisValidatorsRoot : nil
    }

    /// What slashing protection has to know of the message.
    package var duty: Duty {
        switch message {
        case .block(let block): .block(block.slot)
        case .blockHeader(let header): .block(header.slot)
        case .attestation(let data): .attestation(source: data.source.epoch, target: data.target.epoch)
        case .aggregationSlot, .aggregateAndProof, .deposit, .randaoReveal, .voluntaryExit, .syncCommitteeMessage,
            .syncAggregatorSelectionData, .contributionAndProof, .validatorRegistration, .executionPayloadBid,
            .executionPayloadEnvelope, .payloadAttestation, .proposerPreferences, .builderRequestAuth:
            .unslashable
        }
    }
}

/// What a signature commits its validator to.
package enum Duty: Hashable, Sendable {
    /// A second block of the same slot is slashable.
    case block(Slot)
    /// A second attestation of the same target, and one around another, are slashable.
    case attestation(source: Epoch, target: Epoch)
    /// No pair of messages of this kind can be slashed.
    case unslashable
}

/// What is signed. The large and rare kinds are held by reference: a request is copied some times on its way, and most are
/// attestations (769 bytes a request without).
package enum SigningMessage: Hashable, Sendable {
    case aggregationSlot(Slot)
    indirect case aggregateAndProof(AggregateAndProof)
    case attestation(AttestationData)
    indirect case block(BeaconBlock)
    case blockHeader(BeaconBlockHeader)
    case deposit(DepositMessage)
    case randaoReveal(Epoch)
    case voluntaryExit(VoluntaryExit)
    case syncCommitteeMessage(SyncCommitteeMessage)
    case syncAggregatorSelectionData(SyncAggregatorSelectionData)
    indirect case contributionAndProof(ContributionAndProof)
    case validatorRegistration(ValidatorRegistration)
    indirect case executionPayloadBid(ExecutionPayloadBid)
    indirect case executionPayloadEnvelope(ExecutionPayloadEnvelope)
    case payloadAttestation(PayloadAttestationData)
    case proposerPreferences(ProposerPreferences)
    case builderRequestAuth(BuilderRequestAuth)

    /// Whether a request of this type may carry this message.
    package func fits(_ operation: OperationType) -> Bool {
        switch self {
        case .aggregationSlot: operation == .aggregationSlot
        case .aggregateAndProof: operation == .aggregateAndProof || operation == .aggregateAndProofV2
        case .attestation: operation == .attestation
        case .block: operation == .block || operation == .blockV2
        case .blockHeader: operation == .blockV2
        case .deposit: operation == .deposit
        case .randaoReveal: operation == .randaoReveal
        case .voluntaryExit: operation == .voluntaryExit
        case .syncCommitteeMessage: operation == .syncCommitteeMessage
        case .syncAggregatorSelectionData: operation == .syncCommitteeSelectionProof
        case .contributionAndProof: operation == .syncCommitteeContributionAndProof
        case .validatorRegistration: operation == .validatorRegistration
        case .executionPayloadBid: operation == .executionPayloadBid
        case .executionPayloadEnvelope: operation == .executionPayloadEnvelope
        case .payloadAttestation: operation == .payloadAttestationMessage
        case .proposerPreferences: operation == .proposerPreferences
        case .builderRequestAuth: operation == .builderRequestAuth
        }
    }
}
