// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

extension APIOperation {
    private static let policies: RoutePattern = "/api/v1/auth/policies"
    private static let policy: RoutePattern = "/api/v1/auth/policies/:name"
    private static let tokens: RoutePattern = "/api/v1/auth/tokens"
    private static let token: RoutePattern = "/api/v1/auth/tokens/:id"

    private static let certificates: RoutePattern = "/api/v1/auth/certificates"
    private static let certificate: RoutePattern = "/api/v1/auth/certificates/:name"
    private static let certificateName = Parameter.path("name", .accessName, "The name of a bound certificate.")

    private static let name = Parameter.path("name", .accessName, "The name of a policy.")
    private static let identifier = Parameter.path("id", .tokenIdentifier, "The identifier of a token.")
    private static let version = Parameter.header(
        "If-Match",
        .text(pattern: "^\"[0-9]+\"$", example: "\"3\""),
        "A version in quotation marks: only that version is replaced."
    )

    /// What every change can be refused with.
    private static let change: [ErrorCode] =
        [.versionConflict, .stateUnavailable, .catalogueRefused] + ErrorCode.audited

    static let access: [APIOperation] = [
        read(policies, "listPolicies", "List the policies", answer: .json(PolicyList.schema, "All policies.")),
        write(
            .post,
            policies,
            "createPolicy",
            "Make a policy",
            body: Body(.policyToCreate),
            answer: .json(PolicyAnswer.schema, "It is made.", status: 201),
            [.invalidRequest, .alreadyExists, .limitReached]
        ),
        read(
            policy,
            "showPolicy",
            "Show a policy",
            [name],
            answer: .json(PolicyAnswer.schema, "The policy."),
            [.notFound]
        ),
        write(
            .put,
            policy,
            "replacePolicy",
            "Replace a policy",
            [name, version],
            body: Body(.policyToReplace),
            answer: .json(PolicyAnswer.schema, "It holds, here and for what was under way."),
            [.invalidRequest, .notFound]
        ),
        write(
            .delete,
            policy,
            "deletePolicy",
            "Delete a policy",
            [name],
            answer: .nothing("It is gone."),
            [.notFound, .policyInUse]
        ),
        read(
            tokens,
            "listTokens",
            "List the tokens, without their secrets",
            answer: .json(TokenList.schema, "All tokens.")
        ),
        write(
            .post,
            tokens,
            "createToken",
            "Make a token",
            body: Body(.tokenWanted),
            answer: .json(
                .createdToken,
                "It is made. Its secret is in this answer, and in none after it.",
                status: 201
            ),
            [.invalidRequest, .unknownPolicy, .limitReached]
        ),
        read(
            token,
            "showToken",
            "Show a token",
            [identifier],
            answer: .json(TokenAnswer.schema, "The token."),
            [.notFound]
        ),
        write(
            .put,
            token,
            "replaceToken",
            "Give a token another name, other policies or another end",
            [identifier, version],
            body: Body(
                .tokenToReplace,
                "One that has ended stays so where nothing is said of its end, and one that was revoked stays revoked."
            ),
            answer: .json(TokenAnswer.schema, "It holds, here and for what was under way."),
            [.invalidRequest, .unknownPolicy, .notFound]
        ),
        write(
            .post,
            "/api/v1/auth/tokens/:id/revoke",
            "revokeToken",
            "End a token; it stays in the list",
            [identifier],
            answer: .json(TokenAnswer.schema, "It is over: nothing is signed for it after this answer."),
            [.notFound]
        ),
        write(
            .delete,
            token,
            "deleteToken",
            "End a token and forget it",
            [identifier],
            answer: .nothing("It is over and gone."),
            [.notFound]
        ),
        read(
            certificates,
            "listCertificates",
            "List the certificates that policies are bound to",
            answer: .json(CertificateList.schema, "All of them.")
        ),
        write(
            .post,
            certificates,
            "bindCertificate",
            "Bind policies to a client's certificate",
            body: Body(
                .certificateWanted,
                "By its fingerprint, or by an alternative name and the authority that vouches for it; never by its common name."
            ),
            answer: .json(CertificateAnswer.schema, "It is bound.", status: 201),
            [.invalidRequest, .unknownPolicy, .alreadyBound, .limitReached]
        ),
        read(
            certificate,
            "showCertificate",
            "Show a bound certificate",
            [certificateName],
            answer: .json(CertificateAnswer.schema, "The binding."),
            [.notFound]
        ),
        write(
            .delete,
            certificate,
            "unbindCertificate",
            "Take policies away from a certificate",
            [certificateName],
            answer: .nothing("It is worth nothing any more, here and for what was under way."),
            [.notFound]
        ),
    ]

    private static func read(
        _ pattern: RoutePattern,
        _ word: String,
        _ summary: String,
        _ parameters: [Parameter] = [],
        answer: Answer,
        _ refusals: [ErrorCode] = []
    ) -> APIOperation {
        APIOperation(
            .get,
            pattern,
            scope: .authRead,
            tag: .access,
            word,
            summary,
            parameters: parameters,
            answers: [answer],
            refusals: refusals,
            isStrictAboutAccept: true
        )
    }

    private static func write(
        _ method: Method,
        _ pattern: RoutePattern,
        _ word: String,
        _ summary: String,
        _ parameters: [Parameter] = [],
        body: Body? = nil,
        answer: Answer,
        _ refusals: [ErrorCode]
    ) -> APIOperation {
        APIOperation(
            method,
            pattern,
            scope: .authWrite,
            tag: .access,
            word,
            summary,
            parameters: parameters,
            body: body,
            answers: [answer],
            refusals: refusals + change,
            isStrictAboutAccept: true
        )
    }
}
