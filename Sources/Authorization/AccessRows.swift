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
    static let key = StateRowName("token_key", "1")

    static func name(of policy: PolicyName) -> StateRowName { StateRowName(Self.policy, policy.text) }
    static func name(of token: TokenIdentifier) -> StateRowName { StateRowName(Self.token, token.text) }

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

    private static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(value)) } catch {
            preconditionFailure("a value of ours cannot be encoded: \(error)")
        }
    }

    // MARK: Reading

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
