// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Consensus
package import Encoding

/// One rule of a policy. It matches a request when every constraint that is there does; one that is absent matches any.
///
/// A constraint on something that the request does not have does not match: a rule for keys says nothing about `reload`,
/// one for operations nothing about `public_keys`. So an allowing rule never reaches further than what it names. Where a
/// request comes from is another matter: it comes from somewhere, even where nobody can tell from where. So an unknown
/// address may be any of those that a denial names, and is none of those that an allowance names.
package struct Rule: Hashable, Sendable {
    package enum Effect: String, CaseIterable, Sendable {
        case allow
        case deny
    }

    package var effect: Effect
    package var scopes: Set<Scope>?
    package var keys: Set<PublicKey>?
    package var operations: Set<OperationType>?
    package var sourceRanges: [AddressRange]?

    package init(
        _ effect: Effect,
        scopes: Set<Scope>? = nil,
        keys: Set<PublicKey>? = nil,
        operations: Set<OperationType>? = nil,
        sourceRanges: [AddressRange]? = nil
    ) {
        self.effect = effect
        self.scopes = scopes
        self.keys = keys
        self.operations = operations
        self.sourceRanges = sourceRanges
    }

    func matches(_ scope: Scope, from source: IPAddress?) -> Bool {
        if let scopes, !scopes.contains(scope) { return false }
        guard let sourceRanges else { return true }
        guard let source else { return effect == .deny }
        return sourceRanges.contains { $0.contains(source) }
    }

    func matches(_ key: PublicKey?) -> Bool {
        guard let keys else { return true }
        return key.map(keys.contains) ?? false
    }

    func matches(_ operation: OperationType?) -> Bool {
        guard let operations else { return true }
        return operation.map(operations.contains) ?? false
    }
}

/// Named rules. A token has the rules of all its policies together.
package struct Policy: Hashable, Sendable {
    package let name: PolicyName
    /// In the order in which they were given, which says nothing: a denial wins wherever it stands.
    package let rules: [Rule]

    package init(name: PolicyName, rules: [Rule]) {
        self.name = name
        self.rules = rules
    }
}

/// What policies and tokens are called: 1 to 64 of `A–Z a–z 0–9 . _ -`, not beginning with a dot.
package struct PolicyName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// Nil where the text is no name.
    package init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), !text.hasPrefix(".") else { return nil }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                continue
            default: return nil
            }
        }
        self.text = text
    }

    package static let rule = "1 to 64 letters, digits, dots, dashes and underscores, not beginning with a dot"

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
    package var description: String { text }
}
