// SPDX-License-Identifier: Apache-2.0
package import Consensus
internal import SlashingProtection

/// How far ahead of the clock a history may reach: as far as a message that is signed may, since what a record has once taken
/// holds for ever. One entry of a far epoch would keep a key from ever signing again.
package struct ClockGuard: Sendable {
    private let latestEpoch: @Sendable () -> Epoch?
    private let slotsPerEpoch: UInt64

    /// Any epoch.
    package static let off = ClockGuard(slotsPerEpoch: 1) { nil }

    /// - Parameter latestEpoch: the latest that may be signed now; nil for any.
    package init(slotsPerEpoch: UInt64, latestEpoch: @escaping @Sendable () -> Epoch?) {
        self.latestEpoch = latestEpoch
        self.slotsPerEpoch = slotsPerEpoch
    }

    /// The first entry that lies too far ahead, in words; nil where none does.
    func refusal(of history: Interchange) -> String? {
        guard let latest = latestEpoch() else { return nil }
        for validator in history.validators {
            if let block = validator.blocks.first(where: { $0.slot.value / slotsPerEpoch > latest.value }) {
                return Self.refusal(validator, "a block at slot \(block.slot)", latest)
            }
            let vote = validator.attestations.first { max($0.source, $0.target) > latest }
            if let vote {
                let entry = "an attestation from epoch \(vote.source) to epoch \(vote.target)"
                return Self.refusal(validator, entry, latest)
            }
        }
        return nil
    }

    private static func refusal(_ validator: ValidatorRecord, _ entry: String, _ latest: Epoch) -> String {
        "the key \(validator.publicKey) has \(entry), which lies ahead of the clock: nothing after epoch \(latest) can be "
            + "signed yet. Nothing was imported; where it was signed all the same, use `anti-slashing import`"
    }
}
