// SPDX-License-Identifier: Apache-2.0
package import Arguments

/// The table of settings and the rules that hold between them.
package struct Schema<Root: Sendable>: Sendable {
    package let settings: [Setting<Root>]
    let rules: [Rule<Root>]
    /// Sections of the whole product that this version does not have, by their first words.
    let reserved: [ReservedSection]
    private let byKey: [String: Int]
    /// Every proper prefix of a key: `server`, `anti_slashing.pruning`.
    let sections: Set<String>

    init(_ settings: [Setting<Root>], rules: [Rule<Root>] = [], reserved: [ReservedSection] = []) {
        self.settings = settings
        self.rules = rules
        self.reserved = reserved
        byKey = Dictionary(
            settings.enumerated().map { ($1.key, $0) },
            uniquingKeysWith: { first, _ in preconditionFailure("\(settings[first].key) stands twice in the table") }
        )
        sections = Set(
            settings.flatMap { setting in
                (1..<max(1, setting.path.count)).map { setting.path.prefix($0).joined(separator: ".") }
            }
        )
    }

    subscript(key: String) -> Setting<Root>? { byKey[key].map { settings[$0] } }

    func setting(flag name: String) -> Setting<Root>? {
        settings.first { $0.flagName == name || $0.flagAliases.contains(name) }
    }

    /// Why a key that is not in the table is known all the same.
    func reservation(of key: String) -> String? {
        reserved.first { key == $0.prefix || key.hasPrefix($0.prefix + ".") }?.reason
    }

    /// The key or section that somebody who wrote `key` probably meant: the nearest in spelling, else the only key with
    /// the same last word.
    func nearest(to key: String) -> String? {
        if let near = Suggestion.nearest(to: key, in: settings.map(\.key) + sections.sorted()) { return near }
        let word = key.split(separator: ".").last
        let same = settings.filter { $0.path.last == word }
        return same.count == 1 ? same.first?.key : nil
    }

    /// The settings as options of a command.
    package var options: [Option] {
        settings.map { setting in
            Option(
                setting.flagName,
                aliases: setting.flagAliases,
                kind: setting.isBoolean ? .toggle : .value(setting.placeholder),
                summary: setting.summary,
                isRepeatable: setting.isList,
                section: setting.path.count > 1 ? String(setting.path[0]) : "general"
            )
        }
    }
}

/// Something that holds between settings. It is not asked where one of its keys could not be read, so that one mistake
/// is not reported twice.
struct Rule<Root: Sendable>: Sendable {
    struct Breach: Sendable {
        let key: String
        let reason: String
        var hint: String?

        init(_ key: String, _ reason: String, hint: String? = nil) {
            self.key = key
            self.reason = reason
            self.hint = hint
        }
    }

    let keys: [String]
    let check: @Sendable (Root) -> Breach?

    init(_ keys: [String], check: @escaping @Sendable (Root) -> Breach?) {
        self.keys = keys
        self.check = check
    }
}

/// A part of the product that a configuration may name but this version cannot do.
struct ReservedSection: Sendable {
    let prefix: String
    let reason: String
}
