// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import BLS
internal import Concurrency
package import Encoding
package import HTTPServer
package import Signer
package import Telemetry

/// Who asks, and what they may.
package struct Access: Sendable {
    package let caller: Caller
    /// Nil where the port asks nobody: then the scope of the route is for anybody who reaches it.
    package let grant: Grant?
    /// Where the request came from; nil for a Unix socket.
    package let source: IPAddress?

    package init(caller: Caller, grant: Grant?, source: IPAddress? = nil) {
        self.caller = caller
        self.grant = grant
        self.source = source
    }

    /// The operator's program, over the socket that only this user can open.
    package static let local = Access(caller: .local, grant: nil)

    /// Of a port that asks nobody who they are: where they come from still says who has to wait.
    package static func open(_ head: RequestHead) -> Access {
        Access(caller: .peer(head.peer.description), grant: nil, source: head.peer.address)
    }
}

/// The gate of a port with tokens: from the head of a request alone, before a byte of its body, decides whether the caller
/// may ask at all.
package final class AccessGate: Sendable {
    private let authorizer: Authorizer
    private let addresses: ClientAddress
    let canaries: CanaryWatch
    private let setup: SetupDesk
    private let failures = Lock(AccessFailures())
    private let repeated = Lock(RepeatedEvents<RepeatedRefusal>())
    private let tell: @Sendable (AuditEvent) -> Void
    let count: @Sendable (_ code: String) -> Void

    /// - Parameters:
    ///   - setup: who knows the setup token of a chamber without a master key.
    ///   - tell: hears of refusals; those that repeat come in few events.
    ///   - count: counts every refusal, by its code.
    package init(
        authorizer: Authorizer,
        addresses: ClientAddress = ClientAddress(),
        canaries: CanaryWatch = CanaryWatch(),
        setup: SetupDesk = SetupDesk(),
        tell: @escaping @Sendable (AuditEvent) -> Void,
        count: @escaping @Sendable (_ code: String) -> Void
    ) {
        self.authorizer = authorizer
        self.addresses = addresses
        self.canaries = canaries
        self.setup = setup
        self.tell = tell
        self.count = count
    }

    package func decide(_ scope: Scope, _ head: RequestHead, _ parameters: PathParameters) -> GateDecision<Access> {
        let source = address(of: head)
        let shown = shown(source, head.peer)
        switch scope.audience {
        case .anybody, .operators: return .allow(Access(caller: .peer(shown), grant: nil, source: source))
        case .local: return refuse(.forbidden, scope, head, source, caller: .peer(shown))
        case .setup:
            guard case .token(let digest) = Bearer(head), setup.admits(digest) else {
                let refusal: AccessRefusal = head.credential == .none ? .missingSetupToken : .invalidSetupToken
                return refuse(refusal, scope, head, source, caller: .peer(shown))
            }
            return .allow(Access(caller: .token(digest.identifier, address: shown), grant: nil))
        case .granted: break
        }
        let canary = scope == .sign ? canaries.canary(named: parameters["identifier"]) : nil
        let grant: Grant
        do throws(AccessRefusal) { grant = try authorizer.authenticate(Bearer(head), from: source) } catch {
            return refuse(error, scope, head, source, caller: .peer(shown), canary)
        }
        let caller = Caller(grant.holder, address: shown)
        // The same answer whether the key is loaded or not: nobody has looked.
        guard grant.admits(scope, key: { scope == .sign ? try? PublicKey(hex: parameters["identifier"]) : nil }) else {
            return refuse(grant.refusal, scope, head, source, caller: caller, canary)
        }
        guard grant.isBelieved(for: scope) else { return refuse(.sealed, scope, head, source, caller: caller, canary) }
        if let canary { canaries.notice(canary, caller, isTold: true) }
        return .allow(Access(caller: caller, grant: grant))
    }

    func shown(_ source: IPAddress?, _ peer: PeerAddress) -> String {
        addresses.believesAnybody ? source.map { "\($0)" } ?? "unknown" : peer.description
    }

    func address(of head: RequestHead) -> IPAddress? {
        let socket = head.peer.address
        guard addresses.believesAnybody else { return socket }
        return addresses.resolve(socket: socket, forwarded: head.values(of: "X-Forwarded-For"))
    }

    private func refuse(
        _ refusal: AccessRefusal,
        _ scope: Scope,
        _ head: RequestHead,
        _ source: IPAddress?,
        caller: Caller,
        _ canary: PublicKey? = nil
    ) -> GateDecision<Access> {
        count(refusal.rawValue)
        var event = AuditEvent(
            .access(method: head.method.name, path: head.rawPath),
            .refused(code: refusal.rawValue)
        )
        event.caller = caller.kind
        event.peer = caller.description
        event.key = canary?.bytes
        event.isCanary = canary != nil
        let isTold: Bool
        let response: Response
        switch refusal {
        case .missingToken, .invalidToken, .unboundCertificate, .missingSetupToken, .invalidSetupToken:
            let answer = failures.withLock { $0.fail(from: source, at: Self.now) }
            isTold = answer.told > 0
            if answer.told > 1 {
                let detail = "\(answer.told) requests from this address since the last such line"
                event.outcome = .refused(code: refusal.rawValue, detail: detail)
            }
            if isTold { tell(event) }
            if let wait = answer.retryAfter {
                response = .tooManyFailures(retryAfterSeconds: wait, acceptsJSON: head.acceptsJSON)
            } else {
                response = .refused(refusal, acceptsJSON: head.acceptsJSON)
            }
        case .forbidden, .stale, .sealed:
            isTold = tell(event, .init(caller, from: source, scope, code: refusal.rawValue, canary: canary))
            response = .refused(refusal, acceptsJSON: head.acceptsJSON)
        }
        if let canary { canaries.notice(canary, caller, isTold: isTold) }
        return .refuse(response)
    }

    /// Tells of a refusal, unless it is one again of those that are told with a count; whether it was told now.
    func tell(_ event: AuditEvent, _ refusal: RepeatedRefusal) -> Bool {
        guard let told = repeated.withLock({ $0.note(event, as: refusal, at: Self.now) }) else { return false }
        tell(told)
        return true
    }

    /// Tells of failures that were kept back, also of addresses that went quiet. To be called once a second, and
    /// at the end for all that are left.
    package func tellDue(all: Bool = false) {
        for event in repeated.withLock({ $0.due(at: Self.now, all: all) }) { tell(event) }
        for (source, count) in failures.withLock({ $0.due(at: Self.now, all: all) }) {
            let detail = "\(count) requests without a valid token from this address since the last such line"
            var event = AuditEvent(.access(method: "*", path: "*"), .refused(code: "too_many_failures", detail: detail))
            event.caller = "anonymous"
            event.peer = source.map { "\($0)" } ?? "unknown"
            tell(event)
        }
    }

    private static var now: Int64 { Int64(MonotonicClock.nanoseconds / 1_000_000_000) }
}

extension Bearer {
    /// A token that is shown decides, whatever certificate comes with it: whoever shows one means to be held to it.
    fileprivate init(_ head: RequestHead) {
        switch head.credential {
        case .none: self = head.certificate.map { .certificate(ClientCertificate($0)) } ?? .nobody
        case .unreadable: self = .unreadable
        case .digest(let bytes): self = .token(TokenDigest(bytes))
        }
    }
}

extension ClientCertificate {
    fileprivate init(_ certificate: PeerCertificate) {
        self.init(
            fingerprint: certificate.fingerprint,
            authorities: certificate.authorities,
            names: certificate.names
        )
    }
}

extension Caller {
    fileprivate init(_ holder: Grant.Holder, address: String) {
        switch holder {
        case .nobody: self = .peer(address)
        case .token(let token): self = .token(token.identifier, address: address)
        case .certificate(let names): self = .certificate(names, address: address)
        }
    }
}

extension TokenReader {
    /// As a server reads fields.
    package var credentialReader: CredentialReader {
        { [self] value in
            switch read(value) {
            case .nobody: .none
            // A field is never a certificate.
            case .unreadable, .certificate: .unreadable
            case .token(let digest): .digest(digest.bytes)
            }
        }
    }
}

extension PeerAddress {
    /// Nil for a Unix socket.
    var address: IPAddress? {
        switch self {
        case .ipv4(let bits, _): IPAddress(version4: bits)
        case .ipv6(let high, let low, _): IPAddress(version6: UInt128(high) << 64 | UInt128(low))
        case .local: nil
        }
    }
}

extension Response {
    /// A refusal of access. 401 names the ways to show a token (RFC 9110 §11.6.1).
    static func refused(_ refusal: AccessRefusal, acceptsJSON: Bool) -> Response {
        var response = Response.error(
            refusal.status,
            code: refusal.rawValue,
            message: refusal.reason,
            acceptsJSON: acceptsJSON,
            retryAfterSeconds: refusal.status == 503 ? 1 : nil
        )
        if refusal.status == 401 {
            response.headers.append(.init("WWW-Authenticate", #"Bearer realm="containment-chamber""#))
            response.headers.append(.init("WWW-Authenticate", #"Basic realm="containment-chamber", charset="UTF-8""#))
        }
        return response
    }

    fileprivate static func tooManyFailures(retryAfterSeconds: Int, acceptsJSON: Bool) -> Response {
        .error(
            429,
            code: "too_many_failures",
            message:
                "too many requests without a valid token came from this address; one with a valid token is answered",
            acceptsJSON: acceptsJSON,
            retryAfterSeconds: retryAfterSeconds
        )
    }
}
