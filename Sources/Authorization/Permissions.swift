// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Consensus
package import Encoding

/// Everything that the policies of one caller say, ready to be asked.
///
/// 1. A denying rule that matches refuses, wherever it stands.
/// 2. Else an allowing rule that matches allows.
/// 3. Else the answer is no.
///
/// What is asked is known in two steps: scope, key and address with the head of a request, the operation with its body.
/// The first step refuses only what no operation could change.
package struct Permissions: Sendable {
    private let denying: [Rule]
    private let allowing: [Rule]
    /// Whether some rule is about single keys.
    let namesKeys: Bool

    package init(_ policies: some Sequence<Policy>) {
        let rules = policies.flatMap(\.rules)
        denying = rules.filter { $0.effect == .deny }
        allowing = rules.filter { $0.effect == .allow }
        namesKeys = rules.contains { $0.keys != nil }
    }

    /// Everything that a token can be allowed (the management token).
    package static let everything = Permissions(allowing: [Rule(.allow)])

    package static let nothing = Permissions(allowing: [])

    private init(allowing: [Rule]) {
        denying = []
        self.allowing = allowing
        namesKeys = false
    }

    /// The whole question.
    ///
    /// - Parameters:
    ///   - key: the key that is asked for; nil where the scope concerns none.
    ///   - operation: the type of the message; nil where nothing is signed.
    ///   - source: where the caller is; nil where that is not known.
    package func allow(_ scope: Scope, key: PublicKey?, operation: OperationType?, from source: IPAddress?) -> Bool {
        func matches(_ rule: Rule) -> Bool {
            rule.matches(scope, from: source) && rule.matches(operation) && rule.matches(key)
        }
        return !denying.contains(where: matches) && allowing.contains(where: matches)
    }

    /// Whether some operation would be allowed: the question as far as the head of a signing request tells it.
    package func mayAllow(_ scope: Scope, key: PublicKey?, from source: IPAddress?) -> Bool {
        func matches(_ rule: Rule) -> Bool { rule.matches(scope, from: source) && rule.matches(key) }
        return !denying.contains { $0.operations == nil && matches($0) } && allowing.contains(where: matches)
    }

    /// Whether the scope would be allowed for some key: the question before the body names them.
    package func mayAllow(_ scope: Scope, from source: IPAddress?) -> Bool {
        !denying.contains { $0.keys == nil && $0.operations == nil && $0.matches(scope, from: source) }
            && allowing.contains { $0.matches(scope, from: source) && $0.operations == nil }
    }

    /// The keys that a list of keys may name to this caller; nil where it may not ask for one.
    ///
    /// Only those that it may use: where some rule lets it sign, from here or from elsewhere, a key has to be one that it
    /// may sign something with from here. A token that is for lists alone is told of all.
    package func listedKeys(from source: IPAddress?) -> KeyFilter? {
        guard let listed = part(.publicKeys, from: source, where: { $0.operations == nil }) else { return nil }
        // (Key managers list what they manage, whether they may sign with it or not: `managedKeys`.)
        guard allowing.contains(where: { $0.scopes?.contains(.sign) ?? true }) else { return KeyFilter([[listed]]) }
        return KeyFilter([[listed], signable(from: source)])
    }

    /// What may be signed from here: a part for every operation that the rules tell apart.
    private func signable(from source: IPAddress?) -> [KeyFilter.Part] {
        let denials = denying.filter { $0.matches(.sign, from: source) }
        let allowances = allowing.filter { $0.matches(.sign, from: source) }
        let named = (denials + allowances).reduce(into: Set<OperationType>()) { $0.formUnion($1.operations ?? []) }
        // All that no rule names are like one another.
        let unnamed = OperationType.allCases.first { !named.contains($0) }
        return (Array(named) + [unnamed].compactMap(\.self)).map { operation in
            KeyFilter.Part(
                allowing: allowances.filter { $0.matches(operation) },
                denying: denials.filter { $0.matches(operation) }
            )
        }
    }

    /// The keys that a listing under a scope may name to this caller; nil where it may not ask for one.
    package func managedKeys(_ scope: Scope = .listKeys, from source: IPAddress?) -> KeyFilter? {
        part(scope, from: source, where: { $0.operations == nil }).map { KeyFilter([[$0]]) }
    }

    private func part(_ scope: Scope, from source: IPAddress?, where isMeant: (Rule) -> Bool) -> KeyFilter.Part? {
        let denials = denying.filter { isMeant($0) && $0.matches(scope, from: source) }
        let allowances = allowing.filter { isMeant($0) && $0.matches(scope, from: source) }
        guard !allowances.isEmpty, !denials.contains(where: { $0.keys == nil }) else { return nil }
        return KeyFilter.Part(allowing: allowances, denying: denials)
    }
}

/// The keys that a caller may know of.
package struct KeyFilter: Sendable {
    struct Part {
        /// Nil for all.
        let allowed: [Set<PublicKey>]?
        /// Nil for all.
        let denied: [Set<PublicKey>]?

        init(allowing: [Rule], denying: [Rule]) {
            allowed = allowing.contains { $0.keys == nil } ? nil : allowing.compactMap(\.keys)
            denied = denying.contains { $0.keys == nil } ? nil : denying.compactMap(\.keys)
        }

        func contains(_ key: PublicKey) -> Bool {
            guard let denied, !denied.contains(where: { $0.contains(key) }) else { return false }
            return allowed.map { $0.contains { $0.contains(key) } } ?? true
        }

        var holdsEverything: Bool { allowed == nil && denied?.isEmpty == true }
    }

    /// A key has to be in some part of each.
    private let parts: [[Part]]

    init(_ parts: [[Part]]) { self.parts = parts }

    package static let everything = KeyFilter([])

    package var holdsEverything: Bool { parts.allSatisfy { $0.contains(where: \.holdsEverything) } }

    package func contains(_ key: PublicKey) -> Bool { parts.allSatisfy { $0.contains { $0.contains(key) } } }
}
