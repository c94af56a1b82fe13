// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// A condition or an update in DynamoDB's own language, with what its placeholders stand for: `:value` for values, `#name`
/// for names that the language has taken (such as `source`).
package struct Expression: Sendable {
    package let text: String
    package let names: [String: String]
    package let values: [String: AttributeValue]

    package init(_ text: String, names: [String: String] = [:], values: [String: AttributeValue] = [:]) {
        self.text = text
        self.names = names
        self.values = values
    }

    /// The members of a request for some expressions that share their placeholders.
    static func members(_ expressions: [(name: String, Expression?)]) -> [(name: String, value: JSONOutput)] {
        var members: [(name: String, value: JSONOutput)] = []
        var (names, values): ([String: String], Item) = ([:], [:])
        for case (let name, let expression?) in expressions {
            members.append((name, .string(expression.text)))
            names.merge(expression.names) { first, second in
                precondition(first == second, "two expressions of one request use a placeholder for different names")
                return first
            }
            values.merge(expression.values) { first, second in
                precondition(first == second, "two expressions of one request use a placeholder for different values")
                return first
            }
        }
        // The service refuses empty ones.
        if !names.isEmpty {
            members.append(("ExpressionAttributeNames", .object(names.map { ($0.key, .string($0.value)) })))
        }
        if !values.isEmpty { members.append(("ExpressionAttributeValues", JSONOutput(values))) }
        return members
    }
}
