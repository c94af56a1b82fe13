// SPDX-License-Identifier: Apache-2.0

/// The kinds of message that can be signed, under their names on the wire. A kind that is not here does not exist.
package enum OperationType: String, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    case aggregationSlot = "AGGREGATION_SLOT"
    case aggregateAndProof = "AGGREGATE_AND_PROOF"
    case aggregateAndProofV2 = "AGGREGATE_AND_PROOF_V2"
    case attestation = "ATTESTATION"
    case block = "BLOCK"
    case blockV2 = "BLOCK_V2"
    case deposit = "DEPOSIT"
    case randaoReveal = "RANDAO_REVEAL"
    case voluntaryExit = "VOLUNTARY_EXIT"
    case syncCommitteeMessage = "SYNC_COMMITTEE_MESSAGE"
    case syncCommitteeSelectionProof = "SYNC_COMMITTEE_SELECTION_PROOF"
    case syncCommitteeContributionAndProof = "SYNC_COMMITTEE_CONTRIBUTION_AND_PROOF"
    case validatorRegistration = "VALIDATOR_REGISTRATION"
    case executionPayloadBid = "EXECUTION_PAYLOAD_BID"
    case executionPayloadEnvelope = "EXECUTION_PAYLOAD_ENVELOPE"
    case payloadAttestationMessage = "PAYLOAD_ATTESTATION_MESSAGE"
    case proposerPreferences = "PROPOSER_PREFERENCES"
    case builderRequestAuth = "BUILDER_REQUEST_AUTH"

    /// Reads a name in any case, and `PAYLOAD_ATTESTATION`, as Lighthouse called the fourth of the Gloas types.
    package init?(name: String) {
        if let exact = Self(rawValue: name) {
            self = exact
            return
        }
        let upper = name.uppercased()
        if let type = Self(rawValue: upper) {
            self = type
        } else if upper == "PAYLOAD_ATTESTATION" {
            self = .payloadAttestationMessage
        } else {
            return nil
        }
    }

    /// The name on the wire.
    package var name: String { rawValue }
    package var description: String { rawValue }

    /// Whether a request needs `fork_info`. The others sign under a genesis fork version and the zero root.
    package var needsForkInfo: Bool {
        switch self {
        case .deposit, .validatorRegistration, .builderRequestAuth: false
        default: true
        }
    }
}
