// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import YAML

/// What somebody told Web3Signer, from all three places: command line over environment over file.
struct Web3SignerInput: Sendable {
    /// The values by the position of the option in `Web3SignerOption.all`.
    private(set) var values: [Int: String] = [:]
    /// What Web3Signer has no such option for, with the nearest that it has.
    private(set) var unknown: [(name: String, nearest: String?)] = []
    /// `eth1` or `eth2` where a command line says so.
    private(set) var mode: String?
    /// `export`, `import` or `watermark-repair`.
    private(set) var subcommand: String?

    init(arguments: [String], file: ConfigurationFile?, environment: [String: String]) throws(ConfigurationError) {
        if let file { try read(file) }
        read(environment)
        read(arguments)
    }

    private static let byEnvironmentName = positions(\.environmentNames)
    private static let byYAMLKey = positions(\.yamlKeys)

    private static func positions(_ names: (Web3SignerOption) -> [String]) -> [String: Int] {
        var positions: [String: Int] = [:]
        for (index, option) in Web3SignerOption.all.enumerated() {
            for name in names(option) where positions[name] == nil { positions[name] = index }
        }
        return positions
    }

    static func index(_ matches: (Web3SignerOption) -> Bool) -> Int? { Web3SignerOption.all.firstIndex(where: matches) }

    private mutating func addUnknown(_ name: String, _ choices: [String], dashes: String = "") {
        let isName = name.utf8.count <= 80 && name.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        // Looking for the nearest is not free; beyond twenty it helps nobody.
        let nearest = unknown.count < 20 ? Suggestion.nearest(to: name, in: choices) : nil
        unknown.append((isName ? dashes + name : "an option of no printable name", nearest.map { dashes + $0 }))
    }
}

// The command line.
extension Web3SignerInput {
    private mutating func read(_ arguments: [String]) {
        var scope = Web3SignerOption.Scope.root
        var given: [Int: String] = [:]
        var next = 0
        while next < arguments.count {
            let word = arguments[next]
            next += 1
            guard word.hasPrefix("-") else {
                readWord(word, isFirst: next == 1, &scope)
                continue
            }
            let body = word.drop { $0 == "-" }
            let name = String(body.prefix { $0 != "=" })
            guard let index = Self.find(name, scope) else {
                if !["help", "h", "version", "V"].contains(name) {
                    addUnknown(name, Web3SignerOption.all.map(\.name), dashes: "--")
                }
                // A value behind an unknown option is not a command word.
                if !body.contains("="), next < arguments.count, Self.isValue(arguments[next]) { next += 1 }
                continue
            }
            var value = body.contains("=") ? String(body.dropFirst(name.count + 1)) : nil
            if value == nil, next < arguments.count, Self.takes(arguments[next], Web3SignerOption.all[index]) {
                value = arguments[next]
                next += 1
            }
            let text = value ?? "true"
            given[index] = given[index].map { $0 + "," + text } ?? text
        }
        values.merge(given) { $1 }
    }

    private mutating func readWord(_ word: String, isFirst: Bool, _ scope: inout Web3SignerOption.Scope) {
        switch word {
        case "eth1", "eth2":
            mode = word
            scope = word == "eth1" ? .eth1 : .eth2
        case "export", "import", "watermark-repair":
            subcommand = word
            scope = .init(rawValue: word) ?? scope
        default:
            // The program itself, as it stands in a copied command line.
            if !(isFirst && (word == "web3signer" || word.hasSuffix("/web3signer"))) {
                unknown.append(("a word that is neither option nor command", nil))
            }
        }
    }

    /// The option of that name behind the words so far; failing that, of the same name elsewhere.
    private static func find(_ name: String, _ scope: Web3SignerOption.Scope) -> Int? {
        index { $0.scope == scope && $0.names.contains(name) }
            ?? index { $0.scope != .eth1 && $0.names.contains(name) } ?? index { $0.names.contains(name) }
    }

    private static func takes(_ word: String, _ option: Web3SignerOption) -> Bool {
        option.isSwitch ? ["true", "false"].contains(word.lowercased()) : !word.hasPrefix("--")
    }

    private static func isValue(_ word: String) -> Bool {
        !word.hasPrefix("-") && !["eth1", "eth2", "export", "import", "watermark-repair"].contains(word)
    }
}

// The environment and the file.
extension Web3SignerInput {
    private mutating func read(_ environment: [String: String]) {
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix("WEB3SIGNER_") && !EnvironmentSource.isServiceLink(name, value) {
            if let index = Self.byEnvironmentName[name] {
                values[index] = value
            } else {
                addUnknown(name, Self.byEnvironmentName.keys.sorted())
            }
        }
    }

    private mutating func read(_ file: ConfigurationFile) throws(ConfigurationError) {
        let documents: [YAMLNode]
        do throws(YAMLError) {
            documents = try YAMLParser().documents(in: file.text)
        } catch {
            throw Self.unreadable(file, error.position, error.reason)
        }
        guard let root = documents.first, documents.count == 1, let mapping = root.mapping else {
            throw Self.unreadable(file, documents.first?.position, "is not one list of keys and values")
        }
        read(mapping, under: "")
    }

    /// `eth2.network: x` and `eth2: {network: x}` mean the same.
    private mutating func read(_ mapping: YAMLMapping, under prefix: String) {
        for entry in mapping.entries {
            let key = prefix + entry.key
            if let index = Self.byYAMLKey[key] {
                if let text = Self.text(entry.value) { values[index] = text }
            } else if let nested = entry.value.mapping {
                read(nested, under: key + ".")
            } else {
                addUnknown(key, Self.byYAMLKey.keys.sorted())
            }
        }
    }

    /// Lists are joined with commas and maps with bars, as Web3Signer does.
    private static func text(_ node: YAMLNode) -> String? {
        switch node.content {
        case .scalar: node.text
        case .sequence(let items): items.compactMap(\.text).joined(separator: ",")
        case .mapping(let mapping):
            mapping.entries.map { "\($0.key)=\($0.value.text ?? "")" }.joined(separator: "|")
        }
    }

    private static func unreadable(
        _ file: ConfigurationFile,
        _ position: YAMLPosition?,
        _ reason: String
    ) -> ConfigurationError {
        ConfigurationError([
            ConfigurationProblem("", .file(path: file.path, line: position?.line ?? 0), .unreadable(reason: reason))
        ])
    }
}
