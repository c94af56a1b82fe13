// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPServer
import SignerAPI
import Testing

/// Holds answers against what the document says of their route: status, type, codes and body.
struct DescribedAnswers {
    private let checker: SchemaChecker

    init(_ document: APIDocument = .whole(version: "1")) throws { checker = try SchemaChecker(document.node.encoded()) }

    /// What is wrong with the answer to an operation; empty where nothing is.
    func problems(_ answer: Response, to identifier: String) throws -> [String] {
        guard let operation = operation(identifier) else { return ["there is no operation \(identifier)"] }
        let responses = try #require(operation["responses"] as? [String: [String: Any]])
        guard let described = responses["\(answer.status)"] else {
            return ["\(identifier): no status \(answer.status)"]
        }
        let whole = (described["$ref"] as? String).flatMap(checker.resolve) ?? described
        let contents = whole["content"] as? [String: [String: Any]] ?? [:]
        if contents.isEmpty { return answer.body.isEmpty ? [] : ["\(identifier): a body with \(answer.status)"] }
        let type = String((answer.contentType ?? "").prefix { $0 != ";" })
        guard let schema = contents[type]?["schema"] as? [String: Any] else {
            return ["\(identifier): \(answer.status) with \(type)"]
        }
        let value: Any =
            type == "application/json"
            ? try JSONSerialization.jsonObject(with: Data(answer.body), options: .fragmentsAllowed) : answer.text
        return checker.problems(value, schema, at: "\(identifier) \(answer.status)")
    }

    /// A body that a task of the record answers.
    func problems(_ body: [UInt8], ofTask identifier: String) throws -> [String] {
        try problems(.json(body), to: identifier)
    }

    private func operation(_ identifier: String) -> [String: Any]? {
        let paths = checker.document["paths"] as? [String: [String: Any]] ?? [:]
        return paths.values.flatMap(\.values).compactMap { $0 as? [String: Any] }
            .first { $0["operationId"] as? String == identifier }
    }
}
