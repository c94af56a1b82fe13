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
/// for: what authenticates is in the body. Whoever was wrong too often with a credential waits before the next try with it is
/// looked at, by address; whoever fails in whatever way is told of in few lines.
struct OperatorRoutes: Sendable {
    private let chamber: Chamber
    private let audit: any AuditTrail
    private let failures = Lock(AccessFailures(burst: 10, rate: 0.2))
    private let attempts = Lock(CredentialAttempts(burst: 10, seconds: 5))
    /// Seconds of a clock that does not go back.
    private let seconds: @Sendable () -> Int64

    /// Room for eight credentials, or two shares.
    private static let largestBody = 16 << 10

    init(_ chamber: Chamber, audit: any AuditTrail, seconds: @escaping @Sendable () -> Int64) {
        self.chamber = chamber
        self.audit = audit
        self.seconds = seconds
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
            route("/api/v1/chamber/challenge", audited: nil) { body, _ throws(ChamberError) in
                let order = try ChallengeOrder(body)
                return Answer(.json(ChallengeDocument(try chamber.invite(order.name, to: order.proposal))))
            },
            route("/api/v1/chamber/unseal/box", audited: "operator_challenge", box),
            route("/api/v1/chamber/unseal/share", audited: "operator_share", give),
            route("/api/v1/chamber/approve", audited: "operator_approve", approve),
        ]
    }

    private func register(_ body: [UInt8], for access: Access) async throws(ChamberError) -> Answer {
        let order = try RegistrationOrder(body)
        let name = try await attempt(.registration, for: access) { () async throws(ChamberError) in
            try await chamber.register(order.token, offering: order.offers)
        }
        return Answer(
            .json(ChamberDocument(chamber.status)),
            about: "operator \(name), \(order.offers.count) credentials"
        )
    }

    private func box(_ body: [UInt8], for access: Access) async throws(ChamberError) -> Answer {
        let answer = try OperatorAnswer(body, returnsShares: false)
        guard let signature = answer.signature else { throw .custody(.invalid("signature is missing")) }
        let boxes = try await attempt(answer.shown.subject, for: access) { () throws(ChamberError) in
            try chamber.boxes(for: answer.shown, signature: signature)
        }
        return Answer(.json(BoxesDocument(boxes)), about: chamber.words(of: answer.shown))
    }

    private func give(_ body: [UInt8], for access: Access) async throws(ChamberError) -> Answer {
        let answer = try OperatorAnswer(body, returnsShares: true)
        let subject = chamber.words(of: answer.shown)
        try await attempt(answer.shown.subject, for: access) { () async throws(ChamberError) in
            try await chamber.give(answer.boxes, from: answer.shown)
        }
        return Answer(.json(ChamberDocument(chamber.status)), about: subject)
    }

    private func approve(_ body: [UInt8], for access: Access) async throws(ChamberError) -> Answer {
        let order = try ApprovalOrder(body)
        let approval = order.approval
        let subject = CredentialAttempts.Subject.credential(approval.credential, of: approval.name)
        let proposal = try await attempt(subject, for: access) { () async throws(ChamberError) in
            try await chamber.approve(order.proposal, with: approval)
        }
        return Answer(
            .json(ProposedDocument(proposal: ProposalDocument(proposal))),
            about:
                "operator \(approval.name), credential \(approval.credential), proposal \(order.proposal): \(proposal.change.summary)"
        )
    }

    /// Looks at an answer only where the caller has not been wrong too often. Counts it before it is looked at, so that many at
    /// once are no way around, and takes it back where it was not wrong.
    private func attempt<Value>(
        _ subject: CredentialAttempts.Subject,
        for access: Access,
        _ work: () async throws(ChamberError) -> Value
    ) async throws(ChamberError) -> Value {
        let begun = seconds()
        if let wait = attempts.withLock({ $0.begin(subject, from: access.source, at: begun) }) {
            throw .refused(.tooManyAttempts(seconds: wait))
        }
        do throws(ChamberError) {
            let value = try await work()
            excuse(subject, access)
            return value
        } catch {
            if !error.isWrongAnswer { excuse(subject, access) }
            throw error
        }
    }

    private func excuse(_ subject: CredentialAttempts.Subject, _ access: Access) {
        let now = seconds()
        attempts.withLock { $0.excuse(subject, from: access.source, at: now) }
    }

    /// - Parameter verb: in the audit file; nil for what changes and proves nothing.
    private func route(
        _ pattern: RoutePattern,
        audited verb: String?,
        _ action: @escaping @Sendable ([UInt8], Access) async throws(ChamberError) -> Answer
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
        _ action: @Sendable ([UInt8], Access) async throws(ChamberError) -> Answer
    ) async -> Response {
        if verb != nil, let hindrance = audit.hindrance { return .unaudited(hindrance) }
        do throws(ChamberError) {
            let answer = try await action(body, access)
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

    /// Tells of failures in few lines, and asks who fails often to slow down, whatever the failure is: who is right is not held up
    /// by that.
    private func refuse(_ error: ChamberError, _ verb: String?, for access: Access) async -> Response {
        var (error, told) = (error, 1)
        if error.status < 500 {
            let now = seconds()
            let answer = failures.withLock { $0.fail(from: access.source, at: now) }
            told = answer.told
            if let wait = answer.retryAfter, !error.isWait { error = .refused(.tooManyAttempts(seconds: wait)) }
        }
        let response = Response.refused(error)
        guard let verb, told > 0 else { return response }
        let outcome: AuditEvent.Outcome =
            response.status >= 500
            ? .failed(code: error.code, detail: "\(error)") : .refused(code: error.code, detail: "\(error)")
        return await audit.tell(verb, of: ActionEnd(response, outcome), on: "chamber", for: access.caller, count: told)
    }
}

extension UnsealCeremony.Credentials {
    fileprivate var subject: CredentialAttempts.Subject { .credential(credential, of: name) }
}

extension ChamberError {
    /// Whether it was looked at and found wrong: what a guess is answered with.
    fileprivate var isWrongAnswer: Bool {
        switch self {
        case .refused(.badSignature), .refused(.wrongShare), .refused(.foreignShare), .refused(.unreadable),
            .refused(.unknownToken), .refused(.badCredential):
            true
        default: false
        }
    }

    fileprivate var isWait: Bool { if case .refused(.tooManyAttempts) = self { true } else { false } }
}

extension Chamber {
    /// For the audit log: who brings which share.
    fileprivate func words(of shown: UnsealCeremony.Credentials) -> String {
        let number = OperatorName(shown.name).flatMap { status.record?.quorum?.member($0)?.number }
        return "operator \(shown.name), share \(number.map { "\($0)" } ?? "unknown"), credential \(shown.credential)"
    }
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
        case .badSignature, .unknownToken, .notYourProposal: 403
        case .wrongShare, .foreignShare, .unreadable, .badCredential: 400
        case .notUnsealing, .challengeExpired, .duplicate, .notRegistering, .alreadyRegistered, .tooManyProposals,
            .noRoomForProposals, .notApproved:
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
        case .tooManyProposals, .noRoomForProposals: "too_many_proposals"
        case .notYourProposal: "not_your_proposal"
        case .notApproved: "not_approved"
        case .tooManyAttempts: "too_many_attempts"
        case .tooManyChallenges: "too_many_challenges"
        }
    }
}
