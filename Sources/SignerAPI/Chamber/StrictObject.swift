// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import JSON

/// An object of JSON in which every name is known and stands once: what it orders cannot be taken back, so a misspelt name
/// is no default.
struct StrictObject {
    /// Completes a sentence about the body.
    struct Malformed: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private let root: JSONValue
    /// In front of the names of what lies deeper.
    private let prefix: String

    init(_ body: [UInt8], names: Set<String>) throws(Malformed) {
        do throws(JSONError) { root = try JSONDocument(body).root } catch {
            throw Malformed("the body is not JSON: \(error)")
        }
        prefix = ""
        try check(names, "the body")
    }

    private init(_ value: JSONValue, names: Set<String>, prefix: String) throws(Malformed) {
        root = value
        self.prefix = prefix + "."
        try check(names, prefix)
    }

    private func check(_ names: Set<String>, _ what: String) throws(Malformed) {
        guard root.kind == .object else { throw Malformed("\(what) is not an object of JSON") }
        var seen: Set<String> = []
        for member in root.members {
            let name = member.name.string
            guard names.contains(name) else {
                throw Malformed(
                    "\(prefix)\(name.prefix(100)) is not known; there are \(names.sorted().joined(separator: ", "))"
                )
            }
            guard seen.insert(name).inserted else { throw Malformed("\(prefix)\(name) stands there twice") }
        }
    }

    /// Nil where it is not there, or null.
    func member(_ name: String) -> JSONValue? { root.member(name).flatMap { $0.isNull ? nil : $0 } }

    func object(_ name: String, names: Set<String>) throws(Malformed) -> StrictObject? {
        guard let value = member(name) else { return nil }
        return try StrictObject(value, names: names, prefix: prefix + name)
    }

    /// Those that stand there.
    var memberNames: [String] { root.members.map(\.name.string) }

    /// A list of objects; nil where it is not there.
    func objects(_ name: String, limit: Int, names: Set<String>) throws(Malformed) -> [StrictObject]? {
        guard let value = member(name) else { return nil }
        guard value.kind == .array else { throw Malformed("\(prefix)\(name) is no list") }
        var objects: [StrictObject] = []
        for element in value.elements {
            guard objects.count < limit else {
                throw Malformed("\(prefix)\(name) has more than the \(limit) elements that it may have")
            }
            objects.append(try StrictObject(element, names: names, prefix: prefix + "\(name)[\(objects.count)]"))
        }
        return objects
    }

    func text(_ name: String) throws(Malformed) -> JSONText? {
        guard let value = member(name) else { return nil }
        guard let text = value.string else { throw Malformed("\(prefix)\(name) is no string") }
        return text
    }

    func boolean(_ name: String) throws(Malformed) -> Bool? {
        guard let value = member(name) else { return nil }
        guard let boolean = value.boolean else { throw Malformed("\(prefix)\(name) is neither true nor false") }
        return boolean
    }

    /// A whole number, written without a point.
    func number(_ name: String) throws(Malformed) -> Int? {
        guard let value = member(name) else { return nil }
        guard value.kind == .number, let number = value.text.flatMap({ Int($0.string) }) else {
            throw Malformed("\(prefix)\(name) is no whole number")
        }
        return number
    }

    /// Nil where it is not there.
    func texts(_ name: String, limit: Int) throws(Malformed) -> [JSONText]? {
        guard let value = member(name) else { return nil }
        guard value.kind == .array else { throw Malformed("\(prefix)\(name) is no list") }
        var texts: [JSONText] = []
        for element in value.elements {
            guard let text = element.string else { throw Malformed("\(prefix)\(name)[\(texts.count)] is no string") }
            texts.append(text)
            guard texts.count <= limit else {
                throw Malformed("\(prefix)\(name) has more than the \(limit) elements that one request may have")
            }
        }
        return texts
    }
}
