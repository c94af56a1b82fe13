// SPDX-License-Identifier: Apache-2.0
package import Encoding
internal import YAML

extension Configuration {
    /// A network that this build knows by name; the list comes from `Consensus`.
    package struct NamedNetwork: Sendable {
        package let name: String
        /// The root of its validators at genesis, nil where each operator has another one.
        package let genesisValidatorsRoot: Bytes<32>?

        package init(name: String, genesisValidatorsRoot: Bytes<32>?) {
            self.name = name
            self.genesisValidatorsRoot = genesisValidatorsRoot
        }
    }

    /// Which chain is signed for.
    package struct Network: Sendable {
        package var choice = NetworkChoice.named("mainnet")
        package var genesisValidatorsRoot: Bytes<32>?
        /// Seconds since 1970.
        package var genesisTime: UInt64?
        package var overrides = Overrides()
    }

    package enum NetworkChoice: Sendable, Equatable, CustomStringConvertible {
        case named(String)
        /// A file of the consensus specification's configuration format.
        case file(path: String)

        package var description: String {
            switch self {
            case .named(let name): name
            case .file(let path): path
            }
        }
    }

    /// Epochs at which forks begin, in place of the network's own; for test networks.
    package struct Overrides: Sendable {
        package var altair: UInt64?
        package var bellatrix: UInt64?
        package var capella: UInt64?
        package var deneb: UInt64?
        package var electra: UInt64?
        package var fulu: UInt64?
        package var gloas: UInt64?

        /// Those that are given, oldest fork first.
        package var inOrder: [(fork: String, epoch: UInt64)] {
            let all = [
                ("altair", altair), ("bellatrix", bellatrix), ("capella", capella), ("deneb", deneb),
                ("electra", electra), ("fulu", fulu), ("gloas", gloas),
            ]
            return all.compactMap { fork, epoch in epoch.map { (fork, $0) } }
        }
    }
}

extension Configuration.Network {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "network",
            at: \.network.choice,
            .network,
            "The network that is signed for: its name, or the path of a consensus configuration file (a path has a slash or ends in .yaml). Requests that carry another genesis validators root are refused."
        ),
        Setting(
            "genesis_validators_root",
            at: \.network.genesisValidatorsRoot,
            optional: .bytes("a root of 32 bytes in hexadecimal"),
            unset: "that of the named network",
            "The genesis validators root. Required with a configuration file and with networks that have none built in."
        ),
        Setting(
            "genesis_time",
            at: \.network.genesisTime,
            optional: .epoch,
            unset: "that of the network",
            "The chain's genesis in seconds since 1970. The clock guard of anti_slashing needs it where the network has none built in."
        ),
    ]

    static func rules(networks: [Configuration.NamedNetwork]) -> [Rule<Configuration>] {
        [
            Rule(["network", "genesis_validators_root"]) { check($0.network, networks) },
            Rule(Configuration.Overrides.settings.map(\.key)) {
                checkOrder($0.network.overrides.inOrder)
            },
        ]
    }

    private static func check(_ network: Self, _ networks: [Configuration.NamedNetwork]) -> Rule<Configuration>.Breach?
    {
        let missing = "is missing: it is required with"
        let source = "the beacon node answers it under /eth/v1/beacon/genesis"
        switch network.choice {
        case .file:
            guard network.genesisValidatorsRoot == nil else { return nil }
            return .init("genesis_validators_root", "\(missing) a network configuration file", hint: source)
        case .named(let name):
            guard let known = networks.first(where: { $0.name == name }) else { return unknown(name, networks) }
            guard let root = known.genesisValidatorsRoot else {
                guard network.genesisValidatorsRoot == nil else { return nil }
                return .init("genesis_validators_root", "\(missing) network \(name)", hint: source)
            }
            guard let own = network.genesisValidatorsRoot, own != root else { return nil }
            return .init(
                "genesis_validators_root",
                "is not the root of \(name), which is \(root)",
                hint: "remove it, or name the network that you mean"
            )
        }
    }

    private static func unknown(_ name: String, _ networks: [Configuration.NamedNetwork]) -> Rule<Configuration>.Breach
    {
        let names = networks.map(\.name).joined(separator: ", ")
        return .init(
            "network",
            "is \(YAMLText.quoted(name, limit: 40)), which is not a network known here",
            hint: "one of \(names), or a path with a slash in it"
        )
    }

    private static func checkOrder(_ forks: [(fork: String, epoch: UInt64)]) -> Rule<Configuration>.Breach? {
        for (earlier, later) in zip(forks, forks.dropFirst()) where later.epoch < earlier.epoch {
            return .init(
                "network_overrides.\(later.fork)_fork_epoch",
                "is \(later.epoch), before \(earlier.fork) at \(earlier.epoch)",
                hint: "forks follow each other"
            )
        }
        return nil
    }
}

extension Configuration.Overrides {
    static let settings: [Setting<Configuration>] = [
        override("altair", \.network.overrides.altair),
        override("bellatrix", \.network.overrides.bellatrix),
        override("capella", \.network.overrides.capella),
        override("deneb", \.network.overrides.deneb),
        override("electra", \.network.overrides.electra),
        override("fulu", \.network.overrides.fulu),
        override("gloas", \.network.overrides.gloas),
    ]

    private static func override(
        _ fork: String,
        _ field: any WritableKeyPath<Configuration, UInt64?> & Sendable
    ) -> Setting<Configuration> {
        Setting(
            "network_overrides.\(fork)_fork_epoch",
            at: field,
            optional: .epoch,
            unset: "that of the network",
            "The epoch at which \(fork.prefix(1).uppercased() + fork.dropFirst()) begins, in place of the network's own. For test networks."
        )
    }
}

extension ValueType where Value == Configuration.NetworkChoice {
    static let network = ValueType(
        "name of a network, or path of a configuration file",
        placeholder: "NAME|PATH",
        read: { text throws(ValueFailure) in
            if text.hasPrefix("http://") || text.hasPrefix("https://") {
                throw ValueFailure("is a URL, which is not fetched", hint: "download the file and give its path")
            }
            let isPath = text.contains("/") || text.hasSuffix(".yaml") || text.hasSuffix(".yml")
            return isPath ? .file(path: try ValueType<String>.path.read(text)) : .named(text.lowercased())
        },
        write: { $0.description }
    )
}
