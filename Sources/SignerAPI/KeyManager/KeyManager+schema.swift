// SPDX-License-Identifier: Apache-2.0

// What the Key Manager API takes and answers (ethereum/keymanager-APIs).

extension Schema {
    static let keystoreImport = Schema.named(
        "KeystoreImport",
        .taken(
            .required("keystores", .described(.list(.text()), "EIP-2335 keystores, each as JSON in a string.")),
            .required("passwords", .described(.list(.text()), "One for each keystore, in the same order.")),
            .optional("slashing_protection", .described(.text(), "An EIP-3076 document as JSON in a string."))
        )
    )

    static let keystoreDeletion = Schema.named("KeystoreDeletion", .taken(.required("pubkeys", .list(.text()))))
}

extension ListedKeystore: Documented {
    static let schema = Schema.named(
        "ListedKeystore",
        .exactly(
            .required("validating_pubkey", .publicKey),
            .required("derivation_path", .anyOf([.text(), .null])),
            .required("readonly", .boolean)
        )
    )
}

extension KeystoreList: Documented {
    static let schema = Schema.named("ListedKeystores", .exactly(.required("data", .list(ListedKeystore.schema))))
}

extension StatusDocument: Documented {
    static let schema = Schema.named(
        "KeystoreStatus",
        .exactly(
            .required("status", .words(KeyManager.Status.Word.allCases.map(\.rawValue))),
            .required("message", .described(.text(), "Why, for an error; else empty, or what is worth knowing."))
        )
    )
}

extension StatusList: Documented {
    static let schema = Schema.named("KeystoreStatuses", .exactly(.required("data", .list(StatusDocument.schema))))
}

extension DeletionDocument: Documented {
    static let schema = Schema.named(
        "DeletedKeystores",
        .exactly(
            .required("data", .list(StatusDocument.schema)),
            .required(
                "slashing_protection",
                .described(.text(), "An EIP-3076 document as JSON in a string: all that was signed.")
            )
        )
    )
}
