// SPDX-License-Identifier: Apache-2.0

/// What a JSON value looks like: the part of JSON Schema 2020-12 that the API needs (OpenAPI 3.1 §4.8.24).
package indirect enum Schema: Hashable, Sendable {
    /// One that has a name in the document and is referred to by it.
    case named(String, Schema)
    case described(Schema, String)
    /// - Parameters:
    ///   - pattern: ECMA 262, anchored.
    case text(pattern: String? = nil, format: String? = nil, example: String? = nil)
    /// One of these words.
    case words([String])
    case integer(from: Int = 0, upTo: Int? = nil)
    case boolean
    case null
    case list(Schema, from: Int = 0, upTo: Int? = nil, isSet: Bool = false)
    /// `isClosed`: nothing else may stand in it.
    case object([Property], isClosed: Bool)
    /// Any names, with values of one kind.
    case map(Schema)
    case anyOf([Schema])
    case allOf([Schema])
    /// Objects that are told apart by the word in one member.
    case choice(by: String, [Variant])

    package struct Property: Hashable, Sendable {
        package let name: String
        package let schema: Schema
        package let isRequired: Bool

        package init(_ name: String, _ schema: Schema, isRequired: Bool = true) {
            self.name = name
            self.schema = schema
            self.isRequired = isRequired
        }

        /// One that must be there; for use outside of `Schema`.
        static func required(_ name: String, _ schema: Schema) -> Property { Property(name, schema) }

        /// One that may be absent.
        static func optional(_ name: String, _ schema: Schema) -> Property {
            Property(name, schema, isRequired: false)
        }
    }

    package struct Variant: Hashable, Sendable {
        /// The words that choose it.
        package let words: [String]
        package let schema: Schema
    }

    /// What we take: unknown members are ignored, as Web3Signer does.
    static func taken(_ properties: Property...) -> Schema { .object(properties, isClosed: false) }

    /// What we answer, and what is read strictly: nothing but this.
    static func exactly(_ properties: Property...) -> Schema { .object(properties, isClosed: true) }
}

/// A body that the API document shows. The schema stands beside the type that is encoded; a test holds real answers
/// against it.
protocol Documented {
    static var schema: Schema { get }
}

extension Schema {
    /// As JSON Schema: named ones as references.
    package var node: JSONNode {
        switch self {
        case .named(let name, _): ["$ref": .text("#/components/schemas/" + name)]
        case .described(let schema, let text): schema.node.adding("description", .text(text))
        case .text(let pattern, let format, let example):
            (["type": "string"] as JSONNode).adding("pattern", pattern.map(JSONNode.text))
                .adding("format", format.map(JSONNode.text)).adding("examples", example.map { [.text($0)] })
        case .words(let words): ["type": "string", "enum": .list(words.map(JSONNode.text))]
        case .integer(let least, let most):
            (["type": "integer", "minimum": .integer(least)] as JSONNode)
                .adding("maximum", most.map(JSONNode.integer))
        case .boolean: ["type": "boolean"]
        case .null: ["type": "null"]
        case .list(let element, let least, let most, let isSet):
            (["type": "array", "items": element.node] as JSONNode)
                .adding("minItems", least > 0 ? .integer(least) : nil)
                .adding("maxItems", most.map(JSONNode.integer)).adding("uniqueItems", isSet ? true : nil)
        case .object(let properties, let isClosed): Self.node(properties, isClosed: isClosed)
        case .map(let value): ["type": "object", "additionalProperties": value.node]
        case .anyOf(let schemas): ["anyOf": .list(schemas.map(\.node))]
        case .allOf(let schemas): ["allOf": .list(schemas.map(\.node))]
        case .choice(let member, let variants): Self.node(variants, by: member)
        }
    }

    private static func node(_ properties: [Property], isClosed: Bool) -> JSONNode {
        let required = properties.filter(\.isRequired).map { JSONNode.text($0.name) }
        let members = properties.map { JSONNode.Member(name: $0.name, value: $0.schema.node) }
        return (["type": "object"] as JSONNode).adding("required", required.isEmpty ? nil : .list(required))
            .adding("properties", .object(members)).adding("additionalProperties", isClosed ? false : nil)
    }

    /// OpenAPI 3.1 §4.8.25: a mapping needs references.
    private static func node(_ variants: [Variant], by member: String) -> JSONNode {
        let mapping = variants.flatMap { variant in
            variant.words.compactMap { word -> JSONNode.Member? in
                guard let reference = variant.schema.node["$ref"] else { return nil }
                return JSONNode.Member(name: word, value: reference)
            }
        }
        let discriminator = (["propertyName": .text(member)] as JSONNode)
            .adding("mapping", mapping.isEmpty ? nil : .object(mapping))
        return ["oneOf": .list(variants.map(\.schema.node)), "discriminator": discriminator]
    }

    /// Everything named in it, by name, in order of appearance.
    func collect(into named: inout [(name: String, schema: Schema)]) {
        switch self {
        case .named(let name, let schema):
            if let known = named.first(where: { $0.name == name }) {
                precondition(known.schema == schema, "two schemas are called \(name)")
                return
            }
            named.append((name, schema))
            schema.collect(into: &named)
        case .described(let schema, _), .map(let schema), .list(let schema, _, _, _): schema.collect(into: &named)
        case .object(let properties, _): for property in properties { property.schema.collect(into: &named) }
        case .anyOf(let schemas), .allOf(let schemas): for schema in schemas { schema.collect(into: &named) }
        case .choice(_, let variants): for variant in variants { variant.schema.collect(into: &named) }
        case .text, .words, .integer, .boolean, .null: break
        }
    }
}
