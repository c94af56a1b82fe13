// SPDX-License-Identifier: Apache-2.0

/// A schema for people: in a few words on a line, or as a table of its members.
enum SchemaView {
    static func line(_ schema: Schema) -> String {
        switch schema {
        case .named(let name, _): "<a href=\"#schema-\(name)\">\(name)</a>"
        case .described(let inner, let text): "\(line(inner)): \(HTML.text(text))"
        case .text(let pattern, let format, let example): text(pattern, format, example)
        case .words(let words):
            words.count == 1
                ? "<code>\(HTML.escape(words[0]))</code>"
                : "one of " + words.map { "<code>\(HTML.escape($0))</code>" }.joined(separator: " ")
        case .integer(let least, let most): "whole number, \(most.map { "\(least) to \($0)" } ?? "\(least) or more")"
        case .null: "<code>null</code>"
        case .boolean: "<code>true</code> or <code>false</code>"
        case .list(let element, let least, let most, _): "list\(count(least, most)) of " + line(element)
        case .object(let properties, _):
            properties.isEmpty ? "object" : "object with " + properties.map(member).joined(separator: "; ")
        case .map(let value): "object, each value " + line(value)
        case .anyOf(let schemas): schemas.map(line).joined(separator: ", <em>or</em> ")
        case .allOf(let schemas): schemas.map(line).joined(separator: ", <em>and</em> ")
        case .choice(let member, let variants):
            "by <code>\(member)</code>: " + variants.map { line($0.schema) }.joined(separator: ", ")
        }
    }

    static func block(_ schema: Schema) -> String {
        switch schema {
        case .described(let inner, let text): HTML.paragraphs(text) + block(inner)
        case .object(let properties, let isClosed) where !properties.isEmpty:
            HTML.table(
                ["Member", "What"],
                properties.map { property in
                    let need = property.isRequired ? "" : " (optional)"
                    return "<tr><td><code>\(property.name)</code>\(need)</td><td>\(line(property.schema))</td></tr>"
                }
            ) + (isClosed ? "<p>Nothing else.</p>" : "")
        case .anyOf(let schemas): schemas.map(block).joined(separator: "<p><em>or</em></p>")
        default: "<p>\(line(schema))</p>"
        }
    }

    private static func member(_ property: Schema.Property) -> String {
        "<code>\(property.name)</code>\(property.isRequired ? "" : " (optional)"): \(line(property.schema))"
    }

    private static func text(_ pattern: String?, _ format: String?, _ example: String?) -> String {
        var words = "text"
        if let format { words += " (\(HTML.escape(format)))" }
        if let pattern { words += " <code>\(HTML.escape(pattern))</code>" }
        if let example { words += ", such as <code>\(HTML.escape(example))</code>" }
        return words
    }

    private static func count(_ least: Int, _ most: Int?) -> String {
        switch (least, most) {
        case (0, nil): ""
        case (let least, nil): " (at least \(least))"
        case (0, .some(let most)): " (at most \(most))"
        case (let least, .some(let most)): least == most ? " (\(least))" : " (\(least) to \(most))"
        }
    }
}
