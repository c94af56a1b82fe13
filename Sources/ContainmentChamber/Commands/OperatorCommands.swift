// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation

/// `operator …`: policies and tokens, as their operator sees them.
enum OperatorCommands {
    /// A token as the API answers it; its secret only where it was just made.
    private struct TokenDocument: Decodable {
        let id: String
        let name: String
        let policies: [String]
        let created_at: String
        let expires_at: String?
        let revoked_at: String?
        let last_used_at: String?
        let token: String?
    }
    private struct TokenListDocument: Decodable {
        let tokens: [TokenDocument]
        let refused: [RefusedRowDocument]?
    }

    private struct PolicyDocument: Decodable {
        struct RuleDocument: Decodable {
            let effect: String
            let scopes: [String]?
            let keys: [String]?
            let operations: [String]?
            let source_cidrs: [String]?
        }
        let name: String
        let rules: [RuleDocument]
    }
    private struct PolicyListDocument: Decodable {
        let policies: [PolicyDocument]
        let refused: [RefusedRowDocument]?
    }

    // MARK: Tokens

    static func createToken(_ invocation: Invocation) throws(Failure) {
        let body = try requestBody(invocation, policies: invocation.values(of: "policy"))
        try show(token: try SignerConnection(invocation).send("POST", "/api/v1/auth/tokens", body: body), invocation)
    }

    /// Gives a token another name, other policies or another end; its secret stays.
    static func replaceToken(_ invocation: Invocation) throws(Failure) {
        let path = try "/api/v1/auth/tokens/" + segment(invocation.positionals[0])
        let body = try requestBody(invocation, policies: invocation.values(of: "policy"), mayTakeEndAway: true)
        try show(token: try SignerConnection(invocation).send("PUT", path, body: body), invocation)
    }

    static func listTokens(_ invocation: Invocation) throws(Failure) {
        let answer = try SignerConnection(invocation).send("GET", "/api/v1/auth/tokens")
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        let list = try decode(TokenListDocument.self, answer)
        complain(of: list.refused, "token")
        let tokens = list.tokens
        for token in tokens {
            let end = token.revoked_at.map { "revoked \($0)" } ?? token.expires_at.map { "until \($0)" } ?? "no end"
            let use = token.last_used_at.map { "used \($0)" } ?? "not used since the start"
            Output.print("\(token.id)  \(token.name)  [\(token.policies.joined(separator: ", "))]  \(end)  \(use)")
        }
        if tokens.isEmpty { Output.complain("there are no tokens") }
    }

    static func showToken(_ invocation: Invocation) throws(Failure) {
        let path = try "/api/v1/auth/tokens/" + segment(invocation.positionals[0])
        try show(token: try SignerConnection(invocation).send("GET", path), invocation)
    }

    static func revokeToken(_ invocation: Invocation) throws(Failure) {
        let path = try "/api/v1/auth/tokens/" + segment(invocation.positionals[0]) + "/revoke"
        try show(token: try SignerConnection(invocation).send("POST", path), invocation)
    }

    static func deleteToken(_ invocation: Invocation) throws(Failure) {
        let path = try "/api/v1/auth/tokens/" + segment(invocation.positionals[0])
        _ = try SignerConnection(invocation).send("DELETE", path)
        Output.print("deleted token \(invocation.positionals[0])")
    }

    /// - Parameters:
    ///   - proposal: the one that operators have approved.
    ///   - mayTakeEndAway: whether `none` is a length of time.
    static func requestBody(
        _ invocation: Invocation,
        policies: [String]?,
        proposal: String? = nil,
        mayTakeEndAway: Bool = false
    ) throws(Failure) -> [UInt8] {
        let order = TokenOrder(
            name: invocation["name"] ?? "operator",
            policies: policies,
            end: try TokenOrder.End(invocation, mayBeTakenAway: mayTakeEndAway),
            proposal: proposal
        )
        do { return Array(try JSONEncoder().encode(order)) } catch { throw Failure("\(error)") }
    }

    static func show(token answer: [UInt8], _ invocation: Invocation) throws(Failure) {
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        let token = try decode(TokenDocument.self, answer)
        Output.print("id        \(token.id)")
        Output.print("name      \(token.name)")
        Output.print("policies  \(token.policies.joined(separator: ", "))")
        Output.print("created   \(token.created_at)")
        Output.print("expires   \(token.expires_at ?? "never")")
        if let revoked = token.revoked_at { Output.print("revoked   \(revoked)") }
        if let used = token.last_used_at { Output.print("last use  \(used)") }
        guard let secret = token.token else { return }
        Output.print("token     \(secret)")
        Output.complain("this is the only time that the token is shown: put it where secrets are kept")
    }

    // MARK: Policies

    static func listPolicies(_ invocation: Invocation) throws(Failure) {
        let answer = try SignerConnection(invocation).send("GET", "/api/v1/auth/policies")
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        let list = try decode(PolicyListDocument.self, answer)
        complain(of: list.refused, "policy")
        let policies = list.policies
        for policy in policies { show(policy) }
        if policies.isEmpty { Output.complain("there are no policies") }
    }

    static func showPolicy(_ invocation: Invocation) throws(Failure) {
        let path = try "/api/v1/auth/policies/" + segment(invocation.positionals[0])
        let answer = try SignerConnection(invocation).send("GET", path)
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        show(try decode(PolicyDocument.self, answer))
    }

    /// Makes a policy of a file, or puts it in the place of the one of that name.
    static func applyPolicy(_ invocation: Invocation) throws(Failure) {
        struct Named: Decodable { let name: String }
        let text = try readText(invocation.positionals[0], largest: 8 << 20)
        guard let name = try? JSONDecoder().decode(Named.self, from: Data(text.utf8)).name else {
            throw Failure("\(invocation.positionals[0]) is not a policy: JSON with a name and rules", exitCode: .usage)
        }
        let api = try SignerConnection(invocation)
        let path = try "/api/v1/auth/policies/" + segment(name)
        let exists = try api.has(path)
        let answer =
            exists
            ? try api.send("PUT", path, body: Array(text.utf8))
            : try api.send("POST", "/api/v1/auth/policies", body: Array(text.utf8))
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        Output.print("\(exists ? "replaced" : "created") policy \(name)")
    }

    static func deletePolicy(_ invocation: Invocation) throws(Failure) {
        let path = try "/api/v1/auth/policies/" + segment(invocation.positionals[0])
        _ = try SignerConnection(invocation).send("DELETE", path)
        Output.print("deleted policy \(invocation.positionals[0])")
    }

    private static func show(_ policy: PolicyDocument) {
        Output.print(policy.name)
        for rule in policy.rules {
            var words = ["  \(rule.effect)"]
            for (name, values) in [
                ("scopes", rule.scopes), ("operations", rule.operations), ("from", rule.source_cidrs),
            ] {
                if let values { words.append("\(name)=\(values.joined(separator: ","))") }
            }
            if let keys = rule.keys { words.append(keys.count == 1 ? "key=\(keys[0])" : "keys=\(keys.count)") }
            Output.print(words.joined(separator: "  "))
        }
    }

    // MARK: Words

    static func decode<Document: Decodable>(_: Document.Type, _ answer: [UInt8]) throws(Failure) -> Document {
        do { return try JSONDecoder().decode(Document.self, from: Data(answer)) } catch {
            throw Failure("the signer gave an answer that this version cannot read")
        }
    }

    /// A name as one segment of a path.
    static func segment(_ text: String) throws(Failure) -> String {
        let plain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard plain, !text.isEmpty, !text.hasPrefix(".") else {
            throw Failure("\(text) is not a name of a policy, token or certificate", exitCode: .usage)
        }
        return text
    }
}
