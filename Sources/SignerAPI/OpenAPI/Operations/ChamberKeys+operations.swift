// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer
internal import SealedKeys
internal import Sealing

extension APIOperation {
    private static let path: RoutePattern = "/api/v1/chamber/keys"
    private static let failures: [ErrorCode] = [.invalidRequest, .sealed, .keysUnavailable, .overloaded]
    private static let changes: [ErrorCode] =
        failures + [.masterKeyRotating, .stateUnavailable] + ErrorCode.audited

    /// The encrypted keys of the chamber, each verb where it is switched on.
    static let chamberKeys: [APIOperation] = [
        APIOperation(
            .get,
            path,
            scope: .chamberKeysList,
            tag: .chamber,
            "listChamberKeys",
            "List the encrypted keys",
            text: "A page in the order of public keys; `next` is what `after` is for the one behind it.",
            parameters: [
                .query("status", .words(SealedKeyStatus.allCases.map(\.rawValue)), "Only these."),
                .query("limit", .integer(from: 1, upTo: SealedKeyLimits.page), "How many; 100 where nothing is said."),
                .query("after", .publicKey, "Behind this key."),
                .query("include", .words(["encrypted_mnemonic"]), "Shows the backups too, encrypted as they lie."),
            ],
            answers: [.json(SealedKeyPage.schema, "The keys that the caller may know of.")],
            refusals: failures,
            isStrictAboutAccept: true
        ),
        APIOperation(
            .post,
            "/api/v1/chamber/keys/generate",
            scope: .chamberKeysGenerate,
            tag: .chamber,
            "generateChamberKeys",
            "Make new keys",
            text: """
                Each out of 24 words of its own (BIP-39, EIP-2333), which are kept beside the key, encrypted to the backup's \
                recipients, where that is configured. Under a `request_id` the same request again makes nothing new: \
                its keys are `existing`, those that were deleted since `not_found`. While the first is at work it is \
                answered 409, after a crash for five seconds at most.
                """,
            body: Body(.keyGeneration),
            answers: [.json(KeyStatusList.schema, "The keys; they are durable, and active ones sign.")],
            refusals: changes + [.requestIdentifierUsed, .requestInProgress],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .post,
            path,
            scope: .chamberKeysImport,
            tag: .chamber,
            "importChamberKeys",
            "Bring keys that exist already",
            text: """
                Keystores with their passwords, plain keys, or both. The history is in the record before any key can sign. \
                With `storage.persist: false` they are in memory only, and active: `status: inactive` with it is refused.
                """,
            body: Body(.keyImport),
            answers: [.json(KeyStatusList.schema, "What came of each: the keystores, then the plain keys.")],
            refusals: changes + [.protectionUnavailable, .stateUnavailable],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .patch,
            path,
            scope: .chamberKeysPatch,
            tag: .chamber,
            "patchChamberKeys",
            "Activate or deactivate keys",
            text: """
                When a deactivation is answered nothing is signed with the keys here; the other instances follow. Where \
                `status_filter` of the key source names `inactive`, they go on to sign, and `message` says so.
                """,
            body: Body(.keyChange),
            answers: [.json(KeyStatusList.schema, "What came of each, in order.")],
            refusals: changes + [.stateUnavailable],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .delete,
            path,
            scope: .chamberKeysDelete,
            tag: .chamber,
            "deleteChamberKeys",
            "Deactivate keys, or remove them for ever",
            text: """
                Removed are the encrypted secret and its backup; the history in the slashing record stays. Without `remove` \
                the keys are only deactivated, as by PATCH.
                """,
            body: Body(.keyDeletion),
            answers: [.json(KeyStatusList.schema, "What came of each, in order.")],
            refusals: changes + [.protectionUnavailable, .stateUnavailable],
            isStrictAboutAccept: true
        ),
    ]
}

extension Schema {
    private static let keyStatus = Schema.words(SealedKeyStatus.allCases.map(\.rawValue))

    static let keyGeneration: Schema = .named(
        "KeyGeneration",
        .exactly(
            .required("count", .integer(from: 1, upTo: 1000)),
            .optional("status", keyStatus),
            .optional("request_id", .text(pattern: "^[A-Za-z0-9_.-]{1,64}$"))
        )
    )

    static let keyImport: Schema = .named(
        "KeyImport",
        .exactly(
            .optional("keystores", .described(.list(.text()), "EIP-2335 keystores, each as JSON in a string.")),
            .optional("passwords", .described(.list(.text()), "One for each keystore, in the same order.")),
            .optional("private_keys", .list(.text(pattern: "^(0x)?[0-9a-fA-F]{64}$"))),
            .optional("status", keyStatus),
            .optional("storage", .exactly(.optional("persist", .boolean))),
            .optional("slashing_protection", .described(.text(), "An EIP-3076 document as JSON in a string."))
        )
    )

    static let keyChange: Schema = .named(
        "KeyChange",
        .exactly(.required("pubkeys", .list(.publicKey, from: 1)), .required("status", keyStatus))
    )

    static let keyDeletion: Schema = .named(
        "KeyDeletion",
        .exactly(
            .required("pubkeys", .list(.publicKey, from: 1)),
            .optional("remove", .described(.boolean, "Whether the keys are removed; else they are deactivated."))
        )
    )
}

extension KeyStatusDocument: Documented {
    static let schema = Schema.named(
        "KeyStatus",
        .exactly(
            .optional("pubkey", .publicKey),
            .required("status", .words(ChamberKeys.Status.Word.allCases.map(\.rawValue))),
            .required("message", .text()),
            .optional("derivation_path", .text()),
            .optional("has_backup", .boolean)
        )
    )
}

extension KeyStatusList: Documented {
    static let schema = Schema.named("KeyStatuses", .exactly(.required("data", .list(KeyStatusDocument.schema))))
}

extension SealedKeyDocument: Documented {
    static let schema = Schema.named(
        "SealedKey",
        .exactly(
            .required("pubkey", .publicKey),
            .required("status", .words(SealedKeyStatus.allCases.map(\.rawValue))),
            .required("created_at", .text(format: "date-time")),
            .required("updated_at", .text(format: "date-time")),
            .required("version", .text(pattern: "^[0-9]+$")),
            .optional("name", .text()),
            .required("has_backup", .boolean),
            .optional("fault", .words(KeyRowFault.allCases.map(\.rawValue))),
            .optional("encrypted_mnemonic", .text())
        )
    )
}

extension SealedKeyPage: Documented {
    static let schema = Schema.named(
        "SealedKeys",
        .exactly(.required("data", .list(SealedKeyDocument.schema)), .optional("next", .publicKey))
    )
}
