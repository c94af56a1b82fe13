// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Concurrency
internal import Encoding
internal import Foundation
internal import HTTPServer
internal import Sealing
internal import Secrets
internal import Signer
internal import Telemetry

/// What operators do with their own credentials: register, prove who they are, bring their shares, approve. No token is asked
/// for: what authenticates is in the body. Whoever fails is slowed down by address; whoever does not is answered from the
/// same address as always.
struct OperatorRoutes: Sendable {
    private let chamber: Chamber
    private let audit: any AuditTrail
    private let failures = Lock(AccessFailures(burst: 10, rate: 0.2))

    /// Room for eight credentials, or two shares.
    private static let largestBody = 16 << 10

    init(_ chamber: Chamber, audit: any AuditTrail) {
        self.chamber = chamber
        self.audit = audit
    }

    /// What a route answers, and who it was about.
    private struct Answer: Sendable {
        let response: Response
        let subject: String?

        init(_ response: Response, about subject: String? = nil) {
            self.response = response
            self.subject = subject
        }
    }

    var routes: [Route<Scope, Access>] {
        [
            route("/api/v1/chamber/register", audited: "operator_register", register),
            route("/api/v1/chamber/challenge", audited: nil) { body throws(ChamberError) in
                let order = try ChallengeOrder(body)
                return Answer(.json(ChallengeDocument(try chamber.invite(order.name, to: order.proposal))))
            },
            route("/api/v1/chamber/unseal/box", audited: "operator_challenge") { body throws(ChamberError) in
                let answer = try OperatorAnswer(body, returnsShares: false)
                guard let signature = answer.signature else { throw .custody(.invalid("signature is missing")) }
                let boxes = try chamber.boxes(for: answer.shown, signature: signature)
                return Answer(.json(BoxesDocument(boxes)), about: chamber.words(of: answer.shown))
            },
            route("/api/v1/chamber/unseal/share", audited: "operator_share", give),
            route("/api/v1/chamber/approve", audited: "operator_approve") { body throws(ChamberError) in
                let order = try ApprovalOrder(body)
                let proposal = try chamber.approve(
                    order.proposal,
                    by: order.name,
                    credential: order.credential,
                    signature: order.signature
                )
                return Answer(
                    .json(ProposedDocument(proposal: ProposalDocument(proposal))),
                    about:
                        "operator \(order.name), credential \(order.credential), proposal \(order.proposal): \(proposal.change.summary)"
                )
            },
        ]
    }

    private func register(_ body: [UInt8]) async throws(ChamberError) -> Answer {
        let order = try RegistrationOrder(body)
        let name = try await chamber.register(order.token, offering: order.offers)
        return Answer(
            .json(ChamberDocument(chamber.status)),
            about: "operator \(name), \(order.offers.count) credentials"
        )
    }

    private func give(_ body: [UInt8]) async throws(ChamberError) -> Answer {
        let answer = try OperatorAnswer(body, returnsShares: true)
        let subject = chamber.words(of: answer.shown)
        try await chamber.give(answer.boxes, from: answer.shown)
        return Answer(.json(ChamberDocument(chamber.status)), about: subject)
    }

    /// - Parameter verb: in the audit file; nil for what changes and proves nothing.
    private func route(
        _ pattern: RoutePattern,
        audited verb: String?,
        _ action: @escaping @Sendable ([UInt8]) async throws(ChamberError) -> Answer
    ) -> Route<Scope, Access> {
        Route(
            .post,
            pattern,
            scope: .chamberOperator,
            bodyLimit: Self.largestBody,
            answerLimit: ChamberRoutes.patience,
            produces: "application/json"
        ) { request, _, access in await perform(verb, request.body, for: access, action) }
    }

    private func perform(
        _ verb: String?,
        _ body: [UInt8],
        for access: Access,
        _ action: @Sendable ([UInt8]) async throws(ChamberError) -> Answer
    ) async -> Response {
        if verb != nil, let hindrance = audit.hindrance { return .unaudited(hindrance) }
        do throws(ChamberError) {
            let answer = try await action(body)
            guard let verb else { return answer.response }
            return await audit.tell(
                verb,
                of: ActionEnd(answer.response, .done),
                on: answer.subject ?? "chamber",
                for: access.caller
            )
        } catch {
            return await refuse(error, verb, for: access)
        }
    }

    /// Slows down who fails, whatever the failure is, and tells of it in few lines: who is right is not held up.
    private func refuse(_ error: ChamberError, _ verb: String?, for access: Access) async -> Response {
        var (error, told) = (error, 1)
        if error.status < 500 {
            let now = Int64(MonotonicClock.nanoseconds / 1_000_000_000)
            let answer = failures.withLock { $0.fail(from: access.source, at: now) }
            told = answer.told
            if let wait = answer.retryAfter { error = .refused(.tooManyAttempts(seconds: wait)) }
        }
        let response = Response.refused(error)
        guard let verb, told > 0 else { return response }
        let outcome: AuditEvent.Outcome =
            response.status >= 500
            ? .failed(code: error.code, detail: "\(error)") : .refused(code: error.code, detail: "\(error)")
        return await audit.tell(verb, of: ActionEnd(response, outcome), on: "chamber", for: access.caller, count: told)
    }
}

extension Chamber {
    /// For the audit log: who brings which share.
    fileprivate func words(of shown: UnsealCeremony.Credentials) -> String {
        let number = OperatorName(shown.name).flatMap { status.record?.quorum?.member($0)?.number }
        return "operator \(shown.name), share \(number.map { "\($0)" } ?? "unknown"), credential \(shown.credential)"
    }
}

/// What an operator's program needs in order to answer.
struct ChallengeDocument: Encodable, Documented {
    let chamber: String
    let ceremony: String?
    let server_key: String?
    let challenge: String?
    let expires_in_seconds: Int
    let credentials: [OperatorCredential.Hint]
    let proposal: ProposalDocument?

    init(_ invitation: Chamber.Invitation) {
        chamber = invitation.chamber.description
        ceremony = invitation.ceremony?.ceremony.description
        server_key = invitation.ceremony.map { Hex.encode($0.serverKey.span, prefix: false) }
        challenge = invitation.ceremony.map { Hex.encode($0.challenge, prefix: false) }
        expires_in_seconds = Int(UnsealCeremony.challengeLifetime)
        credentials = invitation.credentials
        proposal = invitation.proposal.map { ProposalDocument($0) }
    }

    static let schema: Schema = .named(
        "OperatorChallenge",
        .exactly(
            .required("chamber", .text(pattern: "^[0-9a-f]{32}$")),
            .optional(
                "ceremony",
                .described(.text(pattern: "^[0-9a-f]{32}$"), "Absent where nothing is being unsealed.")
            ),
            .optional(
                "server_key",
                .described(.text(pattern: "^[0-9a-f]{64}$"), "X25519: shares return in boxes for it.")
            ),
            .optional("challenge", .text(pattern: "^[0-9a-f]{112}$")),
            .required("expires_in_seconds", .integer()),
            .required("credentials", .list(.operatorHint, from: 1)),
            .optional("proposal", ProposalDocument.schema)
        )
    )
}

/// An operator's own shares, as they rest in the record.
struct BoxesDocument: Encodable, Documented {
    struct Box: Encodable {
        let ceremony: String
        let box: String
    }
    let boxes: [Box]

    init(_ boxes: [UnsealCeremony.Box]) {
        self.boxes = boxes.map {
            Box(ceremony: $0.ceremony.description, box: Data($0.bytes).base64EncodedString())
        }
    }

    static let schema: Schema = .named(
        "OperatorBoxes",
        .exactly(.required("boxes", .list(.operatorBox, from: 1, upTo: 2)))
    )
}

/// Registration tokens, one for each operator, shown once.
struct Tickets {
    let tokens: [SecretBox]
    /// Nil where nobody has to register.
    let shown: [ChamberDocument.Ticket]?

    init(for names: [OperatorName]) {
        var (tokens, shown): ([SecretBox], [ChamberDocument.Ticket]) = ([], [])
        for name in names {
            let secret = TokenSecret(.registration)
            tokens.append(secret.withText { SecretBox(SecretBytes(copying: $0)) })
            let text = secret.withText { text in String(decoding: text.indices.map { text[$0] }, as: UTF8.self) }
            shown.append(.init(operator: name.text, token: text))
        }
        self.tokens = tokens
        self.shown = names.isEmpty ? nil : shown
    }

    init(for change: CustodyChange) {
        if case .operators(let names, _) = change { self.init(for: names) } else { self.init(for: []) }
    }
}

extension QuorumRefusal {
    /// The one place where these become a status.
    var status: Int {
        switch self {
        case .unknownOperator, .unknownCredential, .unknownProposal: 404
        case .badSignature, .unknownToken: 403
        case .wrongShare, .foreignShare, .unreadable, .badCredential: 400
        case .notUnsealing, .challengeExpired, .duplicate, .notRegistering, .alreadyRegistered, .tooManyProposals,
            .notApproved:
            409
        case .tooManyAttempts, .tooManyChallenges: 429
        }
    }

    /// Stable strings of the API.
    var code: String {
        switch self {
        case .notUnsealing: "not_unsealing"
        case .unknownOperator: "unknown_operator"
        case .unknownCredential: "unknown_credential"
        case .challengeExpired: "challenge_expired"
        case .badSignature: "bad_signature"
        case .duplicate: "share_duplicate"
        case .wrongShare: "share_wrong"
        case .foreignShare: "share_foreign"
        case .unreadable: "share_unreadable"
        case .notRegistering: "no_registration"
        case .unknownToken: "unknown_registration_token"
        case .alreadyRegistered: "already_registered"
        case .badCredential: "bad_credential"
        case .unknownProposal: "unknown_proposal"
        case .tooManyProposals: "too_many_proposals"
        case .notApproved: "not_approved"
        case .tooManyAttempts: "too_many_attempts"
        case .tooManyChallenges: "too_many_challenges"
        }
    }
}
