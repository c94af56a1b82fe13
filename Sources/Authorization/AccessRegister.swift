// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Encoding
internal import Secrets
package import SignerState

/// Why policies or tokens were not changed.
package enum AccessChangeError: Error, Equatable, Sendable, CustomStringConvertible {
    case invalid(PolicyError)
    case notFound(String)
    case alreadyExists(PolicyName)
    case unknownPolicies([PolicyName])
    /// A certificate of that name is bound already, or this certificate is, under that name.
    case alreadyBound(PolicyName)
    case inUse(PolicyName, tokens: Int, certificates: Int)
    case tooMany(String, most: Int)
    case state(StateError)

    package var description: String {
        switch self {
        case .invalid(let error): "\(error)"
        case .notFound(let what): "there is no \(what)"
        case .alreadyExists(let name): "there is a policy \(name) already; PUT replaces it"
        case .unknownPolicies(let names): "there is no policy \(names.map(\.text).joined(separator: ", "))"
        case .alreadyBound(let name):
            "the certificate \(name) is bound already; delete it first"
        case .inUse(let name, let tokens, 0):
            "\(tokens) \(tokens == 1 ? "token has" : "tokens have") the policy \(name); delete or replace them first"
        case .inUse(let name, let tokens, let certificates):
            "\(tokens) tokens and \(certificates) certificates have the policy \(name); delete or replace them first"
        case .tooMany(let what, let most): "there are \(most) \(what) already, the most that are kept"
        case .state(let error): "\(error)"
        }
    }
}

/// What somebody wants a token to be.
package struct TokenRequest: Sendable {
    package let name: PolicyName
    package let policies: [PolicyName]
    /// Seconds until it ends; nil for one that does not.
    package let lifetime: Int64?

    package init(name: PolicyName, policies: [PolicyName], lifetime: Int64?) {
        self.name = name
        self.policies = policies
        self.lifetime = lifetime
    }
}

/// Policies and tokens of the chamber: kept in the signer state, followed from there, and changed here.
///
/// What is taken away is taken away in this order: in the state, durably; in memory; then the authority is raised, which
/// waits for what is under way. Only then is the change answered, and nothing that it took away is signed afterwards.
package final class AccessRegister: Sendable {
    private struct Known {
        var revision: UInt64 = 0
        var rows: [StateRowName: (version: UInt64, revision: UInt64)] = [:]
        var uses: [TokenIdentifier: Int64] = [:]
    }
    private let store: any StateStore
    private let authorizer: Authorizer
    private let withdraw: @Sendable () async -> Void
    private let now: @Sendable () -> Int64
    private let known = Lock(Known())

    package static let mostPolicies = 1000
    package static let mostTokens = 10_000
    package static let mostCertificates = 10_000
    package static let mostPoliciesOfToken = 16

    /// - Parameters:
    ///   - withdraw: raises the authority and returns when nothing of before is under way.
    ///   - now: seconds since 1970.
    package init(
        store: any StateStore,
        authorizer: Authorizer,
        now: @escaping @Sendable () -> Int64,
        withdraw: @escaping @Sendable () async -> Void
    ) {
        self.store = store
        self.authorizer = authorizer
        self.now = now
        self.withdraw = withdraw
    }

    // MARK: Following the state

    /// Loads everything; makes the token key where this is the chamber's first start.
    package func start() async throws(StateError) -> TokenReader {
        for _ in 0..<3 {
            let reading = try await store.rows(after: 0)
            if let row = reading.rows.first(where: { $0.name == AccessRows.key }), row.body != nil {
                try await refresh()
                return TokenReader(try AccessRows.readKey(row))
            }
            do throws(StateError) {
                let key = StateChange(AccessRows.key, expecting: 0, body: Random.bytes(32))
                try await store.apply([key])
            } catch {
                // Another instance was first: its key is everybody's.
                guard case .conflict = error else { throw error }
            }
        }
        throw .unusable(reason: "the token key is made and deleted again and again")
    }

    /// Takes over what has changed since it was last looked at; says whether anything has.
    @discardableResult
    package func refresh() async throws(StateError) -> Bool {
        let seen = known.withLock { $0.revision }
        let reading = try await store.rows(after: seen)
        guard reading.revision >= seen else { throw Self.setBack(to: reading.revision, from: seen) }
        let hasChanged = try take(reading)
        if hasChanged { await withdraw() }
        return hasChanged
    }

    private static func setBack(to revision: UInt64, from seen: UInt64) -> StateError {
        .unusable(
            reason: "it is at revision \(revision), but this instance has seen \(seen): it was restored or exchanged, "
                + "and what was revoked since may be valid again; restart the signer to take it as it is"
        )
    }

    /// All is read before anything of it is put in place, and put in place only where nothing newer is: readings can
    /// overtake each other, and an older one must not give back what was revoked.
    private func take(_ reading: StateReading) throws(StateError) -> Bool {
        var changes: [(row: StateRow, apply: @Sendable (inout AccessDirectory) -> Void)] = []
        for row in reading.rows {
            if let change = try Self.change(row) { changes.append((row, change)) }
        }
        return try known.withLock { (known) throws(StateError) -> Bool in
            var fresh: [@Sendable (inout AccessDirectory) -> Void] = []
            for (row, apply) in changes {
                let standing = known.rows[row.name] ?? (0, 0)
                guard row.revision > standing.revision else { continue }
                guard row.version > standing.version else {
                    throw .unusable(
                        reason: "the row \(row.name) was changed past this program: it went from version "
                            + "\(standing.version) to \(row.version)"
                    )
                }
                fresh.append(apply)
            }
            for (row, _) in changes where row.revision > known.rows[row.name]?.revision ?? 0 {
                known.rows[row.name] = (row.version, row.revision)
            }
            known.revision = max(known.revision, reading.revision)
            guard !fresh.isEmpty else { return false }
            let all = fresh
            authorizer.update { directory in for apply in all { apply(&directory) } }
            return true
        }
    }

    private static func change(_ row: StateRow) throws(StateError) -> (@Sendable (inout AccessDirectory) -> Void)? {
        switch row.name.kind {
        case AccessRows.policy:
            guard let body = row.body else {
                guard let name = PolicyName(row.name.name) else { return nil }
                return { $0.remove(policy: name) }
            }
            let policy = try AccessRows.readPolicy(row, body)
            return { $0.put(policy, version: row.version) }
        case AccessRows.token:
            guard let body = row.body else {
                guard let identifier = TokenIdentifier(row.name.name) else { return nil }
                return { $0.remove(token: identifier) }
            }
            let token = try AccessRows.readToken(row, body)
            return { $0.put(token, version: row.version) }
        case AccessRows.certificate:
            guard let body = row.body else {
                guard let name = PolicyName(row.name.name) else { return nil }
                return { $0.remove(certificate: name) }
            }
            let binding = try AccessRows.readCertificate(row, body)
            return { $0.put(binding, version: row.version) }
        default: return nil
        }
    }

    package func close() async { await store.close() }

    // MARK: Looking

    package var policies: [AccessDirectory.Entry<Policy>] {
        authorizer.directory.policies.values.sorted { $0.value.name < $1.value.name }
    }

    package var tokens: [AccessDirectory.Entry<Token>] {
        authorizer.directory.tokens.values.sorted {
            ($0.value.name, $0.value.identifier) < ($1.value.name, $1.value.identifier)
        }
    }

    package func policy(_ name: PolicyName) throws(AccessChangeError) -> AccessDirectory.Entry<Policy> {
        guard let entry = authorizer.directory.policies[name] else { throw .notFound("policy \(name)") }
        return entry
    }

    package func token(_ identifier: TokenIdentifier) throws(AccessChangeError) -> AccessDirectory.Entry<Token> {
        guard let entry = authorizer.directory.tokens[identifier] else { throw .notFound("token \(identifier)") }
        return entry
    }

    /// The second in which this instance last saw the token; nil where it has not since it started.
    package func lastUse(of identifier: TokenIdentifier) -> Int64? {
        let uses = authorizer.takeUses()
        return known.withLock { known in
            known.uses.merge(uses) { max($0, $1) }
            return known.uses[identifier]
        }
    }

    // MARK: Changing

    package func create(_ policy: Policy) async throws(AccessChangeError) {
        let directory = authorizer.directory
        guard directory.policies[policy.name] == nil else { throw .alreadyExists(policy.name) }
        guard directory.policies.count < Self.mostPolicies else { throw .tooMany("policies", most: Self.mostPolicies) }
        try await write(AccessRows.name(of: policy.name), expecting: 0, AccessRows.body(of: policy))
    }

    /// - Parameter expected: the version that is to be replaced; nil for whatever it is.
    package func replace(_ policy: Policy, expecting expected: UInt64? = nil) async throws(AccessChangeError) {
        let current = try self.policy(policy.name).version
        try await write(AccessRows.name(of: policy.name), expecting: expected ?? current, AccessRows.body(of: policy))
    }

    package func delete(_ policy: PolicyName) async throws(AccessChangeError) {
        let entry = try self.policy(policy)
        let directory = authorizer.directory
        let (tokens, certificates) = (directory.tokens(with: policy).count, directory.certificates(with: policy).count)
        guard tokens + certificates == 0 else { throw .inUse(policy, tokens: tokens, certificates: certificates) }
        try await write(AccessRows.name(of: policy), expecting: entry.version, nil)
    }

    /// Makes a token. The secret is in `secret` and nowhere else.
    package func create(
        _ request: TokenRequest,
        with reader: TokenReader,
        secret: borrowing TokenSecret
    ) async throws(AccessChangeError) -> Token {
        let directory = authorizer.directory
        guard directory.tokens.count < Self.mostTokens else { throw .tooMany("tokens", most: Self.mostTokens) }
        try refuseUnknown(request.policies, directory)
        let now = now()
        let token = Token(
            digest: reader.digest(of: secret),
            name: request.name,
            policies: request.policies,
            created: now,
            expires: request.lifetime.map { now + $0 }
        )
        try await write(AccessRows.name(of: token.identifier), expecting: 0, AccessRows.body(of: token))
        return token
    }

    /// Gives a token other policies, name or end; its secret stays.
    package func replace(
        _ identifier: TokenIdentifier,
        with request: TokenRequest,
        expecting expected: UInt64? = nil
    ) async throws(AccessChangeError) -> Token {
        let entry = try token(identifier)
        try refuseUnknown(request.policies, authorizer.directory)
        let token = Token(
            digest: entry.value.digest,
            name: request.name,
            policies: request.policies,
            created: entry.value.created,
            expires: request.lifetime.map { now() + $0 },
            revoked: entry.value.revoked
        )
        try await write(
            AccessRows.name(of: identifier),
            expecting: expected ?? entry.version,
            AccessRows.body(of: token)
        )
        return token
    }

    /// Ends a token for ever; it stays in the list. Revoking twice changes nothing.
    package func revoke(_ identifier: TokenIdentifier) async throws(AccessChangeError) {
        let entry = try token(identifier)
        guard entry.value.revoked == nil else { return await withdraw() }
        var token = entry.value
        token.revoked = now()
        try await write(AccessRows.name(of: identifier), expecting: entry.version, AccessRows.body(of: token))
    }

    package func delete(_ identifier: TokenIdentifier) async throws(AccessChangeError) {
        let entry = try token(identifier)
        try await write(AccessRows.name(of: identifier), expecting: entry.version, nil)
    }

    // MARK: Certificates

    package var certificates: [AccessDirectory.Entry<CertificateBinding>] {
        authorizer.directory.certificates.values.sorted { $0.value.name < $1.value.name }
    }

    package func certificate(
        _ name: PolicyName
    ) throws(AccessChangeError) -> AccessDirectory.Entry<CertificateBinding> {
        guard let entry = authorizer.directory.certificates[name] else { throw .notFound("certificate \(name)") }
        return entry
    }

    /// Binds a certificate to policies. A certificate that is bound twice would have what both allow: that is said here,
    /// where it is most likely a mistake.
    package func create(_ request: CertificateRequest) async throws(AccessChangeError) {
        let directory = authorizer.directory
        let bound = directory.certificates.values.first {
            $0.value.name == request.name || $0.value.subject == request.subject
        }
        if let bound { throw .alreadyBound(bound.value.name) }
        let most = Self.mostCertificates
        guard directory.certificates.count < most else { throw .tooMany("certificates", most: most) }
        try refuseUnknown(request.policies, directory)
        let binding = CertificateBinding(
            name: request.name,
            subject: request.subject,
            policies: request.policies,
            created: now()
        )
        try await write(
            AccessRows.name(ofCertificate: request.name),
            expecting: 0,
            AccessRows.body(of: binding)
        )
    }

    /// Nothing is signed for the certificate by this binding when it has been answered.
    package func delete(certificate name: PolicyName) async throws(AccessChangeError) {
        let entry = try certificate(name)
        try await write(AccessRows.name(ofCertificate: name), expecting: entry.version, nil)
    }

    private func refuseUnknown(_ names: [PolicyName], _ directory: AccessDirectory) throws(AccessChangeError) {
        let unknown = names.filter { $0 != .root && directory.policies[$0] == nil }
        guard unknown.isEmpty else { throw .unknownPolicies(unknown) }
    }

    private func write(
        _ name: StateRowName,
        expecting version: UInt64,
        _ body: [UInt8]?
    ) async throws(AccessChangeError) {
        do throws(StateError) {
            try await store.apply([StateChange(name, expecting: version, body: body)])
            try await refresh()
            // Another refresh may have taken it over, and may still wait for what is under way.
            await withdraw()
        } catch {
            throw .state(error)
        }
    }
}
