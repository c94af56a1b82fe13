// SPDX-License-Identifier: Apache-2.0
internal import Consensus

extension Schema {
    /// `beacon_block`: from Bellatrix on the header, before that the block or its header.
    static let beaconBlock: Schema = {
        let later = Fork.allCases.filter { $0 > .altair }
        return .choice(
            by: "version",
            [
                Variant(words: [Fork.phase0.name], schema: wrapped(.phase0, blockPhase0)),
                Variant(words: [Fork.altair.name], schema: wrapped(.altair, blockAltair)),
                Variant(
                    words: later.map(\.name),
                    schema: .named(
                        "BlockHeaderOfFork",
                        .taken(Property("version", .version(later)), Property("block_header", .blockHeader))
                    )
                ),
            ]
        )
    }()

    private static func wrapped(_ fork: Fork, _ block: Schema) -> Schema {
        let version = Property("version", .version([fork]))
        return .named(
            "BlockOf" + fork.name.prefix(1) + fork.name.dropFirst().lowercased(),
            .anyOf([
                .taken(version, Property("block", block)), .taken(version, Property("block_header", .blockHeader)),
            ])
        )
    }

    static let blockHeader = Schema.named(
        "BeaconBlockHeader",
        .taken(
            Property("slot", .uint64),
            Property("proposer_index", .uint64),
            Property("parent_root", .root),
            Property("state_root", .root),
            Property("body_root", .root)
        )
    )

    static let blockPhase0 = block("BeaconBlockPhase0", .object(bodyOfPhase0, isClosed: false))

    private static let blockAltair = block(
        "BeaconBlockAltair",
        .object(
            bodyOfPhase0 + [
                Property(
                    "sync_aggregate",
                    .taken(Property("sync_committee_bits", .bits), Property("sync_committee_signature", .signature))
                )
            ],
            isClosed: false
        )
    )

    private static func block(_ name: String, _ body: Schema) -> Schema {
        .named(
            name,
            .taken(
                Property("slot", .uint64),
                Property("proposer_index", .uint64),
                Property("parent_root", .root),
                Property("state_root", .root),
                Property("body", body)
            )
        )
    }

    /// The lists are as long as the specification lets them be (phase0/beacon-chain.md, "Max operations per block").
    private static let bodyOfPhase0 = [
        Property("randao_reveal", .signature),
        Property(
            "eth1_data",
            .taken(
                Property("deposit_root", .root),
                Property("deposit_count", .uint64),
                Property("block_hash", .root)
            )
        ),
        Property("graffiti", .root),
        Property("proposer_slashings", .list(.proposerSlashing, upTo: 16)),
        Property("attester_slashings", .list(.attesterSlashing, upTo: 2)),
        Property("attestations", .list(.attestation, upTo: 128)),
        Property("deposits", .list(.deposit, upTo: 16)),
        Property("voluntary_exits", .list(.signed(.voluntaryExit), upTo: 16)),
    ]

    private static func signed(_ message: Schema) -> Schema {
        .taken(Property("message", message), Property("signature", .signature))
    }

    private static let proposerSlashing = Schema.named(
        "ProposerSlashing",
        .taken(Property("signed_header_1", .signed(.blockHeader)), Property("signed_header_2", .signed(.blockHeader)))
    )

    private static let indexedAttestation = Schema.named(
        "IndexedAttestation",
        .taken(
            Property("attesting_indices", .list(.uint64, upTo: 2048)),
            Property("data", .attestationData),
            Property("signature", .signature)
        )
    )

    private static let attesterSlashing = Schema.named(
        "AttesterSlashing",
        .taken(Property("attestation_1", .indexedAttestation), Property("attestation_2", .indexedAttestation))
    )

    private static let deposit = Schema.named(
        "Deposit",
        .taken(Property("proof", .list(.root, from: 33, upTo: 33)), Property("data", .depositData))
    )

    static let depositData = Schema.named("DepositData", .object(depositFields, isClosed: false))

    static let depositFields = [
        Property("pubkey", .publicKey), Property("withdrawal_credentials", .root), Property("amount", .uint64),
        Property("signature", .signature),
    ]
}
