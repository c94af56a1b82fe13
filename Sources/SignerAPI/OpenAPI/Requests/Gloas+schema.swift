// SPDX-License-Identifier: Apache-2.0
internal import Consensus

extension Schema {
    static let executionPayloadBid = Schema.named(
        "ExecutionPayloadBid",
        .taken(
            Property("parent_block_hash", .root),
            Property("parent_block_root", .root),
            Property("block_hash", .root),
            Property("prev_randao", .root),
            Property("fee_recipient", .address),
            Property("gas_limit", .uint64),
            Property("builder_index", .uint64),
            Property("slot", .uint64),
            Property("value", .uint64),
            Property("execution_payment", .uint64),
            Property("blob_kzg_commitments", .list(.bytes(48))),
            Property("execution_requests_root", .root)
        )
    )

    static let executionPayloadEnvelope = Schema.named(
        "ExecutionPayloadEnvelope",
        .taken(
            Property("payload", .executionPayload),
            Property("execution_requests", .executionRequests),
            Property("builder_index", .uint64),
            Property("beacon_block_root", .root),
            Property("parent_beacon_block_root", .root)
        )
    )

    private static let executionPayload = Schema.named(
        "ExecutionPayload",
        .taken(
            Property("parent_hash", .root),
            Property("fee_recipient", .address),
            Property("state_root", .root),
            Property("receipts_root", .root),
            Property("logs_bloom", .bytes(256)),
            Property("prev_randao", .root),
            Property("block_number", .uint64),
            Property("gas_limit", .uint64),
            Property("gas_used", .uint64),
            Property("timestamp", .uint64),
            Property("extra_data", .byteList),
            Property("base_fee_per_gas", .uint256),
            Property("block_hash", .root),
            Property("transactions", .list(.byteList)),
            Property("withdrawals", .list(.withdrawal)),
            Property("blob_gas_used", .uint64),
            Property("excess_blob_gas", .uint64),
            Property("block_access_list", .byteList),
            Property("slot_number", .uint64)
        )
    )

    private static let withdrawal = Schema.named(
        "Withdrawal",
        .taken(
            Property("index", .uint64),
            Property("validator_index", .uint64),
            Property("address", .address),
            Property("amount", .uint64)
        )
    )

    private static let executionRequests = Schema.named(
        "ExecutionRequests",
        .taken(
            Property("deposits", .list(.object(depositFields + [Property("index", .uint64)], isClosed: false))),
            Property(
                "withdrawals",
                .list(
                    .taken(
                        Property("source_address", .address),
                        Property("validator_pubkey", .publicKey),
                        Property("amount", .uint64)
                    )
                )
            ),
            Property(
                "consolidations",
                .list(
                    .taken(
                        Property("source_address", .address),
                        Property("source_pubkey", .publicKey),
                        Property("target_pubkey", .publicKey)
                    )
                )
            ),
            Property("builder_deposits", .list(.depositData)),
            Property(
                "builder_exits",
                .list(.taken(Property("source_address", .address), Property("pubkey", .publicKey)))
            )
        )
    )

    static let payloadAttestationData = Schema.named(
        "PayloadAttestationData",
        .taken(
            Property("beacon_block_root", .root),
            Property("slot", .uint64),
            Property("payload_present", .boolean),
            Property("blob_data_available", .boolean)
        )
    )

    static let proposerPreferences = Schema.named(
        "ProposerPreferences",
        .taken(
            Property("dependent_root", .root),
            Property("proposal_slot", .uint64),
            Property("validator_index", .uint64),
            Property("fee_recipient", .address),
            Property("target_gas_limit", .uint64)
        )
    )

    /// Its own first member is called `data` too: a wrapper is what has an object there.
    static let builderRequestAuth: Schema = {
        let bare = Schema.named(
            "BuilderRequestAuth",
            .taken(Property("data", .byteList), Property("slot", .uint64))
        )
        return .anyOf([.taken(.optional("version", .version([.gloas])), Property("data", bare)), bare])
    }()
}
