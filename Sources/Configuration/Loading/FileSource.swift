// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import YAML

/// The text of a configuration file and the name it has in messages.
package struct ConfigurationFile: Sendable, Equatable {
    package let path: String
    package let text: String

    package init(path: String, text: String) {
        self.path = path
        self.text = text
    }

    /// Reads a file of at most one megabyte.
    package static func read(_ path: String) throws(ConfigurationError) -> ConfigurationFile {
        func refused(_ reason: String) -> ConfigurationError {
            ConfigurationError([ConfigurationProblem("", .file(path: path, line: 0), .unreadable(reason: reason))])
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: (path as NSString).resolvingSymlinksInPath)
        guard let attributes else { throw refused("does not exist or cannot be reached") }
        guard attributes[.type] as? FileAttributeType == .typeRegular else { throw refused("is not a file") }
        let limit = YAMLParser.Limits().bytes
        if let size = attributes[.size] as? Int, size > limit {
            throw refused("\(YAMLError.tooLarge(bytes: size, limit: limit))")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw refused("cannot be read; check who owns it and its mode")
        }
        guard let text = String(validating: data, as: UTF8.self) else { throw refused("is not UTF-8 text") }
        return ConfigurationFile(path: path, text: text)
    }
}

/// Turns the tree of a file into assignments.
struct FileSource<Root: Sendable> {
    let schema: Schema<Root>
    let file: ConfigurationFile
    private var result = Assignments()
    /// Looking for the nearest key is not free; who has this many unknown ones has another problem.
    private var suggestionsLeft = 20

    init(schema: Schema<Root>, file: ConfigurationFile) {
        self.schema = schema
        self.file = file
    }

    static func read(_ file: ConfigurationFile, _ schema: Schema<Root>) -> Assignments {
        var source = FileSource(schema: schema, file: file)
        source.readDocuments()
        return source.result
    }

    private func origin(_ position: YAMLPosition?) -> SettingOrigin {
        .file(path: file.path, line: position?.line ?? 0)
    }

    private mutating func add(_ key: String, _ position: YAMLPosition?, _ kind: ConfigurationProblem.Kind) {
        result.problems.append(ConfigurationProblem(key, origin(position), kind))
    }

    private mutating func readDocuments() {
        do throws(YAMLError) {
            let documents = try YAMLParser().documents(in: file.text)
            if documents.count > 1 {
                add("", documents[1].position, .unreadable(reason: "holds a second document; only one is read"))
            }
            guard let root = documents.first, !root.isNull else { return }
            guard let mapping = root.mapping else {
                return add("", root.position, .unreadable(reason: "is not a list of keys and values"))
            }
            read(mapping, under: "")
        } catch {
            add("", error.position, .unreadable(reason: error.reason))
        }
    }

    private mutating func read(_ mapping: YAMLMapping, under section: String) {
        for entry in mapping.entries {
            let key = section.isEmpty ? entry.key : "\(section).\(entry.key)"
            if entry.key.contains(".") {
                let isKnown = schema[key] != nil
                add(
                    YAMLText.printable(key, limit: 80),
                    entry.keyPosition,
                    .shape(
                        reason: "has a dot in its name",
                        hint: isKnown ? "write the sections below each other, each further indented" : nil
                    )
                )
            } else if let setting = schema[key] {
                read(setting, entry)
            } else if schema.sections.contains(key) {
                readSection(key, entry)
            } else if let reason = schema.reservation(of: key) {
                add(YAMLText.printable(key, limit: 80), entry.keyPosition, .unavailable(reason: reason))
            } else {
                let nearest = suggestionsLeft > 0 ? schema.nearest(to: key) : nil
                suggestionsLeft -= 1
                add(YAMLText.printable(key, limit: 80), entry.keyPosition, .unknownKey(nearest: nearest))
            }
        }
    }

    private mutating func readSection(_ key: String, _ entry: YAMLMapping.Entry) {
        if let mapping = entry.value.mapping, entry.value.tag == nil {
            read(mapping, under: key)
        } else if !entry.value.isNull {
            let example = schema.settings.first { $0.key.hasPrefix(key + ".") }?.key ?? key
            add(key, entry.keyPosition, .shape(reason: "is a section", hint: "it holds keys such as \(example)"))
        }
    }

    private mutating func read(_ setting: Setting<Root>, _ entry: YAMLMapping.Entry) {
        let node = entry.value
        var assignment: Assignments.Assignment?
        if node.isNull {
            add(
                setting.key,
                entry.keyPosition,
                .shape(reason: "has no value", hint: "remove the line for the default")
            )
        } else if node.tag != nil {
            add(setting.key, entry.keyPosition, .shape(reason: "has a YAML tag, which is not accepted", hint: nil))
        } else if let text = node.text {
            assignment = .init(key: setting.key, value: .text(text), origin: origin(entry.keyPosition))
        } else if let items = node.sequence, items.allSatisfy({ $0.text != nil && $0.tag == nil }) {
            assignment = .init(
                key: setting.key,
                value: .list(items.compactMap(\.text)),
                origin: origin(entry.keyPosition),
                itemLines: items.map(\.position.line)
            )
        } else {
            let shape = setting.isList ? "a list of plain values" : "one value"
            add(setting.key, entry.keyPosition, .shape(reason: "is \(shape), not a section", hint: nil))
        }
        if let assignment { result.values.append(assignment) }
    }
}
