// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import Encoding
internal import Foundation
package import HTTPServer
internal import JSON
package import Sealing
internal import Secrets
internal import Signer
internal import SignerState
package import Telemetry

/// The routes by which policies, tokens and bound certificates are managed: `/api/v1/auth/…`.
package struct AccessRoutes: Sendable {
    /// What a route answers, and what it was about, for the audit log.
    package struct Answer: Sendable {
        let response: Response
        let subject: String

        init(_ response: Response, about subject: String) {
            self.response = response
            self.subject = subject
        }
    }

    let register: AccessRegister
    let reader: TokenReader
    let audit: any AuditTrail
    /// Whose operators are asked before a root token is made; nil where no keys are sealed.
    let chamber: Chamber?

    /// A policy of some ten thousand keys has a megabyte.
    private static let largestPolicy = 8 << 20
    static let largestToken = 64 << 10

    package init(register: AccessRegister, reader: TokenReader, audit: any AuditTrail, chamber: Chamber? = nil) {
        self.register = register
        self.reader = reader
        self.audit = audit
        self.chamber = chamber
    }

    package var routes: [Route<Scope, Access>] {
        let policies: RoutePattern = "/api/v1/auth/policies"
        let policy: RoutePattern = "/api/v1/auth/policies/:name"
        let tokens: RoutePattern = "/api/v1/auth/tokens"
        let token: RoutePattern = "/api/v1/auth/tokens/:id"
        let certificates: RoutePattern = "/api/v1/auth/certificates"
        let certificate: RoutePattern = "/api/v1/auth/certificates/:name"
        return [
            route(.get, policies, .authRead, listPolicies),
            route(.post, policies, .authWrite, bodyLimit: Self.largestPolicy, createPolicy),
            route(.get, policy, .authRead, showPolicy),
            route(.put, policy, .authWrite, bodyLimit: Self.largestPolicy, replacePolicy),
            route(.delete, policy, .authWrite, deletePolicy),
            route(.get, tokens, .authRead, listTokens),
            route(.post, tokens, .authWrite, bodyLimit: Self.largestToken, createToken),
            route(.get, token, .authRead, showToken),
            route(.put, token, .authWrite, bodyLimit: Self.largestToken, replaceToken),
            route(.post, "/api/v1/auth/tokens/:id/revoke", .authWrite, revokeToken),
            route(.delete, token, .authWrite, deleteToken),
            route(.get, certificates, .authRead, listCertificates),
            route(.post, certificates, .authWrite, bodyLimit: Self.largestToken, createCertificate),
            route(.get, certificate, .authRead, showCertificate),
            route(.delete, certificate, .authWrite, deleteCertificate),
        ]
    }

    // MARK: Policies

    private func listPolicies(_: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        Answer(.json(PolicyList(register)), about: "policies")
    }

    private func createPolicy(_ request: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        let policy = try Self.policy(request)
        try await register.create(policy)
        return Answer(
            .json(PolicyAnswer(try register.policy(policy.name)), status: 201),
            about: "policy \(policy.name)"
        )
    }

    private func showPolicy(_: Request, _ parameters: PathParameters) async throws(AccessChangeError) -> Answer {
        let name = try Self.name(parameters)
        return Answer(.json(PolicyAnswer(try register.policy(name))), about: "policy \(name)")
    }

    private func replacePolicy(
        _ request: Request,
        _ parameters: PathParameters
    ) async throws(AccessChangeError) -> Answer {
        let policy = try Self.policy(request, named: try Self.name(parameters))
        try await register.replace(policy, expecting: try Self.version(request))
        return Answer(.json(PolicyAnswer(try register.policy(policy.name))), about: "policy \(policy.name)")
    }

    private func deletePolicy(_: Request, _ parameters: PathParameters) async throws(AccessChangeError) -> Answer {
        let name = try Self.name(parameters)
        try await register.delete(name)
        return Answer(.noContent, about: "policy \(name)")
    }

    // MARK: Tokens

    private func listTokens(_: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        Answer(.json(TokenList(register)), about: "tokens")
    }

    private func createToken(_ request: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        try await create(try Self.tokenRequest(request))
    }

    private func showToken(_: Request, _ parameters: PathParameters) async throws(AccessChangeError) -> Answer {
        let identifier = try Self.identifier(parameters)
        return Answer(.json(TokenAnswer(try register.token(identifier), register)), about: "token \(identifier)")
    }

    private func replaceToken(
        _ request: Request,
        _ parameters: PathParameters
    ) async throws(AccessChangeError) -> Answer {
        let identifier = try Self.identifier(parameters)
        let wanted = try Self.tokenRequest(request, replacing: true)
        _ = try await register.replace(identifier, with: wanted, expecting: try Self.version(request))
        return Answer(.json(TokenAnswer(try register.token(identifier), register)), about: "token \(identifier)")
    }

    private func revokeToken(_: Request, _ parameters: PathParameters) async throws(AccessChangeError) -> Answer {
        let identifier = try Self.identifier(parameters)
        try await register.revoke(identifier)
        return Answer(.json(TokenAnswer(try register.token(identifier), register)), about: "token \(identifier)")
    }

    private func deleteToken(_: Request, _ parameters: PathParameters) async throws(AccessChangeError) -> Answer {
        let identifier = try Self.identifier(parameters)
        try await register.delete(identifier)
        return Answer(.noContent, about: "token \(identifier)")
    }

    /// Makes a token and shows its secret: in this answer, and never again.
    package func create(_ request: TokenRequest) async throws(AccessChangeError) -> Answer {
        let secret = TokenSecret()
        let token = try await register.create(request, with: reader, secret: secret)
        let entry = try register.token(token.identifier)
        return Answer(
            .token(TokenAnswer(entry, register), secret: secret),
            about: "token \(token.identifier) \(token.name) with \(token.policies.map(\.text).joined(separator: ", "))"
        )
    }

    // MARK: Certificates

    private func listCertificates(_: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        Answer(.json(CertificateList(register)), about: "certificates")
    }

    private func createCertificate(_ request: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        let wanted = try Self.certificateRequest(request)
        try await register.create(wanted)
        return Answer(
            .json(CertificateAnswer(try register.certificate(wanted.name)), status: 201),
            about: "certificate \(wanted.name) with \(wanted.policies.map(\.text).joined(separator: ", "))"
        )
    }

    private func showCertificate(
        _: Request,
        _ parameters: PathParameters
    ) async throws(AccessChangeError) -> Answer {
        let name = try Self.certificateName(parameters)
        return Answer(.json(CertificateAnswer(try register.certificate(name))), about: "certificate \(name)")
    }

    private func deleteCertificate(
        _: Request,
        _ parameters: PathParameters
    ) async throws(AccessChangeError) -> Answer {
        let name = try Self.certificateName(parameters)
        try await register.delete(certificate: name)
        return Answer(.noContent, about: "certificate \(name)")
    }

    // MARK: Requests

    /// What the audit log calls a change.
    private static let verbs: [Method: String] = [.put: "auth_replace", .delete: "auth_delete"]

    func route(
        _ method: Method,
        _ pattern: RoutePattern,
        _ scope: Scope,
        bodyLimit: Int = 0,
        _ action: @escaping @Sendable (Request, PathParameters) async throws(AccessChangeError) -> Answer
    ) -> Route<Scope, Access> {
        let path = "\(pattern)"
        let verb =
            path.hasSuffix("/revoke")
            ? "auth_revoke" : path == Self.rowsPath ? "auth_accept_rows" : Self.verbs[method] ?? "auth_create"
        return Route(method, pattern, scope: scope, bodyLimit: bodyLimit, produces: "application/json") {
            [audit] request, parameters, access in
            guard method != .get else { return await Self.perform(action, request, parameters).response }
            return await audit.perform(verb, on: request.head.rawPath, for: access.caller) {
                await Self.perform(action, request, parameters)
            }
        }
    }

    private static func perform(
        _ action: @Sendable (Request, PathParameters) async throws(AccessChangeError) -> Answer,
        _ request: Request,
        _ parameters: PathParameters
    ) async -> ActionEnd {
        do throws(AccessChangeError) {
            let answer = try await action(request, parameters)
            return ActionEnd(answer.response, .done, subject: answer.subject)
        } catch {
            let response = Response.refused(error)
            let outcome: AuditEvent.Outcome =
                response.status >= 500
                ? .failed(code: error.code, detail: "\(error)") : .refused(code: error.code, detail: "\(error)")
            return ActionEnd(response, outcome)
        }
    }

    static func document(_ request: Request) throws(AccessChangeError) -> JSONValue {
        // Who reads it says of a name that stands twice where that is.
        do throws(JSONError) { return try JSONDocument(request.body, refusesDuplicates: false).root } catch {
            throw .invalid(PolicyError("", "the body is not JSON: \(error)"))
        }
    }

    private static func policy(_ request: Request, named name: PolicyName? = nil) throws(AccessChangeError) -> Policy {
        let value = try document(request)
        do throws(PolicyError) { return try PolicyDocument().read(value, named: name) } catch { throw .invalid(error) }
    }

    static func tokenRequest(
        _ request: Request,
        policies: [PolicyName]? = nil,
        replacing: Bool = false
    ) throws(AccessChangeError) -> TokenRequest {
        let value = try document(request)
        do throws(PolicyError) {
            return try TokenRequest(value, policies: policies, replacing: replacing)
        } catch { throw .invalid(error) }
    }

    private static func certificateRequest(_ request: Request) throws(AccessChangeError) -> CertificateRequest {
        let value = try document(request)
        do throws(PolicyError) { return try CertificateRequest(value) } catch { throw .invalid(error) }
    }

    private static func certificateName(_ parameters: PathParameters) throws(AccessChangeError) -> PolicyName {
        guard let name = PolicyName(parameters["name"]) else { throw .notFound("certificate of that name") }
        return name
    }

    private static func name(_ parameters: PathParameters) throws(AccessChangeError) -> PolicyName {
        guard let name = PolicyName(parameters["name"]) else { throw .notFound("policy of that name") }
        return name
    }

    private static func identifier(_ parameters: PathParameters) throws(AccessChangeError) -> TokenIdentifier {
        guard let identifier = TokenIdentifier(parameters["id"]) else {
            throw .notFound("token of that identifier: 16 hexadecimal digits")
        }
        return identifier
    }

    /// `If-Match: "VERSION"` replaces only that version (RFC 9110 §13.1.1).
    private static func version(_ request: Request) throws(AccessChangeError) -> UInt64? {
        guard let text = request.head.value(of: "If-Match") else { return nil }
        guard text.hasPrefix("\""), text.hasSuffix("\""), let version = UInt64(text.dropFirst().dropLast()) else {
            throw .invalid(PolicyError("If-Match", "is a version in quotation marks, such as \"3\""))
        }
        return version
    }
}

extension Response {
    fileprivate static let noContent = Response(status: 204)

    /// The answer that shows a secret. The secret is put in by its bytes: it is never a text of Swift's. The copy that the
    /// answer is ends with it; what of it TLS and the sockets keep, SECURITY.md says.
    fileprivate static func token(_ answer: TokenAnswer, secret: borrowing TokenSecret) -> Response {
        var response = Response.json(answer, status: 201)
        precondition(response.body.last == UInt8(ascii: "}"), "an object of JSON")
        response.body.removeLast()
        response.body += Array(#","token":""#.utf8)
        secret.withText { text in
            for place in text.indices { response.body.append(text[place]) }
        }
        response.body += Array(#""}"#.utf8)
        response.headers.append(.init("Cache-Control", "no-store"))
        return response
    }

    fileprivate static func refused(_ error: AccessChangeError) -> Response {
        .error(
            error.status,
            code: error.code,
            message: "\(error)",
            retryAfterSeconds: error.status == 503 ? 1 : nil
        )
    }
}

extension AccessChangeError {
    /// The one place where these become a status.
    var status: Int {
        switch self {
        case .invalid, .unknownPolicies: 400
        case .notFound: 404
        case .alreadyExists, .alreadyBound, .inUse, .tooMany, .state(.conflict(_)), .outdated: 409
        case .state, .sealed, .distrusted: 503
        case .refused(let status, _, _): status
        }
    }

    /// Stable strings of the API.
    var code: String {
        switch self {
        case .invalid: "invalid_request"
        case .unknownPolicies: "unknown_policy"
        case .notFound: "not_found"
        case .alreadyExists: "already_exists"
        case .alreadyBound: "already_bound"
        case .inUse: "policy_in_use"
        case .tooMany: "limit_reached"
        case .state(.conflict(_)): "version_conflict"
        case .state: "signer_state_unavailable"
        case .sealed: "sealed"
        case .distrusted: "catalogue_refused"
        case .outdated: "rows_changed"
        case .refused(_, let code, _): code
        }
    }
}
