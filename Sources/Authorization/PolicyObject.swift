// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// An object whose fields are all known and there once.
struct PolicyObject {
    private let path: String
    private var values: [String: JSONValue] = [:]

    init(_ value: JSONValue, at path: String, fields: [String]) throws(PolicyError) {
        guard value.kind == .object else { throw PolicyError(path, "is an object") }
        self.path = path
        for member in value.members {
            let name = member.name.string
            guard fields.contains(name) else {
                throw PolicyError(
                    path,
                    "has an unknown field \(Self.shown(name)); known are \(fields.joined(separator: ", "))"
                )
            }
            guard values.updateValue(member.value, forKey: name) == nil else {
                throw PolicyError(path, "has the field \(name) twice")
            }
        }
    }

    func has(_ name: String) -> Bool { values[name] != nil }

    /// Whether it is there and says `null`.
    func isNull(_ name: String) -> Bool { values[name]?.isNull ?? false }

    func string(_ name: String) throws(PolicyError) -> String? {
        guard let value = values[name] else { return nil }
        guard let text = value.string else { throw PolicyError(place(name), "is a string") }
        return text.string
    }

    /// Nil where it is absent.
    func wholeNumber(_ name: String) throws(PolicyError) -> Int64? {
        guard let value = values[name] else { return nil }
        guard value.kind == .number, let number = value.text.flatMap({ Int64($0.string) }), number >= 0 else {
            throw PolicyError(place(name), "is a whole number")
        }
        return number
    }

    func required<Element: SendableMetatype>(
        _ name: String,
        atMost limit: Int,
        _ read: (JSONValue, String) throws(PolicyError) -> Element
    ) throws(PolicyError) -> [Element] {
        guard let value = values[name] else { throw PolicyError(place(name), "is missing") }
        return try elements(of: value, name, atMost: limit, read)
    }

    /// Texts; nil where the list is absent.
    func list<Element: SendableMetatype>(
        _ name: String,
        atMost limit: Int,
        _ read: (String) throws(PolicyError) -> Element
    ) throws(PolicyError) -> [Element]? {
        guard let value = values[name] else { return nil }
        return try elements(of: value, name, atMost: limit) { value, path throws(PolicyError) in
            guard let text = value.string else { throw PolicyError(path, "is a string") }
            do throws(PolicyError) { return try read(text.string) } catch {
                throw PolicyError(path, "\(Self.shown(text.string)) \(error.reason)")
            }
        }
    }

    func set<Element: Hashable & SendableMetatype>(
        _ name: String,
        atMost limit: Int,
        _ read: (String) throws(PolicyError) -> Element
    ) throws(PolicyError) -> Set<Element>? {
        try list(name, atMost: limit, read).map(Set.init)
    }

    private func elements<Element: SendableMetatype>(
        of value: JSONValue,
        _ name: String,
        atMost limit: Int,
        _ read: (JSONValue, String) throws(PolicyError) -> Element
    ) throws(PolicyError) -> [Element] {
        guard value.kind == .array else { throw PolicyError(place(name), "is a list") }
        var elements: [Element] = []
        for (index, value) in value.elements.enumerated() {
            guard index < limit else { throw PolicyError(place(name), "has more than \(limit) entries") }
            elements.append(try read(value, "\(place(name))[\(index)]"))
        }
        guard !elements.isEmpty else {
            throw PolicyError(
                place(name),
                "is an empty list, which would mean nothing or everything; leave the field away for any"
            )
        }
        return elements
    }

    private func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// Somebody else's text in a message of ours: short, printable, in quotes.
    static func shown(_ text: String) -> String {
        let printable = text.unicodeScalars.prefix(60).map { scalar in
            scalar.value >= 0x20 && scalar.value < 0x7f && scalar != "\"" ? Character(scalar) : "?"
        }
        return "\"" + String(printable) + (text.unicodeScalars.count > 60 ? "…" : "") + "\""
    }
}
