// SPDX-License-Identifier: Apache-2.0

/// Bodies of sign requests as a validator client writes them.
enum SigningBody {
    static let hoodi = "0x212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f"
    static let mainnet = "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"

    static func attestation(
        source: UInt64,
        target: UInt64,
        block: String = "0x01",
        network: String = hoodi,
        signingRoot: String? = nil
    ) -> String {
        """
        {"type":"ATTESTATION",\(member(signingRoot))\(forkInfo(network)),"attestation":{"slot":"\(target &* 32)",\
        "index":"0","beacon_block_root":"\(block)","source":{"epoch":"\(source)","root":"0x"},\
        "target":{"epoch":"\(target)","root":"0x"}}}
        """
    }

    static func block(
        slot: UInt64,
        body: String = "0x01",
        network: String = hoodi,
        signingRoot: String? = nil
    ) -> String {
        """
        {"type":"BLOCK_V2",\(member(signingRoot))\(forkInfo(network)),"beacon_block":{"version":"CAPELLA",\
        "block_header":{"slot":"\(slot)","proposer_index":"7","parent_root":"0x02","state_root":"0x03",\
        "body_root":"\(body)"}}}
        """
    }

    static func randaoReveal(epoch: UInt64, network: String = hoodi) -> String {
        #"{"type":"RANDAO_REVEAL",\#(forkInfo(network)),"randao_reveal":{"epoch":"\#(epoch)"}}"#
    }

    private static func forkInfo(_ network: String) -> String {
        """
        "fork_info":{"fork":{"previous_version":"0x10000910","current_version":"0x10000910","epoch":"0"},\
        "genesis_validators_root":"\(network)"}
        """
    }

    private static func member(_ signingRoot: String?) -> String {
        signingRoot.map { #""signing_root":"\#($0)","# } ?? ""
    }
}
