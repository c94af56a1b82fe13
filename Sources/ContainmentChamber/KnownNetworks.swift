// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Encoding

/// The networks as the check of the configuration wants them.
func configurableNetworks(_ networks: [(name: String, root: Bytes<32>?)]) -> [KnownNetwork] {
    networks.map { KnownNetwork(name: $0.name, genesisValidatorsRoot: $0.root) }
}
