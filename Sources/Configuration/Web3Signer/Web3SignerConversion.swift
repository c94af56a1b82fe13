// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import YAML

/// The settings of a Web3Signer as ours.
package struct Web3SignerConversion: Sendable {
    /// Something that is not the same afterwards.
    package struct Remark: Sendable, Equatable {
        package enum Kind: Sendable, Equatable {
            /// This version cannot do it; the text says what to do.
            case missing
            /// Translated, with the difference that the text names; or a value that could not be taken.
            case differs
            /// Nothing is lost by leaving it away.
            case needless
            /// Web3Signer has no such option.
            case unknown
        }

        package let option: String
        package let kind: Kind
        package let text: String
    }

    /// A configuration file of ours, the remarks as comments above it. Never holds a secret.
    package let yaml: String
    /// Everything that has no equivalent or is different, in the order of Web3Signer's documentation.
    package let remarks: [Remark]

    /// The path of the file that a command line or environment names, for the caller to read.
    package static func configurationFile(arguments: [String], environment: [String: String]) -> String? {
        let input = try? Web3SignerInput(arguments: arguments, file: nil, environment: environment)
        return Web3SignerInput.index { $0.name == "config-file" }.flatMap { input?.values[$0] }
    }
}

extension Configuration {
    /// Translates what Web3Signer was told: `arguments` as behind its program name (with or without it), the text of its
    /// `--config-file`, and its environment.
    ///
    /// - Throws: where `file` is not YAML.
    package static func fromWeb3Signer(
        arguments: [String] = [],
        file: ConfigurationFile? = nil,
        environment: [String: String] = [:]
    ) throws(ConfigurationError) -> Web3SignerConversion {
        let input = try Web3SignerInput(arguments: arguments, file: file, environment: environment)
        var translator = Web3SignerTranslator()
        translator.translate(input)
        return translator.conversion
    }
}

private struct Web3SignerTranslator {
    private var configuration = Configuration()
    /// Keys that are written, with the option that they come from.
    private var sources: [String: String] = [:]
    private var remarks: [Web3SignerConversion.Remark] = []

    mutating func translate(_ input: Web3SignerInput) {
        if input.mode == "eth1" {
            add("eth1", .missing, "this mode signs for the execution layer, which is not done here")
        }
        if let word = input.subcommand {
            let own = word == "watermark-repair" ? "watermark" : word
            add(word, .missing, "is a command of its own here: containment-chamber anti-slashing \(own)")
        }
        writeDefaults()
        for (index, option) in Web3SignerOption.all.enumerated() {
            if let value = input.values[index] { translate(option, value) }
        }
        addDecidedDifferences()
        for (name, nearest) in input.unknown {
            add(name, .unknown, "is not known to Web3Signer" + (nearest.map { "; did you mean \($0)?" } ?? ""))
        }
    }

    /// What Web3Signer does when nothing is said and we do otherwise.
    private mutating func writeDefaults() {
        set("network", .text("mainnet"), "Web3Signer's default")
        set("key_sources.filesystem.paths", .list(["./"]), "Web3Signer's default")
        set("metrics.enabled", .text("false"), "Web3Signer's default")
        set("metrics.listen_port", .text("9001"), "Web3Signer's default")
    }

    /// Where we answer otherwise on purpose, and how to have it as before.
    private mutating func addDecidedDifferences() {
        add(
            "answers",
            .differs,
            "a wrong signing_root is 400 here and 500 there, a wrong network 403 and 412: see the keys under compatibility"
        )
        add(
            "/healthcheck",
            .differs,
            "a key that failed to load is reported but turns it DOWN only with health.strict_keys: true"
        )
        guard !configuration.isSigningLocal else { return }
        add(
            "access",
            .differs,
            "on \(configuration.signingAddress) nothing is answered without a token: give each client one "
                + "(docs/access.md), or write auth.mode: open until they have theirs"
        )
    }

    private mutating func translate(_ option: Web3SignerOption, _ value: String) {
        switch option.meaning {
        case .setting(let key):
            let isList = Configuration.schema[key]?.isList ?? false
            let value = option.isSwitch ? value.lowercased() : value
            set(key, isList ? .list([value]) : .text(value), option.shown)
        case .translated(let translate):
            let translation = translate(value)
            for (key, value) in translation.settings { set(key, value, option.shown) }
            if let difference = translation.difference { add(option.shown, .differs, difference) }
        case .needless(let reason):
            add(option.shown, .needless, reason)
        case .missing(let advice, let inert):
            if inert != value.lowercased() { add(option.shown, .missing, advice) }
        }
    }

    private mutating func set(_ key: String, _ value: GivenValue, _ source: String) {
        guard let setting = Configuration.schema[key] else { preconditionFailure("\(key) is not in the table") }
        let failures = setting.read(value, &configuration)
        if failures.isEmpty {
            sources[key] = source
        } else {
            for failure in failures { add(source, .differs, "\(key) could not be set: it \(failure.reason)") }
        }
    }

    private mutating func add(_ option: String, _ kind: Web3SignerConversion.Remark.Kind, _ text: String) {
        remarks.append(.init(option: option, kind: kind, text: text))
    }

    var conversion: Web3SignerConversion {
        let settings = Configuration.schema.show(configuration) { sources[$0.key] }
        return Web3SignerConversion(yaml: header + "\n" + settings, remarks: remarks)
    }

    private var header: String {
        var lines = ["# Translated from the settings of Web3Signer."]
        for remark in remarks where remark.kind != .needless {
            let text = Paragraph.wrap("\(remark.option): \(remark.text)", hanging: 2, width: Paragraph.width - 4)
            lines += text.split(separator: "\n").enumerated().map { index, line in
                (index == 0 ? "# - " : "#   ") + YAMLText.printable(String(line))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
