// SPDX-License-Identifier: Apache-2.0

/// The values in an array, in order.
package struct JSONElements: Sequence, IteratorProtocol {
    private let document: JSONDocument
    private var place: Int
    private let end: Int

    /// Nothing where the value is of another kind.
    init(of value: JSONValue, _ kind: JSONNode.Kind) {
        let node = value.document.nodes[value.index]
        document = value.document
        place = value.index + 1
        end = node.kind == kind ? Int(node.next) : 0
    }

    package mutating func next() -> JSONValue? {
        guard place < end else { return nil }
        let value = JSONValue(document: document, index: place)
        place = Int(document.nodes[place].next)
        return value
    }
}

/// The members of an object as they stand in the text, duplicates and all.
package struct JSONMembers: Sequence, IteratorProtocol {
    package struct Member: Sendable {
        package let name: JSONText
        package let value: JSONValue
    }
    /// Names and values in turn.
    private var nodes: JSONElements

    init(of value: JSONValue) { nodes = JSONElements(of: value, .object) }

    package mutating func next() -> Member? {
        guard let name = nodes.next()?.string, let value = nodes.next() else { return nil }
        return Member(name: name, value: value)
    }
}

extension JSONValue {
    /// The values in an array. Nothing for all else.
    package var elements: JSONElements { JSONElements(of: self, .array) }

    /// The members of an object. Nothing for all else.
    package var members: JSONMembers { JSONMembers(of: self) }
}
