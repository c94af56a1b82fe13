// SPDX-License-Identifier: Apache-2.0
internal import HTTPServer

/// Refusals that several operations answer alike: they stand in the document once.
struct SharedAnswers {
    private var names: [JSONNode: String] = [:]
    private(set) var components: [JSONNode.Member] = []

    init(_ operations: [APIOperation]) {
        var seen: Set<JSONNode> = []
        for member in operations.flatMap(\.responses) where !seen.insert(member.value).inserted {
            guard names[member.value] == nil else { continue }
            let count = components.count { $0.name.hasPrefix("Refused\(member.name)") }
            let name = "Refused\(member.name)" + (count == 0 ? "" : "_\(count + 1)")
            names[member.value] = name
            components.append(.init(name: name, value: member.value))
        }
    }

    /// The answer, or a reference to it.
    func node(_ answer: JSONNode) -> JSONNode {
        names[answer].map { ["$ref": .text("#/components/responses/" + $0)] } ?? answer
    }
}
