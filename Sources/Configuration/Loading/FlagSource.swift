// SPDX-License-Identifier: Apache-2.0
package import Arguments

/// A setting on the command line, by its flag's name without dashes.
package struct GivenFlag: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

enum FlagSource {
    /// The flags in their order; a list may be given by several.
    static func read<Root>(_ flags: [GivenFlag], _ schema: Schema<Root>) -> Assignments {
        var result = Assignments()
        var lists: [String: Int] = [:]
        for flag in flags {
            let origin = SettingOrigin.flag(name: flag.name)
            guard let setting = schema.setting(flag: flag.name) else {
                let nearest = Suggestion.nearest(to: flag.name, in: schema.settings.map(\.flagName))
                result.problems.append(
                    .init("--" + flag.name, origin, .unknownKey(nearest: nearest.map { "--" + $0 }))
                )
                continue
            }
            let value = GivenValue(flag.value, isList: setting.isList)
            if case .list(let items) = value, let index = lists[setting.key],
                case .list(let earlier) = result.values[index].value
            {
                result.values[index] = .init(key: setting.key, value: .list(earlier + items), origin: origin)
            } else {
                lists[setting.key] = result.values.count
                result.values.append(.init(key: setting.key, value: value, origin: origin))
            }
        }
        return result
    }
}

extension Schema {
    /// The options of a command line that are settings.
    package func flags(in invocation: Invocation) -> [GivenFlag] {
        invocation.options.filter { setting(flag: $0.name) != nil }.map { GivenFlag($0.name, $0.value) }
    }
}
