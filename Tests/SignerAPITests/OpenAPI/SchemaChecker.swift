// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Holds values against the schemas of an OpenAPI 3.1 document. It knows only the words that our documents use, and
/// refuses any other, so that nothing goes unchecked.
struct SchemaChecker {
    let document: [String: Any]

    init(_ json: [UInt8]) throws {
        document = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    }

    /// What stands at a reference such as `#/components/schemas/Error`.
    func resolve(_ reference: String) -> [String: Any]? {
        var value: Any? = document
        for step in reference.split(separator: "/").dropFirst() { value = (value as? [String: Any])?[String(step)] }
        return value as? [String: Any]
    }

    /// What is wrong with a value; empty where nothing is.
    func problems(_ value: Any, _ schema: [String: Any], at path: String = "$") -> [String] {
        if let reference = schema["$ref"] as? String {
            guard let target = resolve(reference) else { return ["\(path): \(reference) leads nowhere"] }
            return problems(value, target, at: path)
        }
        var found: [String] = []
        for (word, rule) in schema {
            switch word {
            case "description", "examples", "discriminator", "format": break
            case "type": if !Self.isOfType(value, rule) { found.append("\(path): is no \(rule)") }
            case "pattern":
                if let text = value as? String, text.range(of: "\(rule)", options: .regularExpression) == nil {
                    found.append("\(path): does not match \(rule)")
                }
            case "enum":
                if !((rule as? [String]) ?? []).contains(value as? String ?? "\u{0}") {
                    found.append("\(path): is none of \(rule)")
                }
            case "minimum", "maximum":
                if let number = (value as? NSNumber)?.doubleValue, let limit = (rule as? NSNumber)?.doubleValue,
                    word == "minimum" ? number < limit : number > limit
                {
                    found.append("\(path): beyond its \(word)")
                }
            case "allOf":
                for part in rule as? [[String: Any]] ?? [] { found += problems(value, part, at: path) }
            case "anyOf", "oneOf":
                let tries = (rule as? [[String: Any]] ?? []).map { problems(value, $0, at: path) }
                let fitting = tries.count { $0.isEmpty }
                if fitting == 0 { found += tries.min { $0.count < $1.count } ?? ["\(path): no choice"] }
                if word == "oneOf", fitting > 1 { found.append("\(path): fits \(fitting) of oneOf") }
            case "items", "minItems", "maxItems", "uniqueItems": found += list(value, word, rule, path)
            case "properties", "required", "additionalProperties":
                found += object(value, word, rule, schema, path)
            default: found.append("\(path): the checker does not know \(word)")
            }
        }
        return found
    }

    private func list(_ value: Any, _ word: String, _ rule: Any, _ path: String) -> [String] {
        guard let elements = value as? [Any] else { return [] }
        switch (word, rule) {
        case ("items", let schema as [String: Any]):
            return elements.enumerated().flatMap { problems($0.element, schema, at: "\(path)[\($0.offset)]") }
        case ("minItems", let least as Int): return elements.count < least ? ["\(path): too few"] : []
        case ("maxItems", let most as Int): return elements.count > most ? ["\(path): too many"] : []
        case ("uniqueItems", _):
            let texts = elements.map { "\($0)" }
            return Set(texts).count == texts.count ? [] : ["\(path): has something twice"]
        default: return ["\(path): \(word) is odd"]
        }
    }

    private func object(
        _ value: Any,
        _ word: String,
        _ rule: Any,
        _ schema: [String: Any],
        _ path: String
    ) -> [String] {
        guard let members = value as? [String: Any] else { return [] }
        let known = schema["properties"] as? [String: [String: Any]] ?? [:]
        switch (word, rule) {
        case ("properties", _):
            return known.flatMap { name, schema in
                members[name].map { problems($0, schema, at: "\(path).\(name)") } ?? []
            }
        case ("required", let names as [String]):
            return names.filter { members[$0] == nil }.map { "\(path).\($0): is missing" }
        case ("additionalProperties", let schema as [String: Any]):
            return members.flatMap { known[$0] == nil ? problems($1, schema, at: "\(path).\($0)") : [] }
        case ("additionalProperties", _):
            return members.keys.filter { known[$0] == nil }.map { "\(path).\($0): is not described" }
        default: return ["\(path): \(word) is odd"]
        }
    }

    private static func isOfType(_ value: Any, _ type: Any) -> Bool {
        let isFlag = (value as? NSNumber).map { CFGetTypeIDIsBoolean($0) } ?? false
        switch type as? String {
        case "object": return value is [String: Any]
        case "array": return value is [Any]
        case "string": return value is String
        case "boolean": return isFlag
        case "integer":
            return !isFlag && (value as? NSNumber).map { $0.doubleValue.rounded() == $0.doubleValue } ?? false
        default: return false
        }
    }

    /// Foundation reads `true` as a number whose type is that of a C boolean.
    private static func CFGetTypeIDIsBoolean(_ number: NSNumber) -> Bool {
        unsafe String(cString: number.objCType) == "c"
    }
}
