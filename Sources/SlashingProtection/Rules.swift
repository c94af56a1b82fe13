// SPDX-License-Identifier: Apache-2.0
package import Consensus

/// What one validator's record must answer for the rules. The store answers from its tables; the test model from the
/// whole history in memory.
package protocol ValidatorHistory: ~Copyable {
    associatedtype Failure: Error
    var watermarks: Watermarks { get }
    /// The block recorded at a slot.
    mutating func block(at slot: Slot) throws(Failure) -> RecordedBlock?
    /// The attestation recorded for a target.
    mutating func attestation(target: Epoch) throws(Failure) -> RecordedAttestation?
    /// Some recorded attestation with a lower source and a higher target.
    mutating func attestation(surrounding source: Epoch, _ target: Epoch) throws(Failure) -> RecordedAttestation?
    /// Some recorded attestation with a higher source and a lower target.
    mutating func attestation(surroundedBy source: Epoch, _ target: Epoch) throws(Failure) -> RecordedAttestation?
}

/// A block that was signed, or is taken to have been. No root: it is not known which one.
package struct RecordedBlock: Hashable, Sendable {
    package let slot: Slot
    package let root: SigningRoot?
    package init(slot: Slot, root: SigningRoot?) {
        self.slot = slot
        self.root = root
    }
}

/// An attestation that was signed, or is taken to have been. No root: it is not known which one.
package struct RecordedAttestation: Hashable, Sendable {
    package let source: Epoch
    package let target: Epoch
    package let root: SigningRoot?
    package init(source: Epoch, target: Epoch, root: SigningRoot?) {
        self.source = source
        self.target = target
        self.root = root
    }
}

/// The lowest values that may still be signed: below them history is pruned or unknown. They only rise.
package struct Watermarks: Hashable, Sendable {
    package var slot: Slot?
    package var source: Epoch?
    package var target: Epoch?
    package init(slot: Slot? = nil, source: Epoch? = nil, target: Epoch? = nil) {
        self.slot = slot
        self.source = source
        self.target = target
    }
}

extension Watermarks {
    /// The higher of both, mark by mark.
    package func raised(to other: Watermarks) -> Watermarks {
        Watermarks(
            slot: [slot, other.slot].compactMap(\.self).max(),
            source: [source, other.source].compactMap(\.self).max(),
            target: [target, other.target].compactMap(\.self).max()
        )
    }
}

/// Where signing ends for all validators, for a planned move to another signer.
package struct HighWatermark: Hashable, Sendable {
    package let slot: Slot
    package let epoch: Epoch
    package init(slot: Slot, epoch: Epoch) {
        self.slot = slot
        self.epoch = epoch
    }
}

/// What holds for all validators of a record at one moment.
package struct RecordConditions: Sendable {
    /// The genesis validators root that the record is pinned to.
    package let pinnedRoot: Root
    package let highWatermark: HighWatermark?
    /// The latest epoch that the clock guard allows; nil where it is off.
    package let latestEpoch: Epoch?
    package let slotsPerEpoch: UInt64

    package init(pinnedRoot: Root, highWatermark: HighWatermark?, latestEpoch: Epoch?, slotsPerEpoch: UInt64) {
        self.pinnedRoot = pinnedRoot
        self.highWatermark = highWatermark
        self.latestEpoch = latestEpoch
        self.slotsPerEpoch = slotsPerEpoch
    }
}

/// The conditions of EIP-3076 in the complete form, with Web3Signer's watermarks. The first rule that speaks decides.
///
/// For every message:
///  1. The genesis validators root is the one the record is pinned to (EIP-3076, metadata; Web3Signer §5.1).
///  2. The validator is enabled (Web3Signer §5.2).
///  3. The duty is not further ahead of the clock than the guard allows (ours: one bad client must not push a watermark
///     into the future for ever), and small enough to be recorded.
///  4. Attestations: the source is not later than the target (consensus specs, `is_valid_attestation`).
///  5. The duty lies below the high watermark, where one is set: slot, and both source and target.
///  6. The same message is already recorded: allowed, nothing is written (EIP-3076, condition "same signing root").
///
/// For blocks:
///  7. The slot is not below the low watermark (EIP-3076 condition 2, complete form).
///  8. No other block, and none of unknown root, is recorded at the slot (EIP-3076 condition 1).
///  9. The slot is not at a low watermark without a record: after a repair nobody knows what was signed there.
///
/// For attestations:
///  7. Source and target are not below the low watermarks (EIP-3076 conditions 4 and 5).
///  8. No other attestation, and none of unknown root, is recorded for the target (EIP-3076 condition 3, double vote).
///  9. The target is not at a low watermark without a record.
/// 10. No recorded attestation surrounds this one (EIP-3076 condition 3, surround vote).
/// 11. This one surrounds no recorded attestation (the same, the other way round).
package enum Rules {
    /// Decides one message. `.recorded` means: safe, now record it.
    package static func decide<History: ValidatorHistory & ~Copyable>(
        _ batch: DutyBatch,
        isEnabled: Bool,
        history: inout History,
        conditions: RecordConditions
    ) throws(History.Failure) -> Verdict {
        if let refusal = refusalBeforeHistory(batch, isEnabled: isEnabled, conditions: conditions) {
            return .refused(refusal)
        }
        switch batch.duty {
        case .block(let slot):
            return try decideBlock(slot, batch.signingRoot, &history)
        case .attestation(let source, let target):
            return try decideAttestation(source, target, batch.signingRoot, &history)
        }
    }

    /// Rules 1 to 5.
    static func refusalBeforeHistory(
        _ batch: DutyBatch,
        isEnabled: Bool,
        conditions: RecordConditions
    ) -> Refusal? {
        if batch.genesisValidatorsRoot != conditions.pinnedRoot {
            return .otherNetwork(pinned: conditions.pinnedRoot, offered: batch.genesisValidatorsRoot)
        }
        if !isEnabled { return .disabled }
        let highest = batch.duty.highest
        if let latest = conditions.latestEpoch {
            let epoch = batch.duty.epoch(slotsPerEpoch: conditions.slotsPerEpoch)
            if epoch > latest { return .aheadOfClock(duty: epoch, latest: latest) }
        }
        if highest > UInt64(Int64.max) { return .notRecordable(value: highest) }
        switch batch.duty {
        case .block(let slot):
            if let high = conditions.highWatermark, slot >= high.slot {
                return .beyondHighWatermark(highest: high.slot.value)
            }
        case .attestation(let source, let target):
            if source > target { return .sourceAfterTarget }
            if let high = conditions.highWatermark, source >= high.epoch || target >= high.epoch {
                return .beyondHighWatermark(highest: high.epoch.value)
            }
        }
        return nil
    }

    /// Rules 6 to 9 for blocks.
    private static func decideBlock<History: ValidatorHistory & ~Copyable>(
        _ slot: Slot,
        _ root: SigningRoot,
        _ history: inout History
    ) throws(History.Failure) -> Verdict {
        let recorded = try history.block(at: slot)
        if let recorded, recorded.root == root { return .repeated }
        let low = history.watermarks.slot
        if let low, slot < low { return .refused(.belowLowWatermark(lowest: low.value)) }
        if recorded != nil { return .refused(.doubleBlock(slot: slot)) }
        if let low, slot == low { return .refused(.atLowWatermark(lowest: low.value)) }
        return .recorded
    }

    /// Rules 6 to 11 for attestations.
    private static func decideAttestation<History: ValidatorHistory & ~Copyable>(
        _ source: Epoch,
        _ target: Epoch,
        _ root: SigningRoot,
        _ history: inout History
    ) throws(History.Failure) -> Verdict {
        let recorded = try history.attestation(target: target)
        if let recorded, recorded.root == root, recorded.source == source { return .repeated }
        let low = history.watermarks
        if let lowest = low.source, source < lowest { return .refused(.belowLowWatermark(lowest: lowest.value)) }
        if let lowest = low.target, target < lowest { return .refused(.belowLowWatermark(lowest: lowest.value)) }
        if recorded != nil { return .refused(.doubleVote(target: target)) }
        if let lowest = low.target, target == lowest { return .refused(.atLowWatermark(lowest: lowest.value)) }
        if let other = try history.attestation(surrounding: source, target) {
            return .refused(.surroundedBy(source: other.source, target: other.target))
        }
        if let other = try history.attestation(surroundedBy: source, target) {
            return .refused(.surrounds(source: other.source, target: other.target))
        }
        return .recorded
    }
}

extension SlashableDuty {
    /// The largest number in the duty.
    fileprivate var highest: UInt64 {
        switch self {
        case .block(let slot): slot.value
        case .attestation(let source, let target): max(source.value, target.value)
        }
    }

    /// The epoch that the clock guard looks at: the latest one the duty names.
    package func epoch(slotsPerEpoch: UInt64) -> Epoch {
        switch self {
        case .block(let slot): Epoch(slot.value / slotsPerEpoch)
        case .attestation(let source, let target): max(source, target)
        }
    }
}
