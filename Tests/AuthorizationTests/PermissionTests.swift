// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import BLS
import Consensus
import Encoding
import Testing

/// Every combination of what rules say with what is asked, held against the rules as they are written down.
struct PermissionTests {
    static let scopes: [Set<Scope>?] = [nil, [.sign], [.publicKeys], [.reload], [.sign, .publicKeys]]
    static let keys: [Set<PublicKey>?] = [nil, [key(1)], [key(1), key(2)]]
    static let operations: [Set<OperationType>?] = [nil, [.attestation], [.voluntaryExit, .attestation]]
    static let ranges: [[String]?] = [nil, ["10.0.0.0/8"], ["192.0.2.0/24", "2001:db8::/32"]]

    static func rules(_ effect: Rule.Effect) -> [Rule] {
        scopes.flatMap { scopes in
            keys.flatMap { keys in
                operations.flatMap { operations in
                    ranges.map { ranges in
                        Rule(
                            effect,
                            scopes: scopes,
                            keys: keys,
                            operations: operations,
                            sourceRanges: ranges?.map { try! AddressRange($0) }
                        )
                    }
                }
            }
        }
    }

    struct Question {
        let scope: Scope
        let key: PublicKey?
        let operation: OperationType?
        let source: IPAddress?
    }

    static let questions: [Question] = {
        var all: [Question] = []
        for source in [nil, "10.1.2.3", "192.0.2.9", "2001:db8::7", "198.51.100.1"] as [String?] {
            let source = source.flatMap { IPAddress($0) }
            for key in [key(1), key(2), key(3)] {
                for operation in [OperationType.attestation, .voluntaryExit, .block] {
                    all.append(Question(scope: .sign, key: key, operation: operation, source: source))
                }
                all.append(Question(scope: .publicKeys, key: key, operation: nil, source: source))
            }
            for scope in [Scope.reload, .authRead] {
                all.append(Question(scope: scope, key: nil, operation: nil, source: source))
            }
        }
        return all
    }()

    /// The table of the oracle: written anew, without the code under test.
    static func holds(_ rule: Rule, _ question: Question) -> Bool {
        let isScope = rule.scopes == nil || rule.scopes!.contains(question.scope)
        let isKey = rule.keys == nil || (question.key != nil && rule.keys!.contains(question.key!))
        let isOperation =
            rule.operations == nil || (question.operation != nil && rule.operations!.contains(question.operation!))
        var isSource = rule.sourceRanges == nil
        for range in rule.sourceRanges ?? [] {
            guard let source = question.source else {
                // Nobody can tell: it may be one that is denied, and none that is allowed counts on it.
                isSource = rule.effect == .deny
                continue
            }
            switch range.description {
            case "10.0.0.0/8": isSource = isSource || source.description.hasPrefix("10.")
            case "192.0.2.0/24": isSource = isSource || source.description.hasPrefix("192.0.2.")
            case "2001:db8::/32": isSource = isSource || source.description.hasPrefix("2001:db8:")
            default: Issue.record("a range that the oracle does not know")
            }
        }
        return isScope && isKey && isOperation && isSource
    }

    @Test func `one allowing rule allows exactly what it names`() {
        var asked = 0
        for rule in Self.rules(.allow) {
            let permissions = Permissions([policy([rule])])
            for question in Self.questions {
                asked += 1
                let expected = Self.holds(rule, question)
                let answer = permissions.allow(
                    question.scope,
                    key: question.key,
                    operation: question.operation,
                    from: question.source
                )
                if answer != expected { Issue.record("\(rule) \(question): \(answer)") }
            }
        }
        #expect(asked == 135 * 70)
    }

    @Test func `a denying rule wins wherever it stands, in whichever policy`() {
        for denial in Self.rules(.deny) {
            let allowAll = policy([Rule(.allow)], name: "all")
            let arrangements = [
                Permissions([allowAll, policy([denial])]), Permissions([policy([denial]), allowAll]),
                Permissions([policy([denial, Rule(.allow)])]), Permissions([policy([Rule(.allow), denial])]),
            ]
            for question in Self.questions {
                let expected = !Self.holds(denial, question)
                for permissions in arrangements {
                    let answer = permissions.allow(
                        question.scope,
                        key: question.key,
                        operation: question.operation,
                        from: question.source
                    )
                    if answer != expected { Issue.record("\(denial) \(question): \(answer)") }
                }
            }
        }
    }

    /// The head of a request must not refuse what its body could still allow, and should refuse the rest.
    @Test func `before the operation is known, only what no operation could change is refused`() {
        let denials = Self.rules(.deny)
        for (number, allowance) in Self.rules(.allow).enumerated() {
            let denial = denials[(number * 37) % denials.count]
            let permissions = Permissions([policy([allowance, denial])])
            for question in Self.questions where question.scope == .sign {
                let possible = OperationType.allCases.contains {
                    permissions.allow(.sign, key: question.key, operation: $0, from: question.source)
                }
                let admitted = permissions.mayAllow(.sign, key: question.key, from: question.source)
                if possible { #expect(admitted) }
                // What is let in too much has operations on both sides, and is refused with the body.
                if admitted, !possible { #expect(allowance.operations != nil && denial.operations != nil) }
            }
        }
    }

    @Test func `without a rule that allows, the answer is no`() {
        for permissions in [Permissions([]), .nothing, Permissions([policy([Rule(.deny, scopes: [.reload])])])] {
            for question in Self.questions {
                let answer = permissions.allow(
                    question.scope,
                    key: question.key,
                    operation: question.operation,
                    from: question.source
                )
                #expect(!answer)
            }
            #expect(permissions.listedKeys(from: nil) == nil)
        }
    }

    struct Listing: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let rules: [Rule]
        /// Which of the keys 1 to 3 are listed; nil where the list may not be asked for.
        let listed: [UInt8]?
    }

    static let listings = [
        Listing(testDescription: "no scope", rules: [Rule(.allow, scopes: [.sign])], listed: nil),
        Listing(testDescription: "all", rules: [Rule(.allow)], listed: [1, 2, 3]),
        Listing(testDescription: "one key", rules: [Rule(.allow, keys: [key(2)])], listed: [2]),
        Listing(
            testDescription: "only those it may sign with",
            rules: [Rule(.allow, scopes: [.publicKeys]), Rule(.allow, scopes: [.sign], keys: [key(3)])],
            listed: [3]
        ),
        Listing(testDescription: "monitoring", rules: [Rule(.allow, scopes: [.publicKeys])], listed: [1, 2, 3]),
        Listing(
            testDescription: "a denied key",
            rules: [Rule(.allow), Rule(.deny, keys: [key(1)])],
            listed: [2, 3]
        ),
        Listing(
            testDescription: "a key denied for signing",
            rules: [Rule(.allow), Rule(.deny, scopes: [.sign], keys: [key(1)])],
            listed: [2, 3]
        ),
        Listing(
            testDescription: "an operation denied",
            rules: [Rule(.allow), Rule(.deny, operations: [.voluntaryExit])],
            listed: [1, 2, 3]
        ),
        Listing(
            testDescription: "the only operation denied",
            rules: [
                Rule(.allow, scopes: [.publicKeys]), Rule(.allow, scopes: [.sign], operations: [.attestation]),
                Rule(.deny, scopes: [.sign], keys: [key(1)], operations: [.attestation, .voluntaryExit]),
            ],
            listed: [2, 3]
        ),
        Listing(
            testDescription: "each operation denied",
            rules: [Rule(.allow), Rule(.deny, keys: [key(2)], operations: Set(OperationType.allCases))],
            listed: [1, 3]
        ),
        Listing(
            testDescription: "signing allowed from elsewhere only",
            rules: [
                Rule(.allow, scopes: [.publicKeys]),
                Rule(.allow, scopes: [.sign], keys: [key(1)], sourceRanges: [try! AddressRange("192.0.2.0/24")]),
            ],
            listed: []
        ),
        Listing(
            testDescription: "one key from here, another from elsewhere",
            rules: [
                Rule(.allow, scopes: [.publicKeys]),
                Rule(.allow, scopes: [.sign], keys: [key(1)], sourceRanges: [try! AddressRange("192.0.2.0/24")]),
                Rule(.allow, scopes: [.sign], keys: [key(2)], sourceRanges: [try! AddressRange("10.0.0.0/8")]),
            ],
            listed: [2]
        ),
        Listing(
            testDescription: "signing denied altogether",
            rules: [Rule(.allow), Rule(.deny, scopes: [.sign])],
            listed: []
        ),
        Listing(
            testDescription: "listing denied",
            rules: [Rule(.allow), Rule(.deny, scopes: [.publicKeys])],
            listed: nil
        ),
        Listing(
            testDescription: "a rule for operations is none for lists",
            rules: [Rule(.allow, operations: [.attestation])],
            listed: nil
        ),
    ]

    @Test func `a denial for addresses holds for whoever comes from nobody knows where`() throws {
        let range = try AddressRange("198.51.100.0/24")
        let permissions = Permissions([policy([Rule(.allow), Rule(.deny, sourceRanges: [range])])])
        #expect(permissions.allow(.sign, key: key(1), operation: .attestation, from: address("10.0.0.1")))
        #expect(!permissions.allow(.sign, key: key(1), operation: .attestation, from: nil))
        #expect(!permissions.mayAllow(.sign, key: key(1), from: nil))
        #expect(permissions.listedKeys(from: nil) == nil && permissions.managedKeys(from: nil) == nil)
    }

    @Test(arguments: listings) func `a list names only keys that the caller may use`(listing: Listing) {
        let filter = Permissions([policy(listing.rules)]).listedKeys(from: address("10.0.0.1"))
        #expect(filter.map { filter in (1...3).filter { filter.contains(key($0)) } } == listing.listed)
    }
}
