// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TestSupport

/// Well-formed bodies of sign requests that must not be signed, whatever a few changed bytes make of them: either they
/// carry the root of another network, which no accident turns into ours, or they are meant for a key that is not loaded.
enum SignBodies {
    static let mainnetRoot = "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
    private static let foreignRoot = "0x9e1c7b3a52d8460fb1a7c39e5d2f84067ab0c1d2e3f405162738495a6b7c8d9e"

    static func attestation(targetEpoch: Int, genesisValidatorsRoot: String) -> String {
        #"{"type":"ATTESTATION","fork_info":{"fork":{"previous_version":"0x00000000","current_version":"0x00000000","epoch":"0"},"genesis_validators_root":"\#(genesisValidatorsRoot)"},"attestation":{"slot":"\#(targetEpoch * 32)","index":"0","beacon_block_root":"0x01","source":{"epoch":"\#(targetEpoch - 1)","root":"0x"},"target":{"epoch":"\#(targetEpoch)","root":"0x"}}}"#
    }

    private static func randao(_ root: String) -> String {
        #"{"type":"RANDAO_REVEAL","fork_info":{"fork":{"previous_version":"0x00000000","current_version":"0x00000000","epoch":"0"},"genesis_validators_root":"\#(root)"},"randao_reveal":{"epoch":"5"}}"#
    }

    private static func header(_ root: String) -> String {
        #"{"type":"BLOCK_V2","fork_info":{"fork":{"previous_version":"0x02000000","current_version":"0x02000000","epoch":"0"},"genesis_validators_root":"\#(root)"},"beacon_block":{"version":"BELLATRIX","block_header":{"slot":"9","proposer_index":"1","parent_root":"0x","state_root":"0x","body_root":"0x"}}}"#
    }

    /// For the loaded key: everything names another network.
    static let foreign: [String] =
        [attestation(targetEpoch: 9, genesisValidatorsRoot: foreignRoot), randao(foreignRoot), header(foreignRoot)]
        + vectors.filter { $0.contains(mainnetRoot) }.map { $0.replacing(mainnetRoot, with: foreignRoot) }

    /// For a key that is not loaded.
    static let ours: [String] =
        [attestation(targetEpoch: 9, genesisValidatorsRoot: mainnetRoot), randao(mainnetRoot), header(mainnetRoot)]
        + vectors

    /// The smaller requests of the public vectors, which are mainnet's; none where they are absent.
    private static let vectors: [String] = {
        guard
            let file = try? JSONSerialization.jsonObject(with: Vectors.contents("signing/public.json"))
                as? [String: Any]
        else { return [] }
        let cases = file["cases"] as? [[String: Any]] ?? []
        return cases.compactMap { element in
            guard let request = element["request"], let data = try? JSONSerialization.data(withJSONObject: request),
                data.count < 4096
            else { return nil }
            return String(decoding: data, as: UTF8.self)
        }
    }()
}
