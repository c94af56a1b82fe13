// SPDX-License-Identifier: Apache-2.0

/// Why a network cannot be used as it is configured. Every case is the operator's to repair.
package enum NetworkError: Error, Equatable, Sendable, CustomStringConvertible {
    case missingKey(String)
    case malformedValue(key: String, value: String, expected: String)
    case unknownPreset(String)
    case forksOutOfOrder(Fork, Fork)
    case unknownVersion(Fork)
    case genesisHasNoEpoch

    package var description: String {
        switch self {
        case .missingKey(let key): "the network configuration lacks \(key)"
        case .malformedValue(let key, let value, let expected):
            "\(key) in the network configuration is \"\(value)\"; expected \(expected)"
        case .unknownPreset(let name):
            "PRESET_BASE is \"\(name)\"; known are mainnet, minimal, gnosis and swift"
        case .forksOutOfOrder(let earlier, let later):
            "\(later) is scheduled before \(earlier); give both an epoch, and \(later) not the lower one"
        case .unknownVersion(let fork):
            "the network has no fork version for \(fork), so it cannot be scheduled"
        case .genesisHasNoEpoch: "PHASE0 begins at genesis; its epoch cannot be overridden"
        }
    }
}
