// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Concurrency
package import Consensus
package import Encoding

/// How callers without a token are met.
package enum AccessMode: String, CaseIterable, Sendable {
    /// Nothing without a token that allows it.
    case enforced
    /// Callers without a token may do what Web3Signer lets everybody do: not manage policies and tokens, nor the chamber.
    /// One that shows a token is held to it.
    case open
}

/// Whom a request comes from, as far as its head tells.
package enum Bearer: Hashable, Sendable {
    /// No token was shown.
    case nobody
    /// Something was shown that has not the form of a token.
    case unreadable
    case token(TokenDigest)
    /// A certificate that was accepted, and no token.
    case certificate(ClientCertificate)
}

/// Why somebody may not.
package enum AccessRefusal: String, Error, Hashable, Sendable {
    /// No token was shown where one is needed.
    case missingToken = "missing_token"
    /// What was shown is no token, or none any more: unknown, revoked and expired ones are not told apart.
    case invalidToken = "invalid_token"
    /// No token was shown, and the certificate that was has no policies.
    case unboundCertificate = "unbound_certificate"
    /// Nothing was shown where the setup token is needed.
    case missingSetupToken = "missing_setup_token"
    /// What was shown is not the setup token, or not any more: used, expired, or of another start.
    case invalidSetupToken = "invalid_setup_token"
    /// The token is good, and its policies do not allow this.
    case forbidden = "forbidden"
    /// Policies and tokens could not be looked up for longer than they may be believed, or nothing says which are right.
    case stale = "authorization_unavailable"
    /// Policies and tokens cannot be verified while the chamber is sealed.
    case sealed = "sealed"

    /// One sentence for whoever asked. Tells nothing of what is there.
    package var reason: String {
        switch self {
        case .missingToken: "this needs a token: Authorization: Bearer TOKEN, or Basic with the token as password"
        case .invalidToken: "the token is not valid: unknown, revoked or expired"
        case .unboundCertificate: "this needs a token, or a certificate that policies are bound to"
        case .missingSetupToken:
            "this needs the setup token, which stands in the log of this start: Authorization: Bearer cc-setup-…"
        case .invalidSetupToken:
            "this is not the setup token of this start, or it has expired or been used; the log of the next start has another"
        case .forbidden: "the policies of this caller do not allow this"
        case .stale: "the policies and tokens cannot be looked up now; try again"
        case .sealed: "the chamber is sealed, so policies and tokens cannot be verified; unseal it first"
        }
    }

    /// RFC 9110 §15: who are you (401), you may not (403), not now (503).
    package var status: Int {
        switch self {
        case .missingToken, .invalidToken, .unboundCertificate, .missingSetupToken, .invalidSetupToken: 401
        case .forbidden: 403
        case .stale, .sealed: 503
        }
    }
}

/// How far policies and tokens in memory are believed.
enum AccessTrust: Hashable, Sendable {
    case everything
    /// For what takes nothing: they cannot be verified while the chamber is sealed.
    case harmless
    /// For nothing: no catalogue says which of them are right.
    case nothing
}

/// Decides who may do what, from the policies and tokens in memory.
package final class Authorizer: Sendable {
    private struct State {
        var directory = AccessDirectory()
        /// Rises with every change: what was decided under another number is decided again.
        var edition: UInt64 = 1
        var isBelieved = true
        var trust: AccessTrust = .everything
        /// Seconds of the last use, by token, since it was last asked for.
        var uses: [TokenIdentifier: Int64] = [:]
    }
    package let mode: AccessMode
    private let state = Lock(State())
    private let now: @Sendable () -> Int64

    /// - Parameter now: seconds since 1970.
    package init(mode: AccessMode, now: @escaping @Sendable () -> Int64) {
        self.mode = mode
        self.now = now
    }

    package var directory: AccessDirectory { state.withLock { $0.directory } }

    /// Puts a changed directory in place. What is under way goes on with what it has been told: whoever takes something
    /// away raises the authority afterwards.
    package func update(_ change: (inout AccessDirectory) -> Void) {
        state.withLock { state in
            change(&state.directory)
            state.edition += 1
        }
    }

    /// Whether what is in memory may still be believed.
    package func setBelieved(_ isBelieved: Bool) {
        state.withLock { state in
            guard state.isBelieved != isBelieved else { return }
            state.isBelieved = isBelieved
            state.edition += 1
        }
    }

    /// How far what is in memory is believed from now on.
    func setTrust(_ trust: AccessTrust) {
        state.withLock { state in
            guard state.trust != trust else { return }
            state.trust = trust
            state.edition += 1
        }
    }

    /// The uses since this was last asked for.
    package func takeUses() -> [TokenIdentifier: Int64] {
        state.withLock { state in
            defer { state.uses = [:] }
            return state.uses
        }
    }

    /// Finds out who asks. Does not ask whether they may.
    ///
    /// - Parameter source: the client's address; nil for a process of this machine over a Unix socket.
    package func authenticate(_ bearer: Bearer, from source: IPAddress?) throws(AccessRefusal) -> Grant {
        let (edition, trust, isBelieved, found, holder) = state.withLock { state in
            var found: (token: Token, permissions: Permissions)?
            var holder: (bindings: [PolicyName], permissions: Permissions)?
            switch bearer {
            case .token(let digest): found = state.directory.bearer(of: digest)
            case .certificate(let certificate): holder = state.directory.holder(of: certificate)
            case .nobody, .unreadable: break
            }
            let isBelieved = state.isBelieved && state.trust != .nothing
            return (state.edition, state.trust, isBelieved, found, holder)
        }
        switch bearer {
        case .nobody:
            guard mode == .open else { throw .missingToken }
            return Grant(self, bearer, source, edition, holder: .nobody, permissions: .openMode)
        case .unreadable: throw .invalidToken
        case .token:
            guard isBelieved else { throw .stale }
            let now = now()
            guard let found, found.token.isValid(at: now) else { throw .invalidToken }
            state.withLock { $0.uses[found.token.identifier] = now }
            return Grant(
                self,
                bearer,
                source,
                edition,
                holder: .token(found.token),
                permissions: found.permissions,
                trust: trust
            )
        case .certificate:
            guard isBelieved || mode == .open && holder == nil else { throw .stale }
            guard let holder else {
                guard mode == .open else { throw .unboundCertificate }
                return Grant(self, bearer, source, edition, holder: .nobody, permissions: .openMode)
            }
            return Grant(
                self,
                bearer,
                source,
                edition,
                holder: .certificate(holder.bindings),
                permissions: holder.permissions,
                trust: trust
            )
        }
    }

    fileprivate func isCurrent(_ edition: UInt64) -> Bool { state.withLock { $0.edition == edition } }

    fileprivate func isValid(_ holder: Grant.Holder) -> Bool {
        if case .token(let token) = holder { token.isValid(at: now()) } else { true }
    }
}

/// What somebody who asks may do. Kept for the length of a request; what was taken away meanwhile is noticed when it is
/// asked again.
package struct Grant: Sendable {
    /// Whose it is.
    package enum Holder: Hashable, Sendable {
        /// Somebody who has shown nothing that is known, where that suffices.
        case nobody
        case token(Token)
        /// Whoever has a certificate with these bindings.
        case certificate([PolicyName])
    }

    private let authorizer: Authorizer
    private let bearer: Bearer
    private let source: IPAddress?
    private let edition: UInt64
    package let holder: Holder
    private let permissions: Permissions
    private let trust: AccessTrust

    fileprivate init(
        _ authorizer: Authorizer,
        _ bearer: Bearer,
        _ source: IPAddress?,
        _ edition: UInt64,
        holder: Holder,
        permissions: Permissions,
        trust: AccessTrust = .everything
    ) {
        self.authorizer = authorizer
        self.bearer = bearer
        self.source = source
        self.edition = edition
        self.holder = holder
        self.permissions = permissions
        self.trust = trust
    }

    /// Whether what the caller has shown is believed for a scope now: in a sealed chamber only for what takes nothing.
    package func isBelieved(for scope: Scope) -> Bool { trust == .everything || scope.takesNothing }

    /// The question that the head of a request answers: whether anything could be allowed.
    ///
    /// - Parameter key: read only where some rule names keys.
    package func admits(_ scope: Scope, key: () -> PublicKey? = { nil }) -> Bool {
        switch scope {
        case .publicKeys: permissions.listedKeys(from: source) != nil
        case .listKeys, .chamberKeysList: permissions.managedKeys(scope, from: source) != nil
        case .importKeystores, .deleteKeys, .chamberKeysImport, .chamberKeysPatch, .chamberKeysDelete:
            permissions.mayAllow(scope, from: source)
        case .sign: permissions.mayAllow(scope, key: permissions.namesKeys ? key() : nil, from: source)
        default: permissions.allow(scope, key: nil, operation: nil, from: source)
        }
    }

    /// The whole question, as things stand now.
    package func check(
        _ scope: Scope,
        key: PublicKey?,
        operation: OperationType?
    ) throws(AccessRefusal) {
        let current = try renewed()
        guard current.permissions.allow(scope, key: key, operation: operation, from: source) else {
            throw current.refusal
        }
        guard current.isBelieved(for: scope) else { throw .sealed }
    }

    /// Whether the caller may do something by what another one knows.
    func holds(_ scope: Scope, by other: Authorizer) -> Bool {
        guard let found = try? other.authenticate(bearer, from: source) else { return false }
        return (try? found.check(scope, key: nil, operation: nil)) != nil
    }

    /// What the caller is told where the permissions do not suffice.
    package var refusal: AccessRefusal { holder == .nobody ? .missingToken : .forbidden }

    /// The keys that a listing may name.
    package var listedKeys: KeyFilter? { permissions.listedKeys(from: source) }

    /// The keys that a listing of the Key Manager API may name.
    package var managedKeys: KeyFilter? { permissions.managedKeys(from: source) }

    /// The keys that a listing under another scope may name.
    package func keys(for scope: Scope) -> KeyFilter? { permissions.managedKeys(scope, from: source) }

    /// This grant where nothing has changed, else what the caller has now.
    private func renewed() throws(AccessRefusal) -> Grant {
        if authorizer.isCurrent(edition) {
            guard authorizer.isValid(holder) else { throw .invalidToken }
            return self
        }
        return try authorizer.authenticate(bearer, from: source)
    }
}

extension Permissions {
    /// What callers without a token may in open mode: what Web3Signer lets everybody do. Not giving themselves more, and
    /// nothing with the chamber: whoever closes it, or makes and deletes its keys, has to be somebody.
    static let openMode = Permissions([
        Policy(
            name: .root,
            rules: [
                Rule(
                    .allow,
                    scopes: Set(Scope.grantable).subtracting([
                        .authRead, .authWrite, .chamberSeal, .chamberUnseal, .chamberRotate, .chamberKeysList,
                        .chamberKeysGenerate,
                        .chamberKeysImport, .chamberKeysPatch, .chamberKeysDelete,
                    ])
                )
            ]
        )
    ])
}
