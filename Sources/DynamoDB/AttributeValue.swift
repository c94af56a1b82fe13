// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import JSON

/// One value of an item, of the kinds that we store.
package enum AttributeValue: Hashable, Sendable {
    case string(String)
    /// DynamoDB's numbers reach further; ours are counts, slots and epochs.
    case number(UInt64)
    case bytes([UInt8])
    case boolean(Bool)
    case null
}

/// A row: attributes by name.
package typealias Item = [String: AttributeValue]

extension AttributeValue {
    /// Nil for all other kinds.
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var number: UInt64? { if case .number(let value) = self { value } else { nil } }
    package var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
    package var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
}

extension AttributeValue {
    /// `{"N":"7"}`
    var json: JSONOutput {
        switch self {
        case .string(let value): ["S": .string(value)]
        case .number(let value): ["N": .string(String(value))]
        case .bytes(let value): ["B": .string(Data(value).base64EncodedString())]
        case .boolean(let value): ["BOOL": .boolean(value)]
        case .null: ["NULL": .boolean(true)]
        }
    }

    /// Nil for kinds that we do not store, and for numbers that are no count.
    init?(_ json: JSONValue) {
        var members = json.members
        guard let member = members.next(), members.next() == nil else { return nil }
        switch (member.name.string, member.value) {
        case ("S", let value):
            guard let text = value.string else { return nil }
            self = .string(text.string)
        case ("N", let value):
            guard let text = value.string?.string, let number = UInt64(text) else { return nil }
            self = .number(number)
        case ("B", let value):
            guard let text = value.string?.string, let data = Data(base64Encoded: text) else { return nil }
            self = .bytes(Array(data))
        case ("BOOL", let value):
            guard let flag = value.boolean else { return nil }
            self = .boolean(flag)
        case ("NULL", _): self = .null
        default: return nil
        }
    }
}

extension JSONOutput {
    init(_ item: Item) { self = .object(item.map { ($0.key, $0.value.json) }) }
}

/// Reads an item as an answer holds it.
func item(from json: JSONValue) throws(DynamoDBError) -> Item {
    guard json.kind == .object else { throw .malformed(reason: "an item is not an object") }
    var item = Item()
    for member in json.members {
        guard let value = AttributeValue(member.value) else {
            throw .malformed(
                reason: "the attribute \(member.name.string.prefix(80)) is of a kind that is not known here"
            )
        }
        item[member.name.string] = value
    }
    return item
}
