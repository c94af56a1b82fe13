// SPDX-License-Identifier: Apache-2.0
package import Consensus

// The bodies of sign requests, one schema for each type. Tests hold them against the reader from both sides: requests of
// real clients are of their schema, and the reader refuses what lacks a member that the schema requires.

extension Schema {
    /// The body of `POST /api/v1/eth2/sign/{identifier}`.
    package static let signRequest = Schema.named(
        "SignRequest",
        .choice(
            by: "type",
            OperationType.allCases.map { Variant(words: [$0.name], schema: .signRequest(of: $0)) }
        )
    )

    /// The body for one type of message.
    package static func signRequest(of operation: OperationType) -> Schema {
        let (field, message) = message(of: operation)
        let forkInfo = Property("fork_info", .forkInfo, isRequired: operation.needsForkInfo)
        let name = operation.name.split(separator: "_").map { $0.prefix(1) + $0.dropFirst().lowercased() }.joined()
        return .named(
            name + "Request",
            .taken(
                Property("type", .words([operation.name])),
                .optional("signing_root", .described(.root, "What the client computed; another one is refused.")),
                forkInfo,
                Property(field, message)
            )
        )
    }

    /// Which member holds the message of each type, and what it is. A type without a line here does not build.
    private static func message(of operation: OperationType) -> (field: String, schema: Schema) {
        switch operation {
        case .aggregationSlot: ("aggregation_slot", .taken(Property("slot", .uint64)))
        case .aggregateAndProof, .aggregateAndProofV2: ("aggregate_and_proof", .wrappedOrBare(.aggregateAndProof))
        case .attestation: ("attestation", .attestationData)
        case .block: ("block", .blockPhase0)
        case .blockV2: ("beacon_block", .beaconBlock)
        case .deposit: ("deposit", .depositMessage)
        case .randaoReveal: ("randao_reveal", .taken(Property("epoch", .uint64)))
        case .voluntaryExit: ("voluntary_exit", .voluntaryExit)
        case .syncCommitteeMessage: ("sync_committee_message", .syncCommitteeMessage)
        case .syncCommitteeSelectionProof: ("sync_aggregator_selection_data", .syncAggregatorSelectionData)
        case .syncCommitteeContributionAndProof: ("contribution_and_proof", .contributionAndProof)
        case .validatorRegistration: ("validator_registration", .validatorRegistration)
        case .executionPayloadBid: ("execution_payload_bid", .wrappedOrBare(.executionPayloadBid, .gloas))
        case .executionPayloadEnvelope:
            ("execution_payload_envelope", .wrappedOrBare(.executionPayloadEnvelope, .gloas))
        case .payloadAttestationMessage:
            ("payload_attestation_message", .wrappedOrBare(.payloadAttestationData, .gloas))
        case .proposerPreferences: ("proposer_preferences", .wrappedOrBare(.proposerPreferences, .gloas))
        case .builderRequestAuth: ("builder_request_auth", .builderRequestAuth)
        }
    }

    /// The object itself, or `{version, data}` with it.
    private static func wrappedOrBare(_ schema: Schema, _ first: Fork = .phase0) -> Schema {
        let version = Property.optional("version", .version(Fork.allCases.filter { $0 >= first }))
        return .anyOf([.taken(version, Property("data", schema)), schema])
    }

    // MARK: Duties

    private static let forkInfo = Schema.named(
        "ForkInfo",
        .taken(
            Property(
                "fork",
                .taken(
                    Property("previous_version", .forkVersion),
                    Property("current_version", .forkVersion),
                    Property("epoch", .uint64)
                )
            ),
            Property("genesis_validators_root", .root)
        )
    )

    static let checkpoint = Schema.named("Checkpoint", .taken(Property("epoch", .uint64), Property("root", .root)))

    static let attestationData = Schema.named(
        "AttestationData",
        .taken(
            Property("slot", .uint64),
            Property("index", .uint64),
            Property("beacon_block_root", .root),
            Property("source", .checkpoint),
            Property("target", .checkpoint)
        )
    )

    static let attestation = Schema.named(
        "Attestation",
        .taken(
            Property("aggregation_bits", .bits),
            Property("data", .attestationData),
            Property("signature", .signature),
            .optional("committee_bits", .described(.bits, "From Electra on."))
        )
    )

    private static let aggregateAndProof = Schema.named(
        "AggregateAndProof",
        .taken(
            Property("aggregator_index", .uint64),
            Property("aggregate", .attestation),
            Property("selection_proof", .signature)
        )
    )

    private static let syncCommitteeMessage = Schema.named(
        "SyncCommitteeMessage",
        .taken(Property("beacon_block_root", .root), Property("slot", .uint64))
    )

    private static let syncAggregatorSelectionData = Schema.named(
        "SyncAggregatorSelectionData",
        .taken(Property("slot", .uint64), Property("subcommittee_index", .uint64))
    )

    private static let contributionAndProof = Schema.named(
        "ContributionAndProof",
        .taken(
            Property("aggregator_index", .uint64),
            Property(
                "contribution",
                .taken(
                    Property("slot", .uint64),
                    Property("beacon_block_root", .root),
                    Property("subcommittee_index", .uint64),
                    Property("aggregation_bits", .bits),
                    Property("signature", .signature)
                )
            ),
            Property("selection_proof", .signature)
        )
    )

    // MARK: The life of a validator

    private static let depositMessage = Schema.named(
        "DepositMessage",
        .taken(
            Property("pubkey", .publicKey),
            Property("withdrawal_credentials", .root),
            Property("amount", .uint64),
            Property("genesis_fork_version", .forkVersion)
        )
    )

    static let voluntaryExit = Schema.named(
        "VoluntaryExit",
        .taken(Property("epoch", .uint64), Property("validator_index", .uint64))
    )

    private static let validatorRegistration = Schema.named(
        "ValidatorRegistration",
        .taken(
            Property("fee_recipient", .address),
            Property("gas_limit", .uint64),
            Property("timestamp", .uint64),
            Property("pubkey", .publicKey)
        )
    )
}
