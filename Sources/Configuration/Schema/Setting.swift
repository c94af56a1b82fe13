// SPDX-License-Identifier: Apache-2.0

/// One row of the table of settings: a key, the field it fills, its type and what it means. Parsing, defaults, names in
/// the environment and on the command line, help, `config show` and the reference are all made from these rows.
package struct Setting<Root: Sendable>: Sendable {
    package let key: String
    /// What it means, in sentences.
    package let summary: String
    let typeName: String
    let placeholder: String
    let isBoolean: Bool
    let isList: Bool
    let isSecret: Bool
    /// What holds where it has no value; nil for settings that always have one.
    let unset: String?
    /// Further names that are accepted in the environment and on the command line, for habits from elsewhere.
    let environmentAliases: [String]
    let flagAliases: [String]
    let read: @Sendable (GivenValue, inout Root) -> [ValueFailure]
    let write: @Sendable (Root) -> WrittenValue

    /// A setting that always has a value; its default is what the field holds in a fresh `Root`.
    init<Value>(
        _ key: String,
        at field: any WritableKeyPath<Root, Value> & Sendable,
        _ type: ValueType<Value>,
        environment: [String] = [],
        flags: [String] = [],
        _ summary: String
    ) {
        self.init(key, type, isList: false, unset: nil, environment, flags, summary) { raw, root in
            Self.readOne(raw, type) { root[keyPath: field] = $0 }
        } write: { root in
            .one(type.write(root[keyPath: field]), isBare: type.isBare)
        }
    }

    /// A setting that may be absent; `unset` says what holds then.
    init<Value>(
        _ key: String,
        at field: any WritableKeyPath<Root, Value?> & Sendable,
        optional type: ValueType<Value>,
        unset: String,
        environment: [String] = [],
        flags: [String] = [],
        _ summary: String
    ) {
        self.init(key, type, isList: false, unset: unset, environment, flags, summary) { raw, root in
            Self.readOne(raw, type) { root[keyPath: field] = $0 }
        } write: { root in
            root[keyPath: field].map { .one(type.write($0), isBare: type.isBare) } ?? .none
        }
    }

    /// A list. `mayBeEmpty` is false where an empty list could be read both as "any" and as "none".
    init<Value>(
        _ key: String,
        at field: any WritableKeyPath<Root, [Value]> & Sendable,
        listOf type: ValueType<Value>,
        mayBeEmpty: Bool,
        environment: [String] = [],
        flags: [String] = [],
        _ summary: String
    ) {
        self.init(key, type, isList: true, unset: nil, environment, flags, summary) { raw, root in
            let (values, failures) = Self.readList(raw, type)
            guard failures.isEmpty else { return failures }
            guard mayBeEmpty || !values.isEmpty else {
                return [ValueFailure("is an empty list", hint: "remove it for the default")]
            }
            root[keyPath: field] = values
            return []
        } write: { root in
            .list(root[keyPath: field].map(type.write), isBare: type.isBare)
        }
    }

    private init<Value>(
        _ key: String,
        _ type: ValueType<Value>,
        isList: Bool,
        unset: String?,
        _ environmentAliases: [String],
        _ flagAliases: [String],
        _ summary: String,
        read: @escaping @Sendable (GivenValue, inout Root) -> [ValueFailure],
        write: @escaping @Sendable (Root) -> WrittenValue
    ) {
        self.key = key
        self.summary = summary
        typeName = isList ? "list of: \(type.name)" : type.name
        placeholder = type.placeholder
        isBoolean = Value.self == Bool.self
        self.isList = isList
        isSecret = type.isSecret
        self.unset = unset
        self.environmentAliases = environmentAliases
        self.flagAliases = flagAliases
        self.read = read
        self.write = write
    }

    private static func readOne<Value>(
        _ raw: GivenValue,
        _ type: ValueType<Value>,
        _ set: (Value) -> Void
    ) -> [ValueFailure] {
        guard case .text(let text) = raw else { return [ValueFailure("is one value, not a list")] }
        do throws(ValueFailure) {
            set(try type.read(text))
            return []
        } catch {
            return [error]
        }
    }

    private static func readList<Value>(
        _ raw: GivenValue,
        _ type: ValueType<Value>
    ) -> (values: [Value], failures: [ValueFailure]) {
        guard case .list(let items) = raw else {
            return ([], [ValueFailure("is a list", hint: "write each item on its own line after a dash")])
        }
        var values: [Value] = []
        var failures: [ValueFailure] = []
        for (index, item) in items.enumerated() {
            do throws(ValueFailure) {
                values.append(try type.read(item))
            } catch {
                failures.append(ValueFailure(error.reason, hint: error.hint, item: index))
            }
        }
        return (values, failures)
    }
}

extension Setting {
    /// `CONTAINMENT_SERVER__LISTEN_PORT` for `server.listen_port`.
    package var environmentName: String { EnvironmentName.of(key: key) }

    /// `server-listen-port` for `server.listen_port`, without the dashes in front.
    package var flagName: String { String(key.map { $0 == "." || $0 == "_" ? "-" : $0 }) }

    /// The key in its sections.
    var path: [Substring] { key.split(separator: ".") }
}

/// A value as a source gives it.
enum GivenValue: Sendable, Equatable {
    case text(String)
    case list([String])

    /// From one text of the environment or the command line: commas separate the items of a list.
    init(_ text: String, isList: Bool) {
        guard isList else {
            self = .text(text)
            return
        }
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
        self = .list(items == [""] ? [] : items)
    }
}

/// A value as it is shown.
enum WrittenValue: Sendable, Equatable {
    case none
    case one(String, isBare: Bool)
    case list([String], isBare: Bool)
}

extension Setting {
    /// Whether it names a file or folder of this machine.
    package var isPath: Bool { placeholder == "PATH" }
}
