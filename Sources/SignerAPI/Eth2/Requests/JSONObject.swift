// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// A name in a JSON object.
struct FieldName: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringLiteral value: String) { stringValue = value }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }

    /// `beacon_block_root` as `beaconBlockRoot`; nil where that is the same.
    var camelCase: FieldName? {
        guard stringValue.utf8.contains(UInt8(ascii: "_")) else { return nil }
        var camel: [UInt8] = []
        camel.reserveCapacity(stringValue.utf8.count)
        var raisesNext = false
        for byte in stringValue.utf8 {
            if byte == UInt8(ascii: "_") {
                raisesNext = true
            } else {
                let isLower = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                camel.append(raisesNext && isLower ? byte - 0x20 : byte)
                raisesNext = false
            }
        }
        return FieldName(stringValue: String(decoding: camel, as: UTF8.self))
    }
}

/// A JSON object of a request, read under the encoding rules of Web3Signer: a field is found under its snake_case name
/// or the same in camelCase, `null` is as good as absent, and what is not asked for is ignored.
///
/// A thin layer over Foundation's decoder, so that its errors become ours in one place. Two of its habits show: of
/// duplicate names the **first** counts, where Web3Signer's parser takes the last, and it forgives a comma before a
/// closing bracket.
struct JSONObject: Decodable {
    let fields: KeyedDecodingContainer<FieldName>

    init(fields: KeyedDecodingContainer<FieldName>) { self.fields = fields }

    init(from decoder: any Decoder) throws { fields = try decoder.container(keyedBy: FieldName.self) }

    /// Where `name` is, for an error.
    func path(_ name: FieldName) -> String { Self.path(fields.codingPath + [name]) }

    static func path(_ codingPath: [any CodingKey]) -> String {
        var path = ""
        for key in codingPath {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
        return path
    }

    /// The value under either spelling; nil where it is absent or null.
    func optional<Value: Decodable>(
        _ name: FieldName,
        as _: Value.Type = Value.self,
        expected: String
    ) throws(RequestDecodingError) -> Value? {
        try find(name, expected: expected) { name in try fields.decodeIfPresent(Value.self, forKey: name) }
    }

    /// As ``optional(_:as:expected:)``; the decoder has a shorter way for strings where it is asked without generics.
    func optionalText(_ name: FieldName) throws(RequestDecodingError) -> String? {
        try find(name, expected: "a string") { name in try fields.decodeIfPresent(String.self, forKey: name) }
    }

    func optionalObject(_ name: FieldName) throws(RequestDecodingError) -> JSONObject? {
        try find(name, expected: "an object") { name in
            guard fields.contains(name), try !fields.decodeNil(forKey: name) else { return nil }
            return JSONObject(fields: try fields.nestedContainer(keyedBy: FieldName.self, forKey: name))
        }
    }

    /// Looks under both spellings, and makes the decoder's errors ours.
    private func find<Value>(
        _ name: FieldName,
        expected: String,
        _ value: (FieldName) throws -> Value?
    ) throws(RequestDecodingError) -> Value? {
        do {
            if let value = try value(name) { return value }
            guard let camel = name.camelCase else { return nil }
            return try value(camel)
        } catch let error as RequestDecodingError {
            throw error
        } catch DecodingError.typeMismatch, DecodingError.valueNotFound {
            throw .wrongKind(at: path(name), expected: expected)
        } catch {
            // A string with characters or escapes that JSON forbids: the decoder looks into it only now, and throws
            // an error of its own parser.
            throw .notJSON
        }
    }

    func text(_ name: FieldName) throws(RequestDecodingError) -> String {
        guard let text = try optionalText(name) else { throw .missingField(at: path(name)) }
        return text
    }

    func object(_ name: FieldName) throws(RequestDecodingError) -> JSONObject {
        guard let object = try optionalObject(name) else { throw .missingField(at: path(name)) }
        return object
    }

    /// Every element of an array of objects, made by `make`.
    func list<Element>(
        _ name: FieldName,
        _ make: (JSONObject) throws(RequestDecodingError) -> Element
    ) throws(RequestDecodingError) -> [Element] {
        guard let objects: [JSONObject] = try optional(name, expected: "an array of objects") else {
            throw .missingField(at: path(name))
        }
        var elements: [Element] = []
        elements.reserveCapacity(objects.count)
        for object in objects { elements.append(try make(object)) }
        return elements
    }
}
