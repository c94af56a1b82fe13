// SPDX-License-Identifier: Apache-2.0
internal import Arguments

/// Everything that is wrong with a configuration, at once. Nothing of it was applied.
package struct ConfigurationError: Error, Equatable, Sendable {
    package let problems: [ConfigurationProblem]

    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }
}

/// One thing that is wrong. Values appear only where the type of the setting cannot hold a secret.
package struct ConfigurationProblem: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// The source as a whole could not be read.
        case unreadable(reason: String)
        case unknownKey(nearest: String?)
        /// Known, but not in this version.
        case unavailable(reason: String)
        /// Has the wrong shape: a list for a value, a value for a section, nothing at all.
        case shape(reason: String, hint: String?)
        case invalid(reason: String, hint: String?)
        /// Does not go with another setting.
        case conflict(reason: String, hint: String?)
    }

    /// The path of the key, empty for a problem of a whole source.
    package let key: String
    package let origin: SettingOrigin
    package let kind: Kind

    package init(_ key: String, _ origin: SettingOrigin, _ kind: Kind) {
        self.key = key
        self.origin = origin
        self.kind = kind
    }

    private var sentence: String {
        switch kind {
        case .unreadable(let reason): reason
        case .unknownKey: "is not a setting"
        case .unavailable(let reason): reason
        case .shape(let reason, _), .invalid(let reason, _), .conflict(let reason, _): reason
        }
    }

    /// What to try, where that is known.
    package var hint: String? {
        switch kind {
        case .unknownKey(let nearest): nearest.map { "did you mean \($0)?" }
        case .shape(_, let hint), .invalid(_, let hint), .conflict(_, let hint): hint
        case .unreadable, .unavailable: nil
        }
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    /// A line or two on eighty columns: key, sentence, place, hint.
    package var description: String {
        let subject = key.isEmpty ? "\(origin) \(sentence)" : "\(key) \(sentence)"
        var lines = [Paragraph.wrap("- " + subject, indent: 2, hanging: 4)]
        if !key.isEmpty, origin != .builtIn { lines.append(Paragraph.wrap("at: \(origin)", indent: 4, hanging: 8)) }
        if let hint { lines.append(Paragraph.wrap("hint: \(hint)", indent: 4, hanging: 8)) }
        return lines.joined(separator: "\n")
    }
}

extension ConfigurationError: CustomStringConvertible {
    package var description: String {
        let count = problems.count == 1 ? "a problem" : "\(problems.count) problems"
        return (["error: the configuration has \(count)"] + problems.map(\.description)).joined(separator: "\n")
    }
}
