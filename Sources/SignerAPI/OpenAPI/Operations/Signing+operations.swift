// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

extension APIOperation {
    static func signing(_ compatibility: Compatibility) -> [APIOperation] {
        [sign(compatibility)] + keys
    }

    private static func sign(_ compatibility: Compatibility) -> APIOperation {
        let json = Schema.named("SignedMessage", .exactly(.init("signature", .signature)))
        return APIOperation(
            .post,
            "/api/v1/eth2/sign/:identifier",
            scope: .sign,
            tag: .signing,
            "sign",
            "Sign a message",
            text: """
                Blocks and attestations are checked against the slashing record and durably recorded before anything is \
                signed; what cannot be checked is refused. The same message may be signed again.

                The signer reads more than the schema shows: a type in any case; numbers as JSON numbers; bytes without \
                0x; 32 bytes without their leading zeros; every name in camelCase. It ignores members that it does not \
                know, but no name may stand twice in an object.
                """,
            parameters: [
                .path("identifier", .publicKey, "The key: hexadecimal in any case, with or without 0x.")
            ],
            body: Body(.signRequest),
            answers: [
                Answer(
                    status: 200,
                    text: "The signature: as JSON where Accept names application/json or */*, else as bare text.",
                    contents: [
                        .init(type: "application/json", schema: json), .init(type: "text/plain", schema: .signature),
                    ]
                )
            ],
            refusals: ErrorCode.signing(compatibility)
        )
    }

    private static let keys: [APIOperation] = [
        APIOperation(
            .get,
            "/api/v1/eth2/publicKeys",
            scope: .publicKeys,
            tag: .keys,
            "listPublicKeys",
            "List the loaded keys",
            text: "With a token, only the keys that it may use.",
            answers: [.json(.list(.publicKey), "The keys, in no order that means anything.")],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .get,
            "/api/v1/eth2/highWatermark",
            scope: .highWatermark,
            tag: .signing,
            "showHighWatermark",
            "Show where signing ends",
            text: "From this slot and this epoch on nothing is signed for any key. Absent without a slashing record.",
            answers: [.json(HighWatermarkDocument.schema, "The high watermark.")],
            refusals: [.protectionUnavailable]
        ),
        APIOperation(
            .post,
            "/reload",
            scope: .reload,
            tag: .keys,
            "reload",
            "Read the key sources again",
            text: "Runs in the background; keys that are gone sign nothing any more when it has ended.",
            answers: [
                .json(ReloadAnswer.schema, "It has begun.", status: 202),
                .json(ReloadAnswer.schema, "One is running already.", status: 409),
            ],
            refusals: ErrorCode.audited,
            isStrictAboutAccept: true
        ),
        APIOperation(
            .get,
            "/reload",
            scope: .reload,
            tag: .keys,
            "showReload",
            "Say how far the last reload is",
            answers: [.json(ReloadDocument.schema, "Its state.")],
            isStrictAboutAccept: true
        ),
    ]
}
