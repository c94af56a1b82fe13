// SPDX-License-Identifier: Apache-2.0

/// Lays the sources over the defaults: file, then environment, then flags; later wins. A wrong value is reported even
/// where a later source overrides it: it would come back when that source goes.
struct Loader<Root: Sendable> {
    struct Loaded: Sendable {
        var values: Root
        /// Where each value comes from; absent for defaults.
        var origins: [String: SettingOrigin]
    }

    let schema: Schema<Root>

    func load(
        _ defaults: Root,
        file: ConfigurationFile?,
        environment: [String: String],
        flags: [GivenFlag],
        rules: [Rule<Root>] = []
    ) throws(ConfigurationError) -> Loaded {
        let sources =
            (file.map { [FileSource.read($0, schema)] } ?? [])
            + [EnvironmentSource.read(environment, schema), FlagSource.read(flags, schema)]
        var loaded = Loaded(values: defaults, origins: [:])
        var problems: [ConfigurationProblem] = []
        for source in sources {
            problems += source.problems
            for assignment in source.values {
                let failures = apply(assignment, &loaded)
                problems += failures
            }
        }
        let unreadable = Set(problems.map { $0.key.prefix { $0 != "[" } })
        for rule in schema.rules + rules where !rule.keys.contains(where: { unreadable.contains($0[...]) }) {
            if let breach = rule.check(loaded.values) {
                problems.append(
                    ConfigurationProblem(
                        breach.key,
                        loaded.origins[breach.key] ?? .builtIn,
                        .conflict(reason: breach.reason, hint: breach.hint)
                    )
                )
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return loaded
    }

    private func apply(_ assignment: Assignments.Assignment, _ loaded: inout Loaded) -> [ConfigurationProblem] {
        guard let setting = schema[assignment.key] else { return [] }
        let failures = setting.read(assignment.value, &loaded.values)
        loaded.origins[assignment.key] = assignment.origin
        return failures.map { failure in
            var key = assignment.key
            var origin = assignment.origin
            if let item = failure.item {
                key += "[\(item)]"
                if case .file(let path, _) = origin, item < assignment.itemLines.count {
                    origin = .file(path: path, line: assignment.itemLines[item])
                }
            }
            return ConfigurationProblem(key, origin, .invalid(reason: failure.reason, hint: failure.hint))
        }
    }
}
