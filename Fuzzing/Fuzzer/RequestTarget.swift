// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Foundation
internal import SignerAPI
internal import TestSupport

/// Bodies of sign requests, from bytes to the signing root.
enum RequestTarget: FuzzTarget {
    static let name = "requests"

    /// Limits of lists differ between these two.
    private static let networks = [KnownNetwork.mainnet.network, KnownNetwork.minimal.network]

    static func run(_ input: [UInt8]) {
        let request: SigningRequest
        do throws(RequestDecodingError) {
            request = try SigningRequest(json: input)
        } catch {
            // What a refusal says reaches the client and the log.
            if error.description.utf8.count > 1024 { violated("a refusal is short") }
            return
        }
        for network in networks {
            let first = root(request, network)
            if root(request, network) != first { violated("one request has one signing root") }
        }
    }

    /// Nil where the network's limits refuse the message.
    private static func root(_ request: SigningRequest, _ network: Network) -> SigningRoot? {
        do throws(SigningRequestError) {
            return try request.signingRoot(on: network)
        } catch {
            _ = error.description
            return nil
        }
    }

    /// Every request of the public vectors, and small ones of every type without content.
    static func seeds() throws -> [[UInt8]] {
        var seeds = OperationType.allCases.map { operation in
            Array(
                #"{"type":"\#(operation)","fork_info":{"fork":{"previous_version":"0x","current_version":"0x","epoch":"0"},"genesis_validators_root":"0x"}}"#
                    .utf8
            )
        }
        guard Vectors.isPresent("signing/public.json") else { return seeds }
        let file = try JSONSerialization.jsonObject(with: Vectors.contents("signing/public.json")) as? [String: Any]
        for element in file?["cases"] as? [[String: Any]] ?? [] {
            guard let request = element["request"] else { continue }
            seeds.append([UInt8](try JSONSerialization.data(withJSONObject: request)))
        }
        return seeds
    }

    static let words =
        OperationType.allCases.map { "\"\($0)\"" }
        + [
            "type", "fork_info", "fork", "previous_version", "current_version", "epoch", "genesis_validators_root",
            "signing_root", "signingRoot", "block", "beacon_block", "version", "data", "slot", "index", "attestation",
            "source", "target", "root", "aggregation_slot", "aggregate_and_proof", "aggregation_bits", "committee_bits",
            "voluntary_exit", "validator_registration", "sync_committee_message", "contribution_and_proof",
            "\"PHASE0\"", "\"ALTAIR\"", "\"BELLATRIX\"", "\"CAPELLA\"", "\"DENEB\"", "\"ELECTRA\"", "\"FULU\"",
            "\"GLOAS\"",
            "null", "true", "\"0x\"", "18446744073709551615", "-1", "1e3", "\\u0000", "\\ud800", "[]", "{}",
        ]
}
