// SPDX-License-Identifier: Apache-2.0

/// Why a text was not taken as YAML. Carries places and keys, never values.
package enum YAMLError: Error, Equatable {
    case syntax(reason: String, at: YAMLPosition)
    case notUTF8(at: YAMLPosition)
    case tooLarge(bytes: Int, limit: Int)
    case tooDeep(limit: Int, at: YAMLPosition)
    case tooManyNodes(limit: Int, at: YAMLPosition)
    /// Anchors and aliases: a few lines of them can stand for gigabytes, and nothing we read needs them.
    case alias(at: YAMLPosition)
    case duplicateKey(String, at: YAMLPosition, first: YAMLPosition)
    case keyIsNotText(at: YAMLPosition)
    case outOfMemory

    /// Where in the text, for those errors that have a place.
    package var position: YAMLPosition? {
        switch self {
        case .syntax(_, let position), .notUTF8(let position), .tooDeep(_, let position),
            .tooManyNodes(_, let position), .alias(let position), .duplicateKey(_, let position, _),
            .keyIsNotText(let position):
            position
        case .tooLarge, .outOfMemory: nil
        }
    }

    /// What is wrong, without the place.
    package var reason: String {
        switch self {
        case .syntax(let reason, _): "is not valid YAML: \(reason)"
        case .notUTF8: "is not UTF-8 text"
        case .tooLarge(let bytes, let limit): "has \(bytes) bytes; at most \(limit) are read"
        case .tooDeep(let limit, _): "is nested deeper than \(limit) levels"
        case .tooManyNodes(let limit, _): "has more than \(limit) values"
        case .alias: "uses an anchor or alias (& or *), which are not accepted: write the value out"
        case .duplicateKey(let key, _, let first):
            "has the key \(YAMLText.quoted(key, limit: 60)) twice; first on line \(first.line)"
        case .keyIsNotText: "has a key that is not plain text"
        case .outOfMemory: "could not be read: out of memory"
        }
    }
}

extension YAMLError: CustomStringConvertible {
    package var description: String { if let position { "\(position): \(reason)" } else { reason } }
}
