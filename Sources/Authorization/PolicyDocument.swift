// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
package import JSON

/// Why a text is no policy, with the place in it.
package struct PolicyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `rules[1].scopes[0]`; empty for the whole.
    package let path: String
    package let reason: String

    package init(_ path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    package var description: String { path.isEmpty ? reason : "\(path) \(reason)" }
}

/// Reads policies as JSON: `{"name":"…","rules":[{"effect":"allow","scopes":[…],"keys":[…],"operations":[…],
/// "source_cidrs":[…]}]}`.
///
/// Nothing is guessed: an unknown field, a name twice, an empty list, `null` and an unknown scope or operation are errors,
/// because each of them could mean more, or less, than whoever wrote it believes.
package struct PolicyDocument {
    package struct Limits: Sendable {
        package var rules = 256
        /// Of one rule.
        package var keys = 50_000
        package var ranges = 256

        package init() {}
    }

    private let limits: Limits

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Reads a policy.
    ///
    /// - Parameter name: what it must be called, where the request says so elsewhere; then the text may leave it out.
    package func read(_ value: JSONValue, named name: PolicyName? = nil) throws(PolicyError) -> Policy {
        let object = try PolicyObject(value, at: "", fields: ["name", "rules"])
        let chosen: PolicyName
        if let text = try object.string("name") {
            guard let read = PolicyName(text) else { throw PolicyError("name", "is \(PolicyName.rule)") }
            if let name, name != read { throw PolicyError("name", "is not the name in the path, \(name)") }
            chosen = read
        } else if let name {
            chosen = name
        } else {
            throw PolicyError("name", "is missing")
        }
        guard chosen != .root else { throw PolicyError("name", "is taken: the policy root allows everything") }
        let rules = try object.required("rules", atMost: limits.rules) { value, path throws(PolicyError) in
            try rule(value, at: path)
        }
        return Policy(name: chosen, rules: rules)
    }

    private func rule(_ value: JSONValue, at path: String) throws(PolicyError) -> Rule {
        let fields = ["effect", "scopes", "keys", "operations", "source_cidrs"]
        let object = try PolicyObject(value, at: path, fields: fields)
        guard let text = try object.string("effect") else { throw PolicyError(path + ".effect", "is missing") }
        guard let effect = Rule.Effect(rawValue: text) else {
            throw PolicyError(path + ".effect", "is \"allow\" or \"deny\"")
        }
        let rule = Rule(
            effect,
            scopes: try object.set("scopes", atMost: Scope.grantable.count, Self.scope),
            keys: try object.set("keys", atMost: limits.keys, Self.key),
            operations: try object.set("operations", atMost: OperationType.allCases.count, Self.operation),
            sourceRanges: try object.list("source_cidrs", atMost: limits.ranges, Self.range)
        )
        try refuseUnmatchable(rule, at: path)
        return rule
    }

    /// A rule that can never match is a mistake: whoever wrote it believes that it does something.
    private func refuseUnmatchable(_ rule: Rule, at path: String) throws(PolicyError) {
        guard let scopes = rule.scopes else { return }
        if rule.operations != nil, !scopes.contains(.sign) {
            throw PolicyError(path + ".operations", "restricts signing, but scopes does not have \"sign\"")
        }
        if rule.keys != nil, !scopes.contains(where: \.concernsKeys) {
            throw PolicyError(path + ".keys", "names keys, but none of the scopes concerns single keys")
        }
    }

    private static func scope(_ text: String) throws(PolicyError) -> Scope {
        guard let scope = Scope(rawValue: text), scope.audience == .granted else {
            let known = Scope.grantable.map(\.rawValue).joined(separator: ", ")
            throw PolicyError("", "is no scope that a policy can name; those are \(known)")
        }
        return scope
    }

    private static func key(_ text: String) throws(PolicyError) -> PublicKey {
        guard let key = try? PublicKey(hex: text) else {
            throw PolicyError("", "is no public key: 0x and 96 hexadecimal digits")
        }
        return key
    }

    private static func operation(_ text: String) throws(PolicyError) -> OperationType {
        guard let operation = OperationType(name: text) else {
            let known = OperationType.allCases.map(\.name).joined(separator: ", ")
            throw PolicyError("", "is no operation; those are \(known)")
        }
        return operation
    }

    private static func range(_ text: String) throws(PolicyError) -> AddressRange {
        do throws(AddressRange.Failure) { return try AddressRange(text) } catch {
            throw PolicyError("", "\(error)")
        }
    }
}

extension PolicyName {
    /// The policy of management tokens: everything, now and later. Nobody can make, change or delete it.
    package static let root = PolicyName("root") ?? { preconditionFailure("a name of four letters") }()
}
