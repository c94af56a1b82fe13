// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// A JSON object of a request, read under the encoding rules of Web3Signer: a field is found under its snake_case name
/// or the same in camelCase, `null` is as good as absent, and what is not asked for is ignored. (No name stands twice:
/// `JSONDocument` has seen to it.)
struct JSONObject {
    let value: JSONValue

    /// Nil for a value of another kind.
    init?(_ value: JSONValue) {
        guard case .object = value.kind else { return nil }
        self.value = value
    }

    /// Where `name` is, for an error.
    func path(_ name: String) -> String {
        let path = value.wirePath
        return path.isEmpty ? name : path + "." + name
    }

    /// The value under either spelling; nil where it is absent or null.
    func optional(_ name: String) -> JSONValue? {
        if let value = value.member(name), !value.isNull { return value }
        guard let camel = Self.camelCase(name), let value = value.member(camel), !value.isNull else { return nil }
        return value
    }

    /// Whether there is something under either spelling, be it null.
    func has(_ name: String) -> Bool {
        value.member(name) != nil || Self.camelCase(name).flatMap { value.member($0) } != nil
    }

    /// `beacon_block_root` as `beaconBlockRoot`; nil where that is the same.
    private static func camelCase(_ name: String) -> String? {
        guard name.utf8.contains(UInt8(ascii: "_")) else { return nil }
        var camel: [UInt8] = []
        camel.reserveCapacity(name.utf8.count)
        var raisesNext = false
        for byte in name.utf8 {
            if byte == UInt8(ascii: "_") {
                raisesNext = true
            } else {
                let isLower = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                camel.append(raisesNext && isLower ? byte - 0x20 : byte)
                raisesNext = false
            }
        }
        return String(decoding: camel, as: UTF8.self)
    }

    func required(_ name: String) throws(RequestDecodingError) -> JSONValue {
        guard let value = optional(name) else { throw .missingField(at: path(name)) }
        return value
    }

    func optionalText(_ name: String) throws(RequestDecodingError) -> JSONText? {
        guard let value = optional(name) else { return nil }
        guard let text = value.string else { throw .wrongKind(at: path(name), expected: "a string") }
        return text
    }

    func optionalObject(_ name: String) throws(RequestDecodingError) -> JSONObject? {
        guard let value = optional(name) else { return nil }
        guard let object = JSONObject(value) else { throw .wrongKind(at: path(name), expected: "an object") }
        return object
    }

    func text(_ name: String) throws(RequestDecodingError) -> JSONText {
        guard let text = try optionalText(name) else { throw .missingField(at: path(name)) }
        return text
    }

    func object(_ name: String) throws(RequestDecodingError) -> JSONObject {
        guard let object = try optionalObject(name) else { throw .missingField(at: path(name)) }
        return object
    }

    /// Every element of an array of objects, made by `make`.
    func list<Element>(
        _ name: String,
        _ make: (JSONObject) throws(RequestDecodingError) -> Element
    ) throws(RequestDecodingError) -> [Element] {
        let expected = "an array of objects"
        var elements: [Element] = []
        for value in try array(name, expected: expected) {
            guard let object = JSONObject(value) else { throw .wrongKind(at: path(name), expected: expected) }
            elements.append(try make(object))
        }
        return elements
    }

    func array(_ name: String, expected: String) throws(RequestDecodingError) -> JSONElements {
        let value = try required(name)
        guard case .array = value.kind else { throw .wrongKind(at: path(name), expected: expected) }
        return value.elements
    }
}

extension JSONValue {
    /// The path as it stands on the wire, `a.b[2].c`; empty for the body. A name that is none of ours may be on it
    /// where something was found inside another object, so names are shown with care.
    var wirePath: String {
        var text = ""
        for step in path {
            switch step {
            case .element(let place): text += "[\(place)]"
            case .member(let name): text += (text.isEmpty ? "" : ".") + RequestDecodingError.shown(name.string)
            }
        }
        return text
    }
}
