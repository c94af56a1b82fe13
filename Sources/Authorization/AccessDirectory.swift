// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Secrets

/// All policies, tokens and bound certificates at one moment, indexed for asking. A value: whoever holds one sees no half of a change.
package struct AccessDirectory: Sendable {
    package struct Entry<Value: Sendable>: Sendable {
        package let value: Value
        /// Rises with every change of the row; what a change must name.
        package let version: UInt64

        package init(_ value: Value, version: UInt64) {
            self.value = value
            self.version = version
        }
    }

    /// A token with what its policies say.
    struct Bearer: Sendable {
        let token: Token
        let permissions: Permissions
    }

    package private(set) var policies: [PolicyName: Entry<Policy>] = [:]
    package private(set) var tokens: [TokenIdentifier: Entry<Token>] = [:]
    package private(set) var certificates: [PolicyName: Entry<CertificateBinding>] = [:]
    private var bearers: [UInt64: [Bearer]] = [:]
    private var bindings: [CertificateBinding.Subject: [PolicyName]] = [:]

    package init() {}

    package mutating func put(_ policy: Policy, version: UInt64) {
        policies[policy.name] = Entry(policy, version: version)
        refresh(tokensWith: policy.name)
    }

    /// A token that names a policy which is not there has nothing of it: what was meant to be denied there cannot be
    /// known, so such a token has nothing at all until the policy is back (``permissions(of:)``).
    package mutating func remove(policy name: PolicyName) {
        policies[name] = nil
        refresh(tokensWith: name)
    }

    package mutating func put(_ token: Token, version: UInt64) {
        if let old = tokens[token.identifier]?.value { forget(old) }
        tokens[token.identifier] = Entry(token, version: version)
        remember(token)
    }

    package mutating func remove(token identifier: TokenIdentifier) {
        guard let old = tokens.removeValue(forKey: identifier)?.value else { return }
        forget(old)
    }

    package mutating func put(_ binding: CertificateBinding, version: UInt64) {
        remove(certificate: binding.name)
        certificates[binding.name] = Entry(binding, version: version)
        bindings[binding.subject, default: []].append(binding.name)
    }

    package mutating func remove(certificate name: PolicyName) {
        guard let old = certificates.removeValue(forKey: name)?.value else { return }
        bindings[old.subject]?.removeAll { $0 == name }
        if bindings[old.subject]?.isEmpty == true { bindings[old.subject] = nil }
    }

    private mutating func refresh(tokensWith name: PolicyName) {
        for entry in tokens.values where entry.value.policies.contains(name) {
            forget(entry.value)
            remember(entry.value)
        }
    }

    private mutating func remember(_ token: Token) {
        bearers[token.digest.place, default: []].append(Bearer(token: token, permissions: permissions(of: token)))
    }

    private mutating func forget(_ token: Token) {
        bearers[token.digest.place]?.removeAll { $0.token.digest == token.digest }
        if bearers[token.digest.place]?.isEmpty == true { bearers[token.digest.place] = nil }
    }

    private func permissions(of token: Token) -> Permissions { permissions(of: token.policies) }

    private func permissions(of names: [PolicyName]) -> Permissions {
        if names.contains(.root) { return .everything }
        let known = names.compactMap { policies[$0]?.value }
        return known.count == names.count ? Permissions(known) : .nothing
    }

    /// The tokens that name a policy.
    package func tokens(with policy: PolicyName) -> [TokenIdentifier] {
        tokens.filter { $0.value.value.policies.contains(policy) }.keys.sorted()
    }

    /// The bound certificates that name a policy.
    package func certificates(with policy: PolicyName) -> [PolicyName] {
        certificates.filter { $0.value.value.policies.contains(policy) }.keys.sorted()
    }

    /// The bindings of a certificate and what they allow together; nil where there is none. Where one of them names a
    /// policy that is not there, all of them are worth nothing, as with a token.
    package func holder(of certificate: ClientCertificate) -> (bindings: [PolicyName], permissions: Permissions)? {
        let found = Set(certificate.subjects.flatMap { bindings[$0] ?? [] }).sorted()
        guard !found.isEmpty else { return nil }
        let names = Set(found.compactMap { certificates[$0]?.value }.flatMap(\.policies))
        return (found, permissions(of: names.sorted()))
    }

    /// The token of a digest and what it may; nil where there is none. An expired one is still found.
    ///
    /// The place in the table is a part of an HMAC under a key that the caller does not have; what lies there is compared
    /// in constant time.
    package func bearer(of digest: TokenDigest) -> (token: Token, permissions: Permissions)? {
        for bearer in bearers[digest.place] ?? []
        where ConstantTime.areEqual(bearer.token.digest.bytes.span, digest.bytes.span) {
            return (bearer.token, bearer.permissions)
        }
        return nil
    }
}

extension TokenDigest {
    /// Its first eight bytes.
    fileprivate var place: UInt64 {
        (0..<8).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }
}
