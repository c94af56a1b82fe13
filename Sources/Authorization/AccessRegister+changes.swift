// SPDX-License-Identifier: Apache-2.0
internal import SignerState

/// What somebody wants a token to be.
package struct TokenRequest: Sendable {
    package enum End: Hashable, Sendable {
        /// Nothing is said of it: a new token has none, and one that is replaced keeps its own, so that a change of its
        /// policies does not bring one back that is over.
        case unsaid
        case never
        /// So many seconds from now.
        case after(Int64)
    }

    package let name: PolicyName
    package let policies: [PolicyName]
    package let end: End

    /// Seconds until it ends; nil where none were said.
    package var lifetime: Int64? { if case .after(let seconds) = end { seconds } else { nil } }

    package init(name: PolicyName, policies: [PolicyName], end: End) {
        self.name = name
        self.policies = policies
        self.end = end
    }

    package init(name: PolicyName, policies: [PolicyName], lifetime: Int64?) {
        self.init(name: name, policies: policies, end: lifetime.map { .after($0) } ?? .unsaid)
    }

    /// When a token ends, as a time.
    ///
    /// - Parameter standing: the end of the token that is replaced; nil without one.
    func expiry(now: Int64, standing: Int64?) -> Int64? {
        switch end {
        case .unsaid: standing
        case .never: nil
        case .after(let seconds): now + seconds
        }
    }
}

extension AccessRegister {
    // MARK: Policies

    package func create(_ policy: Policy) async throws(AccessChangeError) {
        try await write { directory, _ throws(AccessChangeError) in
            guard directory.policies[policy.name] == nil else { throw .alreadyExists(policy.name) }
            let most = Self.mostPolicies
            guard directory.policies.count < most else { throw .tooMany("policies", most: most) }
            return AccessPlan(name: AccessRows.name(of: policy.name), expected: 0, body: AccessRows.body(of: policy))
        }
    }

    /// - Parameter expected: the version that is to be replaced; nil for whatever it is.
    package func replace(_ policy: Policy, expecting expected: UInt64? = nil) async throws(AccessChangeError) {
        try await write { directory, _ throws(AccessChangeError) in
            guard let entry = directory.policies[policy.name] else { throw .notFound("policy \(policy.name)") }
            return AccessPlan(
                name: AccessRows.name(of: policy.name),
                expected: expected ?? entry.version,
                body: AccessRows.body(of: policy)
            )
        }
    }

    package func delete(_ policy: PolicyName) async throws(AccessChangeError) {
        try await write { directory, ledger throws(AccessChangeError) in
            let name = AccessRows.name(of: policy)
            let version = try Self.standing(directory.policies[policy]?.version, name, ledger)
            let (tokens, certificates) = (directory.tokens(with: policy), directory.certificates(with: policy))
            guard tokens.isEmpty, certificates.isEmpty else {
                throw .inUse(policy, tokens: tokens.count, certificates: certificates.count)
            }
            return AccessPlan(name: name, expected: version, body: nil)
        }
    }

    /// The version of what is to be deleted: a row that is refused can be deleted too.
    private static func standing(
        _ version: UInt64?,
        _ name: StateRowName,
        _ ledger: borrowing AccessLedger
    ) throws(AccessChangeError) -> UInt64 {
        guard let version = version ?? ledger.refusedVersion(of: name) else { throw .notFound("\(name)") }
        return version
    }

    // MARK: Tokens

    /// Makes a token. The secret is in `secret` and nowhere else.
    package func create(
        _ request: TokenRequest,
        with reader: TokenReader,
        secret: borrowing TokenSecret
    ) async throws(AccessChangeError) -> Token {
        let now = now()
        let token = Token(
            digest: reader.digest(of: secret),
            name: request.name,
            policies: request.policies,
            created: now,
            expires: request.expiry(now: now, standing: nil)
        )
        try await write { directory, _ throws(AccessChangeError) in
            let most = Self.mostTokens
            guard directory.tokens.count < most else { throw .tooMany("tokens", most: most) }
            try Self.refuseUnknown(request.policies, directory)
            return AccessPlan(
                name: AccessRows.name(of: token.identifier),
                expected: 0,
                body: AccessRows.body(of: token)
            )
        }
        return token
    }

    /// Gives a token other policies, name or end; its secret stays, and its end where nothing is said of it.
    package func replace(
        _ identifier: TokenIdentifier,
        with request: TokenRequest,
        expecting expected: UInt64? = nil
    ) async throws(AccessChangeError) -> Token {
        try await write { [self] directory, _ throws(AccessChangeError) in
            guard let entry = directory.tokens[identifier] else { throw .notFound("token \(identifier)") }
            try Self.refuseUnknown(request.policies, directory)
            let token = Token(
                digest: entry.value.digest,
                name: request.name,
                policies: request.policies,
                created: entry.value.created,
                expires: request.expiry(now: now(), standing: entry.value.expires),
                revoked: entry.value.revoked
            )
            return AccessPlan(
                name: AccessRows.name(of: identifier),
                expected: expected ?? entry.version,
                body: AccessRows.body(of: token)
            )
        }
        return try token(identifier).value
    }

    /// Ends a token for ever; it stays in the list. Revoking twice changes nothing.
    package func revoke(_ identifier: TokenIdentifier) async throws(AccessChangeError) {
        try await write { [self] directory, _ throws(AccessChangeError) in
            guard let entry = directory.tokens[identifier] else { throw .notFound("token \(identifier)") }
            guard entry.value.revoked == nil else { return nil }
            var token = entry.value
            token.revoked = now()
            return AccessPlan(
                name: AccessRows.name(of: identifier),
                expected: entry.version,
                body: AccessRows.body(of: token)
            )
        }
    }

    package func delete(_ identifier: TokenIdentifier) async throws(AccessChangeError) {
        try await write { directory, ledger throws(AccessChangeError) in
            let name = AccessRows.name(of: identifier)
            return AccessPlan(
                name: name,
                expected: try Self.standing(directory.tokens[identifier]?.version, name, ledger),
                body: nil
            )
        }
    }

    // MARK: Certificates

    /// Binds a certificate to policies. A certificate that is bound twice would have what both allow: that is said here,
    /// where it is most likely a mistake.
    package func create(_ request: CertificateRequest) async throws(AccessChangeError) {
        let binding = CertificateBinding(
            name: request.name,
            subject: request.subject,
            policies: request.policies,
            created: now()
        )
        try await write { directory, _ throws(AccessChangeError) in
            let bound = directory.certificates.values.first {
                $0.value.name == request.name || $0.value.subject == request.subject
            }
            if let bound { throw .alreadyBound(bound.value.name) }
            let most = Self.mostCertificates
            guard directory.certificates.count < most else { throw .tooMany("certificates", most: most) }
            try Self.refuseUnknown(request.policies, directory)
            return AccessPlan(
                name: AccessRows.name(ofCertificate: request.name),
                expected: 0,
                body: AccessRows.body(of: binding)
            )
        }
    }

    /// Nothing is signed for the certificate by this binding when it has been answered.
    package func delete(certificate name: PolicyName) async throws(AccessChangeError) {
        try await write { directory, ledger throws(AccessChangeError) in
            let row = AccessRows.name(ofCertificate: name)
            let version = try Self.standing(directory.certificates[name]?.version, row, ledger)
            return AccessPlan(name: row, expected: version, body: nil)
        }
    }

    private static func refuseUnknown(
        _ names: [PolicyName],
        _ directory: AccessDirectory
    ) throws(AccessChangeError) {
        let unknown = names.filter { $0 != .root && directory.policies[$0] == nil }
        guard unknown.isEmpty else { throw .unknownPolicies(unknown) }
    }

    // MARK: Writing

    /// How often a change is tried that others overtake: each time, somebody else's has succeeded.
    static let rounds = 16

    /// Makes the change that `plan` says of the directory as it is. Where another instance has changed something else
    /// meanwhile, the directory is read again, and asked again.
    ///
    /// - Parameter plan: nil where nothing has to be done.
    private func write(
        _ plan: (AccessDirectory, borrowing AccessLedger) throws(AccessChangeError) -> AccessPlan?
    ) async throws(AccessChangeError) {
        for round in 1...Self.rounds {
            guard let changes = try planned(plan) else { return await withdraw() }
            do throws(StateError) {
                try await store.apply(changes.rows)
                try await refresh()
                try expectCatalogue(changes.sequence)
                // Another refresh may have taken it over, and may still wait for what is under way.
                return await withdraw()
            } catch {
                guard case .conflict(AccessRows.catalogue) = error, round < Self.rounds else { throw .state(error) }
            }
            do throws(StateError) { try await review() } catch { throw .state(error) }
        }
    }
}
