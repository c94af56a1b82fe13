// SPDX-License-Identifier: Apache-2.0
import Authorization
import Consensus
import Encoding
import JSON
import Testing

struct PolicyDocumentTests {
    static let digits = String(repeating: "ab", count: 48)

    @Test func `a whole policy is read`() throws {
        let text = """
            {"name":"vc-1","rules":[
              {"effect":"allow","scopes":["sign","public_keys"],"keys":["0x\(Self.digits)"],
               "source_cidrs":["10.0.0.0/8","2001:db8::1"]},
              {"effect":"deny","operations":["VOLUNTARY_EXIT"]}]}
            """
        let policy = try policy(json: text)
        #expect(policy.name.text == "vc-1")
        #expect(policy.rules.map(\.effect) == [.allow, .deny])
        #expect(policy.rules[0].scopes == [.sign, .publicKeys])
        #expect(policy.rules[0].keys == [key(0xab)])
        #expect(policy.rules[0].sourceRanges?.map(\.description) == ["10.0.0.0/8", "2001:db8::1/128"])
        #expect(policy.rules[1].scopes == nil)
        #expect(policy.rules[1].operations == [.voluntaryExit])
    }

    @Test func `a key is recognised in every spelling`() throws {
        let spellings = [Self.digits, Self.digits.uppercased(), "0x" + Self.digits, "0x" + Self.digits.uppercased()]
        for spelling in spellings {
            let policy = try policy(json: #"{"name":"a","rules":[{"effect":"allow","keys":["\#(spelling)"]}]}"#)
            #expect(policy.rules[0].keys == [key(0xab)])
        }
    }

    /// What is written, where the error points, and a part of what it says.
    static let mistakes: [(String, String, String)] = [
        (#"[]"#, "", "object"),
        (#"{"name":"a"}"#, "rules", "missing"),
        (#"{"rules":[{"effect":"allow"}]}"#, "name", "missing"),
        (#"{"name":"","rules":[{"effect":"allow"}]}"#, "name", "1 to 64"),
        (#"{"name":"a b","rules":[{"effect":"allow"}]}"#, "name", "1 to 64"),
        (#"{"name":"../a","rules":[{"effect":"allow"}]}"#, "name", "1 to 64"),
        (#"{"name":"root","rules":[{"effect":"allow"}]}"#, "name", "taken"),
        (#"{"name":1,"rules":[{"effect":"allow"}]}"#, "name", "string"),
        (#"{"name":null,"rules":[{"effect":"allow"}]}"#, "name", "string"),
        (#"{"name":"a","rules":[]}"#, "rules", "empty list"),
        (#"{"name":"a","rules":{}}"#, "rules", "list"),
        (#"{"name":"a","rules":null}"#, "rules", "list"),
        (#"{"name":"a","rules":[1]}"#, "rules[0]", "object"),
        (#"{"name":"a","rules":[{}]}"#, "rules[0].effect", "missing"),
        (#"{"name":"a","rules":[{"effect":"Allow"}]}"#, "rules[0].effect", "allow"),
        (#"{"name":"a","rules":[{"effect":"allow"},{"effect":"allow","scopes":[]}]}"#, "rules[1].scopes", "empty list"),
        (#"{"name":"a","rules":[{"effect":"allow","keys":[]}]}"#, "rules[0].keys", "empty list"),
        (#"{"name":"a","rules":[{"effect":"allow","operations":[]}]}"#, "rules[0].operations", "empty list"),
        (#"{"name":"a","rules":[{"effect":"allow","source_cidrs":[]}]}"#, "rules[0].source_cidrs", "empty list"),
        (#"{"name":"a","rules":[{"effect":"allow","scopes":null}]}"#, "rules[0].scopes", "list"),
        (#"{"name":"a","rules":[{"effect":"allow","scopes":"sign"}]}"#, "rules[0].scopes", "list"),
        (#"{"name":"a","rules":[{"effect":"allow","scopes":["signing"]}]}"#, "rules[0].scopes[0]", "no scope"),
        (#"{"name":"a","rules":[{"effect":"allow","scopes":["health"]}]}"#, "rules[0].scopes[0]", "no scope"),
        (
            #"{"name":"a","rules":[{"effect":"allow","scopes":["record_administration"]}]}"#, "rules[0].scopes[0]",
            "no scope"
        ),
        (#"{"name":"a","rules":[{"effect":"allow","keys":["0x12"]}]}"#, "rules[0].keys[0]", "no public key"),
        (#"{"name":"a","rules":[{"effect":"allow","keys":[12]}]}"#, "rules[0].keys[0]", "string"),
        (#"{"name":"a","rules":[{"effect":"allow","operations":["EXIT"]}]}"#, "rules[0].operations[0]", "no operation"),
        (
            #"{"name":"a","rules":[{"effect":"allow","source_cidrs":["10.0.0.1/8"]}]}"#, "rules[0].source_cidrs[0]",
            "10.0.0.0/8"
        ),
        (#"{"name":"a","rules":[{"effect":"allow","scope":["sign"]}]}"#, "rules[0]", "unknown field \"scope\""),
        (#"{"name":"a","rules":[{"effect":"allow"}],"x":1}"#, "", "unknown field"),
        (#"{"name":"a","name":"a","rules":[{"effect":"allow"}]}"#, "", "twice"),
        (#"{"name":"a","rules":[{"effect":"deny","effect":"allow"}]}"#, "rules[0]", "twice"),
        (
            #"{"name":"a","rules":[{"effect":"allow","scopes":["reload"],"operations":["BLOCK"]}]}"#,
            "rules[0].operations", "restricts signing"
        ),
        (
            #"{"name":"a","rules":[{"effect":"allow","scopes":["reload"],"keys":["\#(digits)"]}]}"#, "rules[0].keys",
            "names keys"
        ),
    ]

    @Test(arguments: mistakes) func `a mistake is refused, with its place`(text: String, path: String, reason: String) {
        do {
            _ = try policy(json: text)
            Issue.record("taken: \(text)")
        } catch let error as PolicyError {
            #expect(error.path == path)
            #expect(error.reason.contains(reason), "\(error)")
        } catch { Issue.record("\(error)") }
    }

    @Test func `the name in the path is the name`() throws {
        let text = #"{"rules":[{"effect":"allow"}]}"#
        #expect(try policy(json: text, named: .some).name == .some)
        #expect(throws: PolicyError.self) {
            try policy(json: #"{"name":"other","rules":[{"effect":"allow"}]}"#, named: .some)
        }
    }

    @Test func `a list without end is cut off`() {
        let keys = (0..<11).map { _ in "\"\(Self.digits)\"" }.joined(separator: ",")
        var limits = PolicyDocument.Limits()
        limits.keys = 10
        let text = #"{"name":"a","rules":[{"effect":"allow","keys":[\#(keys)]}]}"#
        #expect(throws: PolicyError.self) {
            try PolicyDocument(limits: limits).read(try JSONDocument(Array(text.utf8)).root)
        }
    }
}
