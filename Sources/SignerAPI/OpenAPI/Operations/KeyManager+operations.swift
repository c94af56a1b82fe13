// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

extension APIOperation {
    private static let keystores: RoutePattern = "/eth/v1/keystores"

    /// The Key Manager API, where it is switched on.
    static let keyManager: [APIOperation] = [
        APIOperation(
            .get,
            keystores,
            scope: .listKeys,
            tag: .keys,
            "listKeystores",
            "List the keys",
            text: "Those that the token may manage; `readonly` are those of files, which cannot be deleted here.",
            answers: [.json(KeystoreList.schema, "The keys, in order.")],
            refusals: [.overloaded],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .post,
            keystores,
            scope: .importKeystores,
            tag: .keys,
            "importKeystores",
            "Import keystores into memory",
            text: """
                The history is in the record before any key can sign. Keys are in memory only: after a restart they have to \
                be imported again. An import enables a key that is disabled in the record.
                """,
            body: Body(.keystoreImport),
            answers: [.json(StatusList.schema, "What came of each keystore, in order.")],
            refusals: [.invalidRequest, .overloaded, .protectionUnavailable] + ErrorCode.audited,
            isStrictAboutAccept: true
        ),
        APIOperation(
            .delete,
            keystores,
            scope: .deleteKeys,
            tag: .keys,
            "deleteKeystores",
            "Delete keys, and give what they have signed",
            text: """
                When this is answered nothing is signed with the keys here any more, and nothing slashable by any signer that \
                shares the record.
                """,
            body: Body(.keystoreDeletion),
            answers: [.json(DeletionDocument.schema, "What came of each key, in order, and their history.")],
            refusals: [.invalidRequest, .overloaded] + ErrorCode.audited,
            isStrictAboutAccept: true
        ),
    ]
}
