// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

extension APIOperation {
    private static let failures: [ErrorCode] = [.invalidRequest, .tooManyAttempts] + ErrorCode.audited

    /// What operators of a quorum do with their own credentials.
    static let operators: [APIOperation] = [
        APIOperation(
            .post,
            "/api/v1/chamber/register",
            scope: .chamberOperator,
            tag: .chamber,
            "registerOperator",
            "Register the credentials of an operator",
            text: "The last operator's registration makes the master key, or replaces the quorum that was there.",
            body: Body(.operatorRegistration),
            answers: [.json(ChamberDocument.schema, "The operator is registered.")],
            refusals: failures + [
                .noRegistration, .unknownRegistrationToken, .alreadyRegistered, .badCredential, .versionConflict,
                .alreadyInitialized, .uninitialized, .sealed, .stateUnavailable, .custodyUnavailable, .chamberFailed,
            ],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .post,
            "/api/v1/chamber/challenge",
            scope: .chamberOperator,
            tag: .chamber,
            "challengeOperator",
            "What an operator's program needs in order to answer",
            text:
                "What the credentials are derived from, the challenge of the opening that is under way, and a proposal.",
            body: Body(
                .named(
                    "ChallengeWanted",
                    .exactly(.required("operator", .text()), .optional("proposal", .text()))
                )
            ),
            answers: [.json(ChallengeDocument.schema, "Good for as long as it says.")],
            refusals: [.invalidRequest, .tooManyAttempts, .unknownOperator, .unknownProposal],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .post,
            "/api/v1/chamber/unseal/box",
            scope: .chamberOperator,
            tag: .chamber,
            "takeShare",
            "Get one's own share, which only one's credential opens",
            text: "For a challenge that was signed with the credential.",
            body: Body(.operatorAnswer),
            answers: [.json(BoxesDocument.schema, "One share; two while the master key is being rotated.")],
            refusals: failures + [
                .unknownOperator, .unknownCredential, .badSignature, .challengeExpired, .notUnsealing, .shareDuplicate,
                .tooManyChallenges,
            ],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .post,
            "/api/v1/chamber/unseal/share",
            scope: .chamberOperator,
            tag: .chamber,
            "giveShare",
            "Bring one's opened share",
            text: "In a box for the key of the ceremony. With enough of them the chamber opens.",
            body: Body(.operatorShares),
            answers: [.json(ChamberDocument.schema, "It was taken.")],
            refusals: failures + [
                .unknownOperator, .challengeExpired, .notUnsealing, .shareDuplicate, .shareWrong, .shareForeign,
                .shareUnreadable,
            ],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .post,
            "/api/v1/chamber/approve",
            scope: .chamberOperator,
            tag: .chamber,
            "approveProposal",
            "Approve a proposal",
            text: "By a signature under its document. Approving twice changes nothing.",
            body: Body(
                .named(
                    "Approval",
                    .exactly(
                        .required("proposal", .text()),
                        .required("operator", .text()),
                        .required("credential", .text()),
                        .required("signature", .digits(64))
                    )
                )
            ),
            answers: [.json(ProposedDocument.schema, "As it stands now.")],
            refusals: failures + [
                .unknownOperator, .unknownCredential, .badSignature, .unknownProposal, .uninitialized, .sealed,
                .chamberFailed,
            ],
            isStrictAboutAccept: true
        ),
    ]
}

extension Schema {
    /// So many bytes in lower-case hexadecimal digits, without a prefix.
    static func digits(_ count: Int) -> Schema { .text(pattern: "^[0-9a-f]{\(2 * count)}$") }

    private static let hintProperties: [Property] = [
        .required("id", .digits(8)),
        .required("label", .text()),
        .required("kind", .words(["passphrase", "yubikey"])),
        .optional("passes", .integer(from: 3, upTo: 16)),
        .optional("memory_kib", .integer(from: 65_536, upTo: 2_097_152)),
        .optional("salt", .digits(16)),
        .optional("slot", .integer(from: 1, upTo: 2)),
        .optional("challenge", .digits(32)),
    ]

    static let operatorHint = Schema.named("CredentialHint", .object(hintProperties, isClosed: true))

    private static let offer = Schema.named(
        "CredentialOffer",
        .object(
            hintProperties + [
                .required("exchange_key", .described(.digits(32), "X25519: the share is sealed to it.")),
                .required("signing_key", .described(.digits(32), "Ed25519.")),
                .required(
                    "blind",
                    .described(.digits(16), "Random: the fingerprint that people compare is made with it.")
                ),
                .required("proof", .described(.digits(64), "A signature with it (docs/formats.md).")),
            ],
            isClosed: true
        )
    )

    static let operatorBox = Schema.exactly(
        .required("ceremony", .digits(16)),
        .required("box", .described(.text(), "Base64 (docs/formats.md)."))
    )

    static let operatorRegistration = Schema.named(
        "OperatorRegistration",
        .exactly(.required("token", .text()), .required("credentials", .list(offer, from: 1, upTo: 8)))
    )

    static let operatorAnswer = Schema.named(
        "OperatorAnswer",
        .exactly(
            .required("operator", .text()),
            .required("credential", .text()),
            .required("challenge", .text()),
            .required("signature", .digits(64))
        )
    )

    static let operatorShares = Schema.named(
        "OperatorShares",
        .exactly(
            .required("operator", .text()),
            .required("credential", .text()),
            .required("challenge", .text()),
            .required("shares", .list(operatorBox, from: 1, upTo: 2))
        )
    )

    private static let keyNames = Schema.list(.text(), from: 1, upTo: 16)
    private static let operatorNames = Schema.list(.text(pattern: "^[a-z][a-z0-9._-]{0,31}$"), from: 2, upTo: 16)

    /// A change of custody; which members belong together depends on the kind.
    static let custodyRotation = Schema.named(
        "CustodyRotation",
        .anyOf([
            .exactly(.required("proposal", .text())),
            .exactly(
                .required("kind", .words(["kms"])),
                .required("kms_key_arns", keyNames),
                .required("kms_threshold", .integer(from: 1, upTo: 16))
            ),
            .exactly(
                .required("kind", .words(["quorum"])),
                .required("operators", operatorNames),
                .required("operator_threshold", .integer(from: 2, upTo: 16))
            ),
            .exactly(.required("kind", .words(["mode"])), .required("to", .words(["kms"]))),
            .exactly(
                .required("kind", .words(["mode"])),
                .required("to", .words(["quorum"])),
                .required("operators", operatorNames),
                .required("operator_threshold", .integer(from: 2, upTo: 16))
            ),
            .exactly(.required("kind", .words(["master_key", "master_key_finish"]))),
            .exactly(
                .required("kind", .words(["credential_add"])),
                .required("operator", .text()),
                .required("credential", offer)
            ),
            .exactly(
                .required("kind", .words(["credential_remove"])),
                .required("operator", .text()),
                .required("credential", .text())
            ),
        ])
    )
}
