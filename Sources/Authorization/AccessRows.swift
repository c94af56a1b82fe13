// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import Foundation
internal import JSON
internal import Secrets
internal import SignerState

/// How policies, tokens and the token key lie in the signer state: rows of these kinds, with JSON in them.
enum AccessRows {
    static let policy = "policy"
    static let token = "token"
    static let certificate = "certificate"
    static let kinds: Set<String> = [policy, token, certificate]
    static let key = StateRowName("token_key", "1")
    static let catalogue = StateRowName("access", "CATALOGUE")

    static func name(of policy: PolicyName) -> StateRowName { StateRowName(Self.policy, policy.text) }
    static func name(of token: TokenIdentifier) -> StateRowName { StateRowName(Self.token, token.text) }

    static func name(ofCertificate certificate: PolicyName) -> StateRowName {
        StateRowName(Self.certificate, certificate.text)
    }

    // MARK: Writing

    static func body(of policy: Policy) -> [UInt8] { encode(PolicyView(policy)) }

    static func body(of token: Token) -> [UInt8] {
        encode(
            StoredToken(
                digest: Hex.encode(token.digest.bytes.span, prefix: false),
                name: token.name.text,
                policies: token.policies.map(\.text),
                created: token.created,
                expires: token.expires,
                revoked: token.revoked
            )
        )
    }

    static func body(of binding: CertificateBinding) -> [UInt8] { encode(CertificateView(binding)) }

    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(value)) } catch {
            preconditionFailure("a value of ours cannot be encoded: \(error)")
        }
    }

    // MARK: Reading

    /// What a row of one of the kinds says.
    static func item(_ row: StateRow, _ body: [UInt8]) throws(StateError) -> AccessItem {
        switch row.name.kind {
        case policy: .policy(try readPolicy(row, body))
        case token: .token(try readToken(row, body))
        default: .certificate(try readCertificate(row, body))
        }
    }

    static func readPolicy(_ row: StateRow, _ body: [UInt8]) throws(StateError) -> Policy {
        guard let name = PolicyName(row.name.name), let document = try? JSONDocument(body),
            let policy = try? PolicyDocument().read(document.root, named: name)
        else { throw unreadable(row) }
        return policy
    }

    static func readToken(_ row: StateRow, _ body: [UInt8]) throws(StateError) -> Token {
        guard let stored = try? JSONDecoder().decode(StoredToken.self, from: Data(body)),
            let bytes: Bytes<32> = try? Hex.decode(stored.digest), let name = PolicyName(stored.name),
            TokenDigest(bytes).identifier.text == row.name.name
        else { throw unreadable(row) }
        let policies = stored.policies.compactMap { PolicyName($0) }
        guard policies.count == stored.policies.count, !policies.isEmpty else { throw unreadable(row) }
        return Token(
            digest: TokenDigest(bytes),
            name: name,
            policies: policies,
            created: stored.created,
            expires: stored.expires,
            revoked: stored.revoked
        )
    }

    static func readCertificate(_ row: StateRow, _ body: [UInt8]) throws(StateError) -> CertificateBinding {
        guard let view = try? JSONDecoder().decode(CertificateView.self, from: Data(body)),
            view.name == row.name.name, let binding = CertificateBinding(view)
        else { throw unreadable(row) }
        return binding
    }

    /// The key is not under the master key: tokens are told apart in a sealed chamber too. What can read the state backend
    /// can tell which token is which, and still cannot make one.
    static func readKey(_ row: StateRow) throws(StateError) -> TokenKey {
        guard let body = row.body, body.count == 32 else { throw unreadable(row) }
        return TokenKey(
            SecretBytes(count: 32) { target in
                for (place, byte) in body.enumerated() {
                    target.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
                }
            }
        )
    }

    private static func unreadable(_ row: StateRow) -> StateError {
        .unusable(reason: "the row \(row.name) is not one of this version's: it was made by a newer one, or edited")
    }
}

/// What a row says.
enum AccessItem: Hashable, Sendable {
    case policy(Policy)
    case token(Token)
    case certificate(CertificateBinding)
}

extension AccessDirectory {
    mutating func put(_ item: AccessItem, version: UInt64) {
        switch item {
        case .policy(let policy): put(policy, version: version)
        case .token(let token): put(token, version: version)
        case .certificate(let binding): put(binding, version: version)
        }
    }

    mutating func remove(_ item: AccessItem) {
        switch item {
        case .policy(let policy): remove(policy: policy.name)
        case .token(let token): remove(token: token.identifier)
        case .certificate(let binding): remove(certificate: binding.name)
        }
    }
}

private struct StoredToken: Codable {
    let digest: String
    let name: String
    let policies: [String]
    let created: Int64
    let expires: Int64?
    let revoked: Int64?
}

/// A policy as the API shows it and as it is kept.
package struct PolicyView: Codable, Hashable, Sendable {
    package struct RuleView: Codable, Hashable, Sendable {
        package let effect: String
        package let scopes: [String]?
        package let keys: [String]?
        package let operations: [String]?
        package let source_cidrs: [String]?
    }

    package let name: String
    package let rules: [RuleView]

    package init(_ policy: Policy) {
        name = policy.name.text
        rules = policy.rules.map { rule in
            RuleView(
                effect: rule.effect.rawValue,
                scopes: rule.scopes?.map(\.rawValue).sorted(),
                keys: rule.keys?.sorted().map(\.description),
                operations: rule.operations?.map(\.name).sorted(),
                source_cidrs: rule.sourceRanges?.map(\.description)
            )
        }
    }
}

/// A bound certificate as it is kept, and with its version as the API shows it.
package struct CertificateView: Codable, Hashable, Sendable {
    package let name: String
    package let policies: [String]
    package let fingerprint: String?
    package let ca_fingerprint: String?
    package let san: String?
    package let created: Int64

    package init(_ binding: CertificateBinding) {
        name = binding.name.text
        policies = binding.policies.map(\.text)
        created = binding.created
        switch binding.subject {
        case .fingerprint(let digest):
            fingerprint = Hex.encode(digest.span, prefix: false)
            (ca_fingerprint, san) = (nil, nil)
        case .name(let name, let authority):
            fingerprint = nil
            (ca_fingerprint, san) = (Hex.encode(authority.span, prefix: false), name)
        }
    }
}

extension CertificateBinding {
    /// Nil where something is missing, or more is there than one of the two ways.
    fileprivate init?(_ view: CertificateView) {
        let names = view.policies.compactMap { PolicyName($0) }
        guard let name = PolicyName(view.name), names.count == view.policies.count, !names.isEmpty else { return nil }
        let (own, authority) = (view.fingerprint, view.ca_fingerprint)
        switch (own.map(CertificateRequest.fingerprint), authority.map(CertificateRequest.fingerprint), view.san) {
        case (let own??, nil, nil):
            self.init(name: name, subject: .fingerprint(own), policies: names, created: view.created)
        case (nil, let authority??, let san?):
            self.init(name: name, subject: .name(san, authority: authority), policies: names, created: view.created)
        default: return nil
        }
    }
}
