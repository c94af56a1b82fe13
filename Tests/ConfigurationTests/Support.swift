// SPDX-License-Identifier: Apache-2.0
import Configuration
import Encoding

let mainnetRoot = Bytes<32>(Array(repeating: 0x4B, count: 32)) ?? Bytes()

let networks = [
    Configuration.NamedNetwork(name: "mainnet", genesisValidatorsRoot: mainnetRoot),
    Configuration.NamedNetwork(name: "hoodi", genesisValidatorsRoot: Bytes()),
    Configuration.NamedNetwork(name: "minimal", genesisValidatorsRoot: nil),
]

func load(
    _ yaml: String? = nil,
    environment: [String: String] = [:],
    flags: [(String, String)] = []
) throws(ConfigurationError) -> Configuration {
    try Configuration.load(
        file: yaml.map { ConfigurationFile(path: "config.yaml", text: $0) },
        environment: environment,
        flags: flags.map { GivenFlag($0.0, $0.1) },
        networks: networks
    )
}

func problems(
    _ yaml: String? = nil,
    environment: [String: String] = [:],
    flags: [(String, String)] = []
) -> [ConfigurationProblem] {
    do throws(ConfigurationError) {
        _ = try load(yaml, environment: environment, flags: flags)
        return []
    } catch {
        return error.problems
    }
}

extension ConfigurationProblem {
    var nearest: String? { if case .unknownKey(let nearest) = kind { nearest } else { nil } }
    var isConflict: Bool { if case .conflict = kind { true } else { false } }
    var isUnreadable: Bool { if case .unreadable = kind { true } else { false } }
    var isUnavailable: Bool { if case .unavailable = kind { true } else { false } }
    var line: Int? { if case .file(_, let line) = origin { line } else { nil } }
}
