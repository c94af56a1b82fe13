// SPDX-License-Identifier: Apache-2.0
internal import SlashingProtection

// What the routes of `RecordAdministration` take and answer.

extension Schema {
    /// EIP-3076, version 5, as it is written here.
    static let interchange: Schema = {
        let number = Schema.text(pattern: "^[0-9]+$")
        let block = Schema.taken(.required("slot", number), .optional("signing_root", .root))
        let attestation = Schema.taken(
            .required("source_epoch", number),
            .required("target_epoch", number),
            .optional("signing_root", .root)
        )
        let validator = Schema.taken(
            .required("pubkey", .publicKey),
            .required("signed_blocks", .list(block)),
            .required("signed_attestations", .list(attestation))
        )
        let metadata = Schema.taken(
            .required("interchange_format_version", .words([Interchange.version])),
            .required("genesis_validators_root", .root)
        )
        return .named(
            "Interchange",
            .described(
                .taken(.required("metadata", metadata), .required("data", .list(validator))),
                "Histories of validators (EIP-3076)."
            )
        )
    }()

    static let recordValidators = Schema.list(.publicKey)

    static let raisedWatermarks = Schema.exactly(.required("validators", .integer()))
}

extension HighWatermarkDocument: Documented {
    static let schema = Schema.named(
        "HighWatermark",
        .described(
            .exactly(.optional("epoch", .uint64), .optional("slot", .uint64)),
            "Empty where none is set."
        )
    )
}

extension OutlineDocument: Documented {
    static let schema = Schema.named(
        "RecordOutline",
        .exactly(.required("genesisValidatorsRoot", .root), .required("validators", .list(.publicKey)))
    )
}

extension ImportReport: Documented {
    static let schema: Schema = {
        let outcomes = [Outcome.taken, .mergedStrictly, .failed].map(\.rawValue)
        let validator = Schema.exactly(
            .required("publicKey", .publicKey),
            .required("outcome", .words(outcomes)),
            .required("blocksAdded", .integer()),
            .required("attestationsAdded", .integer()),
            .required("repeated", .integer()),
            .required("conflicts", .integer()),
            .optional("reason", .text())
        )
        let unreadable = Schema.exactly(
            .required("position", .integer()),
            .optional("publicKey", .text()),
            .required("reason", .text())
        )
        return .named(
            "ImportReport",
            .exactly(
                .required("dryRun", .boolean),
                .required("validators", .list(validator)),
                .required("unreadable", .list(unreadable))
            )
        )
    }()
}

extension PruningReport: Documented {
    static let schema = Schema.named(
        "PruningReport",
        .exactly(
            .required("validators", .integer()),
            .required("blocks", .integer()),
            .required("attestations", .integer()),
            .required("implausible", .integer())
        )
    )
}

extension RecordStatus: Documented {
    static let schema = Schema.named(
        "RecordStatus",
        .exactly(
            .required("backend", .text()),
            .required("path", .text()),
            .required("schemaVersion", .integer()),
            .required("genesisValidatorsRoot", .root),
            .required("validators", .integer()),
            .required("disabled", .integer()),
            .optional("highWatermarkSlot", .uint64),
            .optional("highWatermarkEpoch", .uint64),
            .required("health", .described(.text(), "`ready`, or why nothing can be signed."))
        )
    )
}

extension RecordCount: Documented {
    static let schema = Schema.named(
        "RecordCount",
        .exactly(
            .required("validators", .integer()),
            .required("blocks", .integer()),
            .required("attestations", .integer())
        )
    )
}

extension EnablingReport: Documented {
    static let schema = Schema.named(
        "EnablingReport",
        .exactly(
            .required("changed", .list(.publicKey)),
            .required("unchanged", .list(.publicKey)),
            .required(
                "refused",
                .list(.exactly(.required("publicKey", .publicKey), .required("reason", .text())))
            )
        )
    )
}

extension DisabledDocument: Documented {
    static let schema = Schema.named(
        "DisabledValidator",
        .exactly(
            .required("publicKey", .publicKey),
            .optional("instance", .described(.text(), "The identifier of the instance that did it.")),
            .optional("name", .text())
        )
    )
}

extension VerificationReport: Documented {
    static let schema: Schema = {
        let finding = Schema.exactly(
            .optional("publicKey", .text()),
            .required("severity", .words(["error", "warning"])),
            .required("problem", .text())
        )
        return .named(
            "VerificationReport",
            .exactly(
                .required("validators", .integer()),
                .required("blocks", .integer()),
                .required("attestations", .integer()),
                .required("belowWatermark", .integer()),
                .required("findings", .list(finding))
            )
        )
    }()
}

extension ReconcileReport: Documented {
    static let schema: Schema = {
        let instance = Schema.exactly(.required("identifier", .text()), .required("name", .text()))
        return .named(
            "ReconcileReport",
            .exactly(
                .required("instance", instance),
                .required("recovery", .text(pattern: "^[0-9]+$")),
                .required("merged", .integer()),
                .required("raised", .integer()),
                .optional("clockFloor", .text()),
                .required("missing", .list(instance)),
                .required("isCleared", .boolean)
            )
        )
    }()
}
