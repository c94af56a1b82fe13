// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import SlashingProtection

/// The rules once more, as slowly and plainly as they can be written: every record of every kind is kept for ever, every
/// question is a loop over all of them. Shares no code with `Rules` or the store.
struct HistoryModel {
    struct Block: Equatable {
        let slot: UInt64
        let root: SigningRoot?
        /// Deleted by pruning: still a conflict, no longer an exact repeat.
        var isPruned = false
    }

    struct Attestation: Equatable {
        let source: UInt64
        let target: UInt64
        let root: SigningRoot?
        var isPruned = false
    }

    struct Validator {
        var blocks: [Block] = []
        var attestations: [Attestation] = []
        var slotFloor: UInt64?
        var sourceFloor: UInt64?
        var targetFloor: UInt64?
    }

    /// What the model says; only the kind, not the reason.
    enum Answer: Equatable { case recorded, repeated, refused }

    let pinned: Root
    let slotsPerEpoch: UInt64
    var validators: [RecordIdentity: Validator] = [:]
    /// What a validator begins with that has not been seen yet: the marks that were raised for all.
    var newcomer = Validator()
    var highSlot: UInt64?
    var highEpoch: UInt64?
    var latestEpoch: UInt64?

    init(pinned: Root, slotsPerEpoch: UInt64) {
        self.pinned = pinned
        self.slotsPerEpoch = slotsPerEpoch
    }

    // MARK: Signing

    mutating func sign(_ batch: DutyBatch, _ record: RecordIdentity) -> Answer {
        var validator = validators[record] ?? newcomer
        defer { validators[record] = validator }
        if batch.genesisValidatorsRoot != pinned { return .refused }
        switch batch.duty {
        case .block(let slot): return sign(slot: slot.value, batch.signingRoot, &validator)
        case .attestation(let source, let target):
            return sign(source: source.value, target: target.value, batch.signingRoot, &validator)
        }
    }

    private func sign(slot: UInt64, _ root: SigningRoot, _ validator: inout Validator) -> Answer {
        if let latestEpoch, slot / slotsPerEpoch > latestEpoch { return .refused }
        if slot > UInt64(Int64.max) { return .refused }
        if let highSlot, slot >= highSlot { return .refused }
        var known = 0
        var others = 0
        for block in validator.blocks where block.slot == slot && !block.isPruned {
            if block.root == root { known += 1 } else { others += 1 }
        }
        if known > 0, others == 0 { return .repeated }
        if let floor = validator.slotFloor, slot <= floor { return .refused }
        for block in validator.blocks where block.slot == slot { return .refused }
        validator.blocks.append(Block(slot: slot, root: root))
        if validator.slotFloor == nil { validator.slotFloor = slot }
        return .recorded
    }

    private func sign(
        source: UInt64,
        target: UInt64,
        _ root: SigningRoot,
        _ validator: inout Validator
    ) -> Answer {
        if let latestEpoch, source > latestEpoch || target > latestEpoch { return .refused }
        if max(source, target) > UInt64(Int64.max) { return .refused }
        if source > target { return .refused }
        if let highEpoch, source >= highEpoch || target >= highEpoch { return .refused }
        var known = 0
        var others = 0
        for vote in validator.attestations where vote.target == target && !vote.isPruned {
            if vote.root == root, vote.source == source { known += 1 } else { others += 1 }
        }
        if known > 0, others == 0 { return .repeated }
        if let floor = validator.sourceFloor, source < floor { return .refused }
        if let floor = validator.targetFloor, target <= floor { return .refused }
        for vote in validator.attestations {
            if vote.target == target { return .refused }
            if vote.source < source, vote.target > target { return .refused }
            if vote.source > source, vote.target < target { return .refused }
        }
        validator.attestations.append(Attestation(source: source, target: target, root: root))
        if validator.targetFloor == nil {
            validator.sourceFloor = source
            validator.targetFloor = target
        }
        return .recorded
    }

    // MARK: Administration

    /// Takes one element of a file; false where it must fail as a whole.
    mutating func take(_ offered: ValidatorRecord) -> Bool {
        let record = RecordIdentity(offered.publicKey)
        let before = validators[record] ?? newcomer
        validators[record] = before
        var validator = before
        for block in offered.blocks {
            if block.slot.value > UInt64(Int64.max) { return false }
            validator.blocks.append(Block(slot: block.slot.value, root: block.root))
        }
        for vote in offered.attestations {
            if max(vote.source.value, vote.target.value) > UInt64(Int64.max) { return false }
            for other in validator.attestations
            where other.target == vote.target.value && other.source != vote.source.value && !other.isPruned {
                // The record holds one source for a target; the floor stands in for the other one.
                validator.targetFloor = max(validator.targetFloor ?? 0, vote.target.value)
                validator.sourceFloor = max(validator.sourceFloor ?? 0, min(other.source, vote.source.value))
            }
            validator.attestations.append(
                Attestation(source: vote.source.value, target: vote.target.value, root: vote.root)
            )
        }
        if let lowest = offered.blocks.map(\.slot.value).min() {
            validator.slotFloor = max(validator.slotFloor ?? 0, lowest)
        }
        if let source = offered.attestations.map(\.source.value).min(),
            let target = offered.attestations.map(\.target.value).min()
        {
            validator.sourceFloor = max(validator.sourceFloor ?? 0, source)
            validator.targetFloor = max(validator.targetFloor ?? 0, target)
        }
        if let highSlot, let floor = validator.slotFloor, floor > highSlot, floor != before.slotFloor { return false }
        if let highEpoch, let source = validator.sourceFloor, let target = validator.targetFloor,
            max(source, target) > highEpoch,
            source != before.sourceFloor || target != before.targetFloor
        {
            return false
        }
        validators[record] = validator
        return true
    }

    mutating func prune(keepEpochs: UInt64) {
        for (record, before) in validators { validators[record] = pruned(before, keepEpochs) }
    }

    private func pruned(_ before: Validator, _ keepEpochs: UInt64) -> Validator {
        var validator = before
        let lastSlot = latestEpoch.map { ($0 + 1) * slotsPerEpoch - 1 } ?? .max
        let slots = validator.blocks.filter { !$0.isPruned && $0.slot <= lastSlot }.map(\.slot)
        if let newest = slots.max() {
            let kept = keepEpochs * slotsPerEpoch
            let floor = max(newest < kept ? 0 : newest - kept + 1, validator.slotFloor ?? 0)
            if let mark = slots.filter({ $0 >= floor }).min(), mark <= highSlot ?? .max {
                validator.slotFloor = mark
                for position in validator.blocks.indices where validator.blocks[position].slot < mark {
                    validator.blocks[position].isPruned = true
                }
            }
        }
        let targets = validator.attestations.filter { !$0.isPruned && $0.target <= latestEpoch ?? .max }.map(\.target)
        if let newest = targets.max() {
            let floor = max(newest < keepEpochs ? 0 : newest - keepEpochs + 1, validator.targetFloor ?? 0)
            if let mark = targets.filter({ $0 >= floor }).min() {
                var source = validator.sourceFloor ?? 0
                for vote in validator.attestations where !vote.isPruned && vote.target <= mark {
                    source = max(source, vote.source)
                }
                if max(source, mark) > highEpoch ?? .max { return validator }
                validator.sourceFloor = source
                validator.targetFloor = mark
                for position in validator.attestations.indices where validator.attestations[position].target < mark {
                    validator.attestations[position].isPruned = true
                }
            }
        }
        return validator
    }

    /// False where the high watermark forbids it.
    mutating func raise(slot: UInt64?, epoch: UInt64?) -> Bool {
        if let slot, let highSlot, slot > highSlot { return false }
        if let epoch, let highEpoch, epoch > highEpoch { return false }
        if let slot { newcomer.slotFloor = max(newcomer.slotFloor ?? 0, slot) }
        if let epoch {
            newcomer.sourceFloor = max(newcomer.sourceFloor ?? 0, epoch)
            newcomer.targetFloor = newcomer.sourceFloor
        }
        for (record, before) in validators {
            var validator = before
            if let slot { validator.slotFloor = max(before.slotFloor ?? 0, slot) }
            if let epoch {
                validator.sourceFloor = max(before.sourceFloor ?? 0, epoch)
                validator.targetFloor = max(before.targetFloor ?? 0, epoch)
            }
            validators[record] = validator
        }
        return true
    }

    /// False where a low watermark already stands there.
    mutating func setHighWatermark(slot: UInt64, epoch: UInt64) -> Bool {
        for validator in validators.values + [newcomer] {
            if let floor = validator.slotFloor, slot <= floor { return false }
            if let source = validator.sourceFloor, epoch <= source { return false }
            if let target = validator.targetFloor, epoch <= target { return false }
        }
        highSlot = slot
        highEpoch = epoch
        return true
    }
}

/// Everything that was ever signed, here or by whoever wrote an imported file, and the slashing conditions of the
/// consensus specification (`is_slashable_attestation_data`, `process_proposer_slashing`) and nothing else.
struct SlashingWatch {
    private var blocks: [RecordIdentity: [UInt64: Set<SigningRoot>]] = [:]
    private var votes: [RecordIdentity: [HistoryModel.Attestation]] = [:]

    /// Notes a message; true where it is slashable together with an earlier, different one.
    mutating func note(_ batch: DutyBatch, _ record: RecordIdentity) -> Bool {
        switch batch.duty {
        case .block(let slot):
            let earlier = blocks[record, default: [:]][slot.value, default: []]
            blocks[record, default: [:]][slot.value, default: []].insert(batch.signingRoot)
            return !earlier.contains(batch.signingRoot) && !earlier.isEmpty
        case .attestation(let source, let target):
            let vote = HistoryModel.Attestation(source: source.value, target: target.value, root: batch.signingRoot)
            let earlier = votes[record, default: []]
            if earlier.contains(vote) { return false }
            votes[record, default: []].append(vote)
            return earlier.contains { other in
                other.target == vote.target
                    || other.source < vote.source && other.target > vote.target
                    || other.source > vote.source && other.target < vote.target
            }
        }
    }

    mutating func note(_ offered: ValidatorRecord) {
        let record = RecordIdentity(offered.publicKey)
        for block in offered.blocks {
            if let root = block.root { blocks[record, default: [:]][block.slot.value, default: []].insert(root) }
        }
        for vote in offered.attestations {
            let attestation = HistoryModel.Attestation(
                source: vote.source.value,
                target: vote.target.value,
                root: vote.root
            )
            votes[record, default: []].append(attestation)
        }
    }
}
