// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import Foundation
internal import SlashingProtection

/// An interchange file as an operator's old signer would give it: every validator attests once an epoch and proposes now and
/// then. Made anew for every run, with the same content.
struct HistoryGenerator {
    let validators: Int
    let epochs: UInt64
    let root: Root
    private static let firstEpoch: UInt64 = 300_000

    var attestations: Int { validators * Int(epochs) }
    var blocks: Int { validators * blocksEach }
    /// One in about a thousand slots: a proposal in some weeks, as a large operator has them.
    private var blocksEach: Int { max(1, Int(epochs) / 100) }

    func write(to path: String) throws(BenchmarkFailure) {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw BenchmarkFailure("\(path) cannot be written") }
        var text = InterchangeText(genesisValidatorsRoot: root)
        for number in 0..<validators {
            text.append(history(of: number))
            try attempt("writing \(path)") { try file.write(contentsOf: Data(text.take())) }
        }
        text.finish()
        try attempt("writing \(path)") {
            try file.write(contentsOf: Data(text.take()))
            try file.close()
        }
    }

    private func history(of number: Int) -> ValidatorRecord {
        var key = Bytes<48>()
        key[0] = 0xa0
        for place in 0..<8 { key[47 - place] = UInt8(truncatingIfNeeded: number &* 0x9e37_79b9 >> (8 * place)) }
        // Two validators never share the last bytes of a key.
        for place in 0..<4 { key[36 + place] = UInt8(truncatingIfNeeded: number >> (8 * place)) }
        let stride = max(1, epochs * 32 / UInt64(blocksEach))
        return ValidatorRecord(
            publicKey: PublicKey(key),
            blocks: (0..<UInt64(blocksEach)).map { count in
                let slot = Self.firstEpoch * 32 + count * stride + UInt64(number % 32)
                return RecordedBlock(slot: Slot(slot), root: signingRoot(slot))
            },
            attestations: (0..<epochs).map { count in
                let target = Self.firstEpoch + count
                return RecordedAttestation(source: Epoch(target - 1), target: Epoch(target), root: signingRoot(target))
            }
        )
    }

    private func signingRoot(_ number: UInt64) -> SigningRoot {
        var bytes = Bytes<32>()
        var state = number &+ 1
        for place in 0..<32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes[place] = UInt8(truncatingIfNeeded: state >> 56)
        }
        return SigningRoot(bytes)
    }
}
