// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Consensus
internal import Encoding
internal import YAML

extension Network {
    /// The network that the configuration chooses, with its root.
    static func selected(by settings: Configuration.Network) throws(Failure) -> Network {
        var network: Network
        switch settings.choice {
        case .named(let name):
            guard let known = Network.named(name) else {
                throw Failure("network \(name) is not known to this version; name a consensus-config YAML file instead")
            }
            network = settings.genesisValidatorsRoot.map { known.identified(by: Root($0)) } ?? known
        case .file(let path):
            guard let root = settings.genesisValidatorsRoot else {
                throw Failure("network file \(path) needs genesis_validators_root")
            }
            network = try read(path, root: Root(root))
        }
        if let time = settings.genesisTime { network = network.starting(at: time) }
        guard network.genesisValidatorsRoot != nil else {
            throw Failure(
                "network \(network.name) has no genesis validators root of its own",
                hint: "set genesis_validators_root to the root of your chain (32 bytes, 0x…)"
            )
        }
        return try network.overriding(settings.overrides)
    }

    private func overriding(_ overrides: Configuration.Overrides) throws(Failure) -> Network {
        var epochs: [Fork: Epoch] = [:]
        for (name, epoch) in overrides.inOrder {
            guard let fork = Fork(name: name.uppercased()) else { throw Failure("fork \(name) is not known") }
            epochs[fork] = Epoch(epoch)
        }
        guard !epochs.isEmpty else { return self }
        do throws(NetworkError) { return try overriding(forkEpochs: epochs) } catch {
            throw Failure("network_overrides: \(error)")
        }
    }

    /// Reads a consensus-config file.
    private static func read(_ path: String, root: Root) throws(Failure) -> Network {
        let text = try readText(path, largest: 1 << 20)
        let documents: [YAMLNode]
        do throws(YAMLError) { documents = try YAMLParser().documents(in: text) } catch {
            throw Failure("network file \(path): \(error)")
        }
        guard documents.count == 1, let mapping = documents[0].mapping else {
            throw Failure("network file \(path) is not one mapping of keys to values")
        }
        var scalars: [String: String] = [:]
        for entry in mapping.entries { scalars[entry.key] = entry.value.text }
        do throws(NetworkError) {
            return try Network(configuration: scalars, genesisValidatorsRoot: root)
        } catch {
            throw Failure("network file \(path): \(error)")
        }
    }
}
