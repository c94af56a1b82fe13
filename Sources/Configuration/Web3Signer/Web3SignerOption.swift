// SPDX-License-Identifier: Apache-2.0

/// An option of Web3Signer and what becomes of it.
struct Web3SignerOption: Sendable {
    /// The command word behind which it stands.
    enum Scope: String, Sendable, CaseIterable {
        case root = ""
        case eth2
        case eth1
        case export
        case `import`
        case watermarkRepair = "watermark-repair"

        /// What stands before the name of the option in a YAML file.
        var yamlPrefix: String {
            switch self {
            case .root: ""
            case .eth2, .eth1: rawValue + "."
            case .export, .import, .watermarkRepair: "eth2.\(rawValue)."
            }
        }
    }

    enum Meaning: Sendable {
        /// One of our settings, with the same values.
        case setting(String)
        /// Something of ours, said in another way.
        case translated(@Sendable (String) -> Web3SignerTranslation)
        /// Nothing here needs it; the reason.
        case needless(String)
        /// Nothing here does it; what to do about it. Says nothing where the value is Web3Signer's `inert` default.
        case missing(String, inert: String? = nil)
    }

    let scope: Scope
    let name: String
    let aliases: [String]
    /// May stand without a value, which then is true.
    let isSwitch: Bool
    let meaning: Meaning

    init(
        _ scope: Scope,
        _ name: String,
        aliases: [String] = [],
        isSwitch: Bool = false,
        _ meaning: Meaning
    ) {
        self.scope = scope
        self.name = name
        self.aliases = aliases
        self.isSwitch = isSwitch
        self.meaning = meaning
    }

    var names: [String] { [name] + aliases }

    /// `WEB3SIGNER_ETH2_NETWORK` for `network` behind `eth2`.
    var environmentNames: [String] {
        names.map { name in
            ("WEB3SIGNER_" + scope.yamlPrefix + name).uppercased().replacing("-", with: "_").replacing(".", with: "_")
        }
    }

    var yamlKeys: [String] { names.map { scope.yamlPrefix + $0 } }

    /// As it is shown: behind its command word, with its dashes.
    var shown: String {
        let words = scope.yamlPrefix.replacing(".", with: " ")
        return words + (name.utf8.count == 1 ? "-" : "--") + name
    }

    static let all = root + eth2 + eth2Keys + subcommands + eth1
}

/// What an option of Web3Signer becomes here.
struct Web3SignerTranslation: Sendable {
    var settings: [(key: String, value: GivenValue)] = []
    /// What is different afterwards.
    var difference: String?

    static func setting(_ key: String, _ value: String, _ difference: String? = nil) -> Self {
        Self(settings: [(key, .text(value))], difference: difference)
    }

    static func list(_ key: String, _ items: [String], _ difference: String? = nil) -> Self {
        Self(settings: [(key, .list(items))], difference: difference)
    }
}
