// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding

/// Sign requests as a validator client of today sends them: `fork_info`, `signingRoot`, one attestation. Every epoch is
/// used once, so that each request is a new row of the record.
struct Requests {
    private let heads: [[UInt8]]
    private let forkInfo: ForkInfo
    private let network: Network
    /// Epochs of five digits: bodies of equal length. Far below now, so that the clock guard has no say.
    private var epoch: UInt64 = 10_000

    /// A request, and what its signature is over.
    struct Body {
        let bytes: [UInt8]
        let root: SigningRoot
    }

    init(_ set: KeySet) throws(BenchmarkFailure) { try self.init(set.keys.map(\.publicKey), on: set.network) }

    init(_ keys: [PublicKey], on network: Network) throws(BenchmarkFailure) {
        guard let root = network.genesisValidatorsRoot, let version = network.forks.entries.last?.version else {
            throw BenchmarkFailure("the network \(network.name) has no genesis validators root")
        }
        self.network = network
        forkInfo = ForkInfo(
            previousVersion: version,
            currentVersion: version,
            epoch: 2048,
            genesisValidatorsRoot: root
        )
        heads = keys.map { key in
            Array(
                """
                POST /api/v1/eth2/sign/\(key) HTTP/1.1\r
                Host: 127.0.0.1\r
                Accept: application/json\r
                Content-Type: application/json\r
                Content-Length: 
                """.utf8
            )
        }
    }

    /// Takes the next epoch.
    mutating func nextEpoch() -> UInt64 {
        epoch += 1
        return epoch
    }

    /// The attestation of an epoch; `variant` makes its block root, and so its signing root, another one.
    func body(epoch: UInt64, variant: UInt32) throws(BenchmarkFailure) -> Body {
        var block = Bytes<32>()
        for position in 0..<4 { block[position] = UInt8(truncatingIfNeeded: variant >> (8 * UInt32(position))) }
        block[31] = 0xaa
        let data = AttestationData(
            slot: Slot(epoch * network.preset.slotsPerEpoch),
            index: 0,
            beaconBlockRoot: Root(block),
            source: Checkpoint(epoch: Epoch(epoch - 1), root: Root(block)),
            target: Checkpoint(epoch: Epoch(epoch), root: Root(block))
        )
        let request = SigningRequest(.attestation, forkInfo: forkInfo, message: .attestation(data))
        do throws(SigningRequestError) {
            let root = try request.signingRoot(on: network)
            return Body(bytes: Array(text(data, root).utf8), root: root)
        } catch {
            throw BenchmarkFailure("a request of our own: \(error)")
        }
    }

    private func text(_ data: AttestationData, _ root: SigningRoot) -> String {
        """
        {"type":"ATTESTATION","fork_info":{"fork":{"previous_version":"\(forkInfo.previousVersion)",\
        "current_version":"\(forkInfo.currentVersion)","epoch":"\(forkInfo.epoch.value)"},\
        "genesis_validators_root":"\(forkInfo.genesisValidatorsRoot)"},"signingRoot":"\(root)",\
        "attestation":{"slot":"\(data.slot.value)","index":"0","beacon_block_root":"\(data.beaconBlockRoot)",\
        "source":{"epoch":"\(data.source.epoch.value)","root":"\(data.source.root)"},\
        "target":{"epoch":"\(data.target.epoch.value)","root":"\(data.target.root)"}}}
        """
    }

    /// Head and body for one key.
    ///
    /// - Parameter fields: further lines of the head, each with its end.
    func request(key: Int, _ body: Body, fields: [UInt8] = []) -> [UInt8] {
        heads[key] + Array("\(body.bytes.count)\r\n".utf8) + fields + Array("\r\n".utf8) + body.bytes
    }
}
