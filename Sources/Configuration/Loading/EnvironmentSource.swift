// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import YAML

/// The names of settings in the environment: `CONTAINMENT_`, sections joined by two underscores.
enum EnvironmentName {
    static let prefix = "CONTAINMENT_"

    static func of(key: String) -> String { prefix + key.replacing(".", with: "__").uppercased() }

    static func key(of name: String) -> String {
        name.dropFirst(prefix.count).lowercased().replacing("__", with: ".")
    }
}

enum EnvironmentSource {
    /// Everything in the environment that begins with our prefix is a setting, or a mistake that somebody should hear of.
    static func read<Root>(_ environment: [String: String], _ schema: Schema<Root>) -> Assignments {
        var result = Assignments()
        var taken: [String: String] = [:]
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(EnvironmentName.prefix) && !isServiceLink(name, value) {
            let origin = SettingOrigin.environment(name: YAMLText.printable(name, limit: 80))
            let key = EnvironmentName.key(of: name)
            if let setting = schema[key] {
                if let first = taken.updateValue(name, forKey: key) {
                    let reason = "is given twice in the environment, first as \(YAMLText.printable(first, limit: 80))"
                    result.problems.append(.init(key, origin, .shape(reason: reason, hint: nil)))
                }
                result.values.append(
                    .init(key: key, value: GivenValue(value, isList: setting.isList), origin: origin)
                )
            } else if let reason = schema.reservation(of: key) {
                result.problems.append(.init(YAMLText.printable(key, limit: 80), origin, .unavailable(reason: reason)))
            } else {
                let nearest = schema.nearest(to: key).map(EnvironmentName.of(key:))
                result.problems.append(
                    .init(YAMLText.printable(name, limit: 80), origin, .unknownKey(nearest: nearest))
                )
            }
        }
        addAliases(environment, schema, taken, &result)
        return result
    }

    /// A foreign name such as `RUST_LOG` counts where our own is absent.
    private static func addAliases<Root>(
        _ environment: [String: String],
        _ schema: Schema<Root>,
        _ taken: [String: String],
        _ result: inout Assignments
    ) {
        for setting in schema.settings where taken[setting.key] == nil {
            for alias in setting.environmentAliases {
                guard let value = environment[alias], !value.isEmpty else { continue }
                result.values.append(
                    .init(
                        key: setting.key,
                        value: GivenValue(value, isList: setting.isList),
                        origin: .environment(name: alias)
                    )
                )
            }
        }
    }

    /// Kubernetes describes a service named `containment-…` to every pod beside it in variables such as
    /// `CONTAINMENT_CHAMBER_SERVICE_HOST` and `CONTAINMENT_CHAMBER_PORT=tcp://…`. These are no settings.
    static func isServiceLink(_ name: String, _ value: String) -> Bool {
        guard !name.contains("__") else { return false }
        if name.hasSuffix("_SERVICE_HOST") { return IPAddress.isValid(value) }
        if name.contains("_SERVICE_PORT") { return UInt16(value) != nil }
        let isLink = ["tcp://", "udp://", "sctp://"].contains { value.hasPrefix($0) }
        if name.hasSuffix("_PORT"), isLink { return true }
        return ["_TCP", "_UDP", "_SCTP"].contains { transport in
            [transport, transport + "_PROTO", transport + "_PORT", transport + "_ADDR"].contains { suffix in
                name.hasSuffix(suffix) && name.contains("_PORT_")
            }
        }
    }
}
