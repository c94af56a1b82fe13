// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Consensus
internal import SignerState

// What the routes of `AccessRoutes` take and answer.

extension Schema {
    /// `PolicyName.rule`.
    static let accessName = Schema.named(
        "Name",
        .described(.text(pattern: "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", example: "vc-1"), "\(PolicyName.rule).")
    )

    private static let version = Schema.described(
        .text(pattern: "^[0-9]+$", example: "1"),
        "Goes into If-Match, so that a change of somebody else is not overwritten."
    )

    /// A rule; a member that is absent means any, and an empty list is refused.
    private static let rule: Schema = {
        let limits = PolicyDocument.Limits()
        let scopes = Schema.words(Scope.grantable.map(\.rawValue))
        let operations = Schema.words(OperationType.allCases.map(\.name))
        return .named(
            "Rule",
            .exactly(
                .required("effect", .words(Rule.Effect.allCases.map(\.rawValue))),
                .optional("scopes", .list(scopes, from: 1, upTo: Scope.grantable.count)),
                .optional("keys", .list(.publicKey, from: 1, upTo: limits.keys)),
                .optional("operations", .list(operations, from: 1, upTo: OperationType.allCases.count)),
                .optional("source_cidrs", .list(.text(example: "10.0.3.0/24"), from: 1, upTo: limits.ranges))
            )
        )
    }()

    private static let rules = Property("rules", .list(.rule, from: 1, upTo: PolicyDocument.Limits().rules))

    static let policyToCreate = Schema.named("PolicyToCreate", .exactly(.required("name", .accessName), rules))

    static let policyToReplace = Schema.named(
        "PolicyToReplace",
        .exactly(.optional("name", .described(.accessName, "The one in the path, if any.")), rules)
    )

    private static let policiesWanted = Property(
        "policies",
        .list(.accessName, from: 1, upTo: AccessRegister.mostPoliciesOfToken, isSet: true)
    )

    static let tokenWanted = Schema.named(
        "TokenWanted",
        .exactly(.required("name", .accessName), policiesWanted, lifetime)
    )

    static let tokenToReplace = Schema.named(
        "TokenToReplace",
        .exactly(
            .required("name", .accessName),
            policiesWanted,
            .optional(
                "ttl_seconds",
                .described(
                    .anyOf([.integer(from: 1, upTo: Int(TokenRequest.longest)), .null]),
                    "From now on. Without it the token keeps its end; null takes the end away."
                )
            )
        )
    )

    private static let proposal = Property.optional(
        "proposal",
        .described(.text(), "The one that operators have approved, where they hold the chamber.")
    )
    static let rootTokenWanted = Schema.named(
        "RootTokenWanted",
        .exactly(.required("name", .accessName), lifetime, proposal)
    )

    private static let lifetime = Property.optional(
        "ttl_seconds",
        .described(.integer(from: 1, upTo: Int(TokenRequest.longest)), "Without it the token does not expire.")
    )

    /// Its identifier: of a token nothing more is shown after it was made.
    static let tokenIdentifier = Schema.named(
        "TokenIdentifier",
        .described(.text(pattern: "^[0-9a-f]{16}$", example: "00c0ffee00c0ffee"), "The identifier of a token.")
    )

    fileprivate static let policyMembers: [Property] = [
        .required("name", .accessName), rules, .required("version", version),
    ]

    fileprivate static let tokenMembers: [Property] = [
        .required("id", .tokenIdentifier), .required("name", .accessName),
        .required("policies", .list(.accessName)), .required("created_at", .time), .optional("expires_at", .time),
        .optional("revoked_at", .time),
        .optional("last_used_at", .described(.time, "As this instance has seen it since it started.")),
        .required("version", version),
    ]

    /// The one answer that shows a token.
    static let createdToken = Schema.named(
        "CreatedToken",
        .object(
            tokenMembers + [
                .required("token", .described(.text(pattern: "^cc_token_[0-9a-f]{64}$"), "The secret, this once."))
            ],
            isClosed: true
        )
    )
}

extension Schema {
    private static let fingerprint = Schema.named(
        "Fingerprint",
        .described(.text(pattern: "^[0-9a-f]{64}$"), "SHA-256 of a certificate.")
    )

    private static let offeredFingerprint = Schema.described(
        .text(pattern: "^([0-9A-Fa-f]{2}:?){32}$"),
        "SHA-256 of a certificate, with or without colons."
    )

    /// Either the certificate itself, or a name from an authority.
    static let certificateWanted = Schema.named(
        "CertificateWanted",
        .exactly(
            .required("name", .accessName),
            .required("policies", .list(.accessName, from: 1)),
            .optional("fingerprint", .described(offeredFingerprint, "This certificate, and no other.")),
            .optional("ca_fingerprint", .described(offeredFingerprint, "With san: of the authority that issues it.")),
            .optional(
                "san",
                .described(
                    .text(example: "DNS:vc-1.example"),
                    "With ca_fingerprint: an alternative name, DNS:, URI:, IP: or email: and the name."
                )
            )
        )
    )

    fileprivate static let certificateMembers: [Property] = [
        .required("name", .accessName), .required("policies", .list(.accessName)),
        .optional("fingerprint", fingerprint), .optional("ca_fingerprint", fingerprint), .optional("san", .text()),
        .required("created_at", .time), .required("version", version),
    ]
}

extension CertificateAnswer: Documented {
    static let schema = Schema.named("Certificate", .object(Schema.certificateMembers, isClosed: true))
}

extension CertificateList: Documented {
    static let schema = Schema.named(
        "Certificates",
        .exactly(.required("certificates", .list(CertificateAnswer.schema)), .refusedRows)
    )
}

extension PolicyAnswer: Documented {
    static let schema = Schema.named("Policy", .object(Schema.policyMembers, isClosed: true))
}

extension PolicyList: Documented {
    static let schema = Schema.named(
        "Policies",
        .exactly(.required("policies", .list(PolicyAnswer.schema)), .refusedRows)
    )
}

extension TokenAnswer: Documented {
    static let schema = Schema.named("Token", .object(Schema.tokenMembers, isClosed: true))
}

extension TokenList: Documented {
    static let schema = Schema.named("Tokens", .exactly(.required("tokens", .list(TokenAnswer.schema)), .refusedRows))
}

extension Schema.Property {
    /// Of a list: rows that are not believed.
    fileprivate static let refusedRows = Schema.Property.optional(
        "refused",
        .described(
            .list(.exactly(.required("name", .text()), .required("fault", .accessFault))),
            "Rows that are not what the signers wrote, and are not believed; absent where there are none."
        )
    )
}

extension Schema {
    fileprivate static let accessFault = Schema.words(AccessFault.allCases.map(\.rawValue))

    static let rowsAccepted = Schema.named(
        "RowsAccepted",
        .exactly(.required("digest", .described(.text(), "Of the review that was shown.")), proposal)
    )
}

/// What becomes of each row of policies, tokens and bound certificates where an operator accepts them.
struct RowReview: Encodable, Documented {
    struct Line: Encodable {
        let kind: String
        let name: String
        let version: String
        let fault: String?

        init(_ line: AccessReview.Line) {
            kind = line.name.kind
            name = StateRowName.shown(line.name.name)
            version = "\(line.version)"
            fault = line.fault?.rawValue
        }
    }
    let accepted: [Line]
    let dropped: [Line]
    let digest: String

    init(_ review: AccessReview) {
        accepted = review.accepted.map(Line.init)
        dropped = review.dropped.map(Line.init)
        digest = review.digest
    }

    static let schema: Schema = {
        let line = Schema.named(
            "ReviewedRow",
            .exactly(
                .required("kind", .text()),
                .required("name", .text()),
                .required("version", .text(pattern: "^[0-9]+$")),
                .optional("fault", .accessFault)
            )
        )
        return .named(
            "RowReview",
            .exactly(
                .required("accepted", .list(line)),
                .required("dropped", .list(line)),
                .required("digest", .text(pattern: "^[0-9a-f]{64}$"))
            )
        )
    }()
}
