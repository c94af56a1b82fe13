// SPDX-License-Identifier: Apache-2.0
package import Consensus

/// Why a message is not safe to sign. *Could not check* is one of the reasons: there is no third outcome.
package enum Refusal: Error, Hashable, Sendable {
    /// The record belongs to another network.
    case otherNetwork(pinned: Root, offered: Root)
    /// The validator was disabled: deleted here or signing elsewhere.
    case disabled
    /// The duty lies further ahead of local time than `anti_slashing.clock_guard_epochs` allows.
    case aheadOfClock(duty: Epoch, latest: Epoch)
    /// At or beyond the planned end of signing.
    case beyondHighWatermark(highest: UInt64)
    /// Source epoch later than target epoch.
    case sourceAfterTarget
    /// A slot or epoch of 2⁶³ or more, which the record cannot hold.
    case notRecordable(value: UInt64)
    /// Below the point up to which history may have been pruned or is unknown.
    case belowLowWatermark(lowest: UInt64)
    /// Exactly at a watermark that was raised without a record there.
    case atLowWatermark(lowest: UInt64)
    /// Another block, or one whose root is unknown, is recorded at the slot.
    case doubleBlock(slot: Slot)
    /// Another attestation, or one whose root is unknown, is recorded for the target.
    case doubleVote(target: Epoch)
    /// A recorded attestation surrounds the offered one.
    case surroundedBy(source: Epoch, target: Epoch)
    /// The offered attestation surrounds a recorded one.
    case surrounds(source: Epoch, target: Epoch)
    /// The record could not be read or written, so nothing is known.
    case notCheckable(reason: String)
}

extension Refusal {
    /// Stable string of the API.
    package var code: String {
        switch self {
        case .otherNetwork: "wrong_network"
        case .disabled: "validator_disabled"
        case .aheadOfClock: "ahead_of_clock"
        case .beyondHighWatermark: "beyond_high_watermark"
        case .sourceAfterTarget: "source_after_target"
        case .notRecordable: "not_recordable"
        case .belowLowWatermark, .atLowWatermark: "below_low_watermark"
        case .doubleBlock: "slashable_block"
        case .doubleVote, .surroundedBy, .surrounds: "slashable_attestation"
        case .notCheckable: "slashing_protection_unavailable"
        }
    }

    /// Whether signing would, or could, be slashable, as opposed to: it cannot be known now.
    package var isUnsafe: Bool {
        if case .notCheckable = self { false } else { true }
    }
}

extension Refusal: CustomStringConvertible {
    /// One sentence for the operator.
    package var description: String {
        switch self {
        case .otherNetwork(let pinned, let offered):
            "the slashing record belongs to the network with genesis validators root \(pinned), the request to \(offered)"
        case .disabled:
            "the validator is disabled in the slashing record (`containment-chamber anti-slashing disabled` says by whom); import its keystore again to enable it"
        case .aheadOfClock(let duty, let latest):
            "epoch \(duty) is ahead of the clock, which allows at most \(latest); check the time of this host and of the client"
        case .beyondHighWatermark(let highest):
            "at or beyond the high watermark \(highest) that ends signing here"
        case .sourceAfterTarget: "the source epoch is later than the target epoch"
        case .notRecordable(let value): "\(value) is larger than the record can hold (2^63 - 1)"
        case .belowLowWatermark(let lowest): "below the low watermark \(lowest); older history is not known any more"
        case .atLowWatermark(let lowest): "at the low watermark \(lowest), where no record says what was signed"
        case .doubleBlock(let slot): "another block is already recorded at slot \(slot)"
        case .doubleVote(let target): "another attestation is already recorded for target epoch \(target)"
        case .surroundedBy(let source, let target):
            "surrounded by the recorded attestation with source \(source) and target \(target)"
        case .surrounds(let source, let target):
            "surrounds the recorded attestation with source \(source) and target \(target)"
        case .notCheckable(let reason): "the slashing record cannot be checked: \(reason)"
        }
    }
}

/// What the record says of one message of one validator.
package enum Verdict: Hashable, Sendable {
    /// Safe, and durably recorded.
    case recorded
    /// Safe: the same message was recorded before.
    case repeated
    case refused(Refusal)

    package var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }
}
