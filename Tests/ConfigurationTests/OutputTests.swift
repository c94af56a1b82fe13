// SPDX-License-Identifier: Apache-2.0
import Arguments
import Configuration
import Testing
import YAML

@Suite struct OutputTests {
    @Test func `show is YAML that loads to the same, with the origin of each value`() throws {
        let yaml = """
            network: hoodi
            key_sources: {filesystem: {paths: ["with space", "x: y"], keystores_path: a, keystores_passwords_path: b}}
            server: {allowed_hosts: ["*"], strict: true}
            canary_keys: [\(String(repeating: "cd", count: 48))]
            network_overrides: {fulu_fork_epoch: 7}
            """
        let first = try load(yaml, environment: ["RUST_LOG": "off,audit=info"], flags: [("metrics-enabled", "false")])
        let shown = first.show()
        let second = try load(shown)
        for setting in Configuration.schema.settings {
            #expect(second.value(of: setting) == first.value(of: setting), "\(setting.key)")
        }
        #expect(shown.contains("# config.yaml:1\n"))
        #expect(shown.contains("# environment RUST_LOG\n"))
        #expect(shown.contains("# flag --metrics-enabled\n"))
        #expect(shown.contains("listen_port: 9000"))
        #expect(shown.contains("# default\n"))
        #expect(shown.contains("# not set: that of the network\n"))
    }

    @Test func `show says every setting once`() throws {
        let lines = try load().show().split(separator: "\n")
        for setting in Configuration.schema.settings {
            let name = setting.key.split(separator: ".").last ?? ""
            let same = Configuration.schema.settings.filter { $0.key.split(separator: ".").last == name }
            let shown = lines.filter { $0.drop { $0 == " " || $0 == "#" }.hasPrefix(name + ":") }
            #expect(shown.count == same.count, "\(setting.key)")
        }
    }

    @Test func `a path with a line break cannot forge a line of show`() throws {
        let path = "evil\nserver:\n  strict: true"
        let configuration = try Configuration.load(
            file: ConfigurationFile(path: path, text: "logging: {filter: info}\nanti_slashing: {path: \"a\\nb\"}"),
            environment: [:],
            networks: networks
        )
        #expect(try load(configuration.show()).server.isStrict == false)
        #expect(try load(configuration.show()).antiSlashing.path == "a\nb")
    }

    @Test func `the reference tells everything about every setting`() throws {
        let reference = Configuration.reference
        let entries = reference.split(separator: "### ").dropFirst()
        #expect(entries.count == Configuration.schema.settings.count)
        for (entry, setting) in zip(entries, Configuration.schema.settings) {
            #expect(entry.hasPrefix("`\(setting.key)`\n"))
            #expect(entry.contains("- Default: ") && entry.contains("- Type: "))
            #expect(entry.contains("`\(setting.environmentName)`"))
            #expect(entry.contains("`--\(setting.flagName)`"))
        }
        #expect(reference.contains("`RUST_LOG`") && reference.contains("`--anti-slashing-sqlite-path`"))
    }
}

@Suite struct TableTests {
    private let settings = Configuration.schema.settings

    @Test func `names are unique in every source`() {
        #expect(Set(settings.map(\.key)).count == settings.count)
        #expect(Set(settings.map(\.environmentName)).count == settings.count)
        let options = Configuration.options
        let names = options.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
        #expect(options.count == settings.count)
        for reserved in ["config", "help", "version", "from", "to", "dry-run"] { #expect(!names.contains(reserved)) }
    }

    @Test func `names follow one pattern and come back from the environment`() throws {
        for setting in settings {
            #expect(
                setting.key.utf8.allSatisfy {
                    (0x61...0x7A).contains($0) || $0 == 0x2E || $0 == 0x5F || (0x30...0x39).contains($0)
                }
            )
            #expect(!setting.key.contains("__"))
            #expect(setting.summary.hasSuffix("."), "\(setting.key)")
        }
        #expect(settings.first { $0.key == "server.listen_port" }?.environmentName == "CONTAINMENT_SERVER__LISTEN_PORT")
        #expect(settings.first { $0.key == "server.listen_port" }?.flagName == "server-listen-port")
    }

    /// The only place where a field could be forgotten: it would compile and never be filled.
    @Test func `every field has a row`() {
        func leaves(_ value: Any) -> Int {
            let mirror = Mirror(reflecting: value)
            return mirror.children.reduce(0) { count, child in
                if child.label == "origins" { return count }
                let type = String(reflecting: Swift.type(of: child.value))
                let isSection =
                    type.hasPrefix("Configuration.Configuration.")
                    && Mirror(reflecting: child.value).displayStyle == .struct
                return count + (isSection ? leaves(child.value) : 1)
            }
        }
        #expect(leaves(Configuration()) == settings.count)
    }

    @Test func `every default is what its own type accepts`() throws {
        let shown = Configuration().show()
        #expect(problems(shown).isEmpty)
    }
}

extension Configuration {
    /// The lines of `show` that belong to a setting, without the comment.
    fileprivate func value(of setting: Setting<Configuration>) -> String {
        guard var node = try? YAMLParser().documents(in: show()).first else { return "" }
        for part in setting.key.split(separator: ".") {
            guard let next = node[String(part)] else { return "none" }
            node = next
        }
        return node.text ?? node.sequence.map { $0.compactMap(\.text).joined(separator: "\u{0}") } ?? ""
    }
}
