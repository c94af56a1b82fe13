// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

extension APIOperation {
    private static let failures: [ErrorCode] =
        [.stateUnavailable, .custodyUnavailable, .chamberFailed, .sealed] + ErrorCode.audited

    /// The chamber, where keys are sealed under a master key.
    static let chamber: [APIOperation] =
        [
            APIOperation(
                .post,
                "/api/v1/chamber/init",
                scope: .chamberInit,
                tag: .chamber,
                "initChamber",
                "Make the master key",
                text: """
                    Once in the life of a chamber. The key is shared out among the KMS keys; as many of them as the threshold \
                    says give it back. Every share is unwrapped once before anything is written.
                    """,
                body: Body(.chamberInit),
                answers: [
                    .json(ChamberDocument.schema, "It is made, and the chamber has tried to open with it.", status: 201)
                ],
                refusals: [.invalidRequest, .alreadyInitialized] + failures,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .get,
                "/api/v1/chamber/status",
                scope: .chamberStatus,
                tag: .chamber,
                "showChamber",
                "How the chamber stands",
                answers: [.json(ChamberDocument.schema, "As this instance has it.")],
                isStrictAboutAccept: true
            ),
            APIOperation(
                .post,
                "/api/v1/chamber/seal",
                scope: .chamberSeal,
                tag: .chamber,
                "sealChamber",
                "Close the chamber at once",
                text: """
                    When this is answered nothing is under way here, and the master key and every key under it are gone from this \
                    process. The other instances follow within two seconds; `not_ordered` says why they cannot. It holds across \
                    restarts, until the chamber is unsealed.
                    """,
                answers: [.json(ChamberDocument.schema, "It is sealed.")],
                refusals: failures,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .post,
                "/api/v1/chamber/unseal",
                scope: .chamberUnseal,
                tag: .chamber,
                "unsealChamber",
                "Take back the order to seal",
                text: """
                    The chamber opens as at a start, by its KMS keys; `seal` says whether it has. Where KMS keys alone open it, they \
                    are needed before anything is written: the chamber verifies the caller's token and tags what takes the order \
                    back under its master key.
                    """,
                answers: [.json(ChamberDocument.schema, "It has opened, or says why not.")],
                refusals: [.uninitialized, .versionConflict] + failures,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .post,
                "/api/v1/chamber/rotate",
                scope: .chamberRotate,
                tag: .chamber,
                "rotateChamber",
                "Change how the master key is held, or the master key itself",
                text: """
                    `kind` says what is changed; each kind takes the members that belong to it, and no others. Where operators hold the \
                    chamber the answer is 202 with a proposal: when as many as it needs have approved, the same path performs it \
                    for `{"proposal": id}`. Signing goes on meanwhile. Operators who are new register with the tokens of the answer; \
                    when all have, those of before approve a proposal of the kind `quorum_seats`, which names every credential by \
                    its fingerprint, and the last approval puts them in their place.
                    """,
                body: Body(.custodyRotation),
                answers: [
                    .json(ChamberDocument.schema, "It is done, or goes on by itself."),
                    .json(ProposedDocument.schema, "Operators have to approve it first.", status: 202),
                ],
                refusals: [
                    .invalidRequest, .uninitialized, .registering, .rotating, .notRotating, .versionConflict,
                    .unknownProposal,
                    .notApproved, .tooManyProposals,
                ] + failures,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .delete,
                "/api/v1/chamber/rotate",
                scope: .chamberRotate,
                tag: .chamber,
                "cancelRegistration",
                "End a registration of operators",
                text:
                    "Its tokens are worth nothing any more, and the operators of before, if any, stay. The chamber has to be open, unless it has no master key yet.",
                answers: [.json(ChamberDocument.schema, "It is ended.")],
                refusals: [.noRegistration, .rotating, .versionConflict] + failures,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .delete,
                "/api/v1/chamber/proposals/:id",
                scope: .chamberRotate,
                tag: .chamber,
                "withdrawProposal",
                "Take back a proposal",
                text: "By who made it. One caller has at most four that wait, all callers together sixteen.",
                parameters: [.path("id", .text(pattern: "^[0-9a-f]{32}$"), "The identifier of a proposal.")],
                answers: [.json(ChamberDocument.schema, "It is gone.")],
                refusals: [.unknownProposal, .notYourProposal] + failures,
                isStrictAboutAccept: true
            ),
        ] + operators
}

extension Schema {
    /// The body of an initialisation.
    static let chamberInit: Schema = .named(
        "ChamberInit",
        .exactly(
            .required(
                "kms_key_arns",
                .list(
                    .described(
                        .text(
                            example: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
                        ),
                        "A KMS key, by its ARN; `local:PATH` for development."
                    ),
                    from: 1,
                    upTo: 16
                )
            ),
            .required("kms_threshold", .integer(from: 1, upTo: 16)),
            .optional(
                "operators",
                .described(
                    .list(.text(pattern: "^[a-z][a-z0-9._-]{0,31}$"), from: 2, upTo: 16),
                    "Who opens the chamber together, besides the KMS keys. They register with the tokens of the answer."
                )
            ),
            .optional("operator_threshold", .integer(from: 2, upTo: 16))
        )
    )
}
