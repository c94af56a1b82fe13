// SPDX-License-Identifier: Apache-2.0

/// A value in a document: a place, not a copy.
package struct JSONValue: Sendable {
    package enum Kind: Sendable {
        case null, boolean, number, string, array, object
    }
    let document: JSONDocument
    let index: Int

    private var node: JSONNode { document.nodes[index] }

    package var kind: Kind {
        switch node.kind {
        case .null: .null
        case .false, .true: .boolean
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// Nil for what is not `true` or `false`.
    package var boolean: Bool? {
        switch node.kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    package var isNull: Bool { node.kind == .null }

    /// What a string says. Nil for all else.
    package var string: JSONText? { node.kind == .string ? JSONText(in: document.bytes, node) : nil }

    /// What a string says, or a number as it is written: not converted, so nothing of it is lost. Nil for all else.
    package var text: JSONText? {
        switch node.kind {
        case .string, .number: JSONText(in: document.bytes, node)
        default: nil
        }
    }

    /// The value under a name. Nil where there is none or this is no object.
    package func member(_ name: String) -> JSONValue? {
        guard let place = document.member(of: index, named: name.utf8.span) else { return nil }
        return JSONValue(document: document, index: place)
    }
}
