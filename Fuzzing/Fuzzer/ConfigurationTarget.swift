// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Consensus
internal import YAML

/// Configuration files.
enum ConfigurationTarget: FuzzTarget {
    static let name = "configuration"

    private static let networks = KnownNetwork.allCases.map { known in
        Configuration.NamedNetwork(name: known.name, genesisValidatorsRoot: known.network.genesisValidatorsRoot?.bytes)
    }

    static func run(_ input: [UInt8]) {
        guard let text = String(validating: input, as: UTF8.self) else { return }
        let file = ConfigurationFile(path: "config.yaml", text: text)
        do throws(ConfigurationError) {
            let configuration = try Configuration.load(file: file, environment: [:], networks: networks)
            checkShowing(configuration)
        } catch {
            if error.problems.isEmpty { violated("a refusal names a problem") }
            if error.description.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\n" }) {
                violated("a message has no control characters")
            }
        }
    }

    /// What `config show` prints is YAML.
    private static func checkShowing(_ configuration: Configuration) {
        do throws(YAMLError) {
            _ = try YAMLParser().documents(in: configuration.show())
        } catch {
            violated("what is shown is YAML: \(error)")
        }
    }

    /// All defaults as `config show` has them, and what our documents tell people to write.
    static func seeds() throws -> [[UInt8]] {
        [
            Configuration().show(),
            """
            network: hoodi
            key_sources:
              filesystem:
                keystores_path: /var/lib/containment-chamber/keystores
                keystores_passwords_path: /var/lib/containment-chamber/passwords
            anti_slashing:
              backend: sqlite
              path: /var/lib/containment-chamber/slashing_protection.sqlite
            """,
            """
            network: ./config.yaml
            network_overrides: {electra: 1, fulu: 18446744073709551615}
            key_sources: {filesystem: {paths: [a, "b"], recursive: true}}
            logging: {level: "info,audit=debug", format: json}
            ...
            """,
            "server: {port: 0, listen_address: '[::1]'}\nmetrics:\n  port: 65536\n",
            "a: &x [1]\nb: *x\n", "? [a]\n: b\n", "%YAML 1.2\n--- !!map\n\"\\x41\": >-\n  b\n",
            "\u{feff}network: mainnet\r\n",
        ].map { Array($0.utf8) }
    }

    static var words: [String] {
        Configuration.schema.settings.flatMap { setting in
            setting.key.split(separator: ".").map(String.init)
        }
            + [
                "network: ", "mainnet", "hoodi", "true", "false", "null", "~", "env:HOME", "file:/x", "10s", "1h",
                "10MiB",
                "sqlite", "noop", "&a", "*a", "!!str", "- ", "? ", ": ", "|\n", ">-\n", "---\n", "...\n", "\"\\u0000\"",
                "<<: ",
            ]
    }
}
