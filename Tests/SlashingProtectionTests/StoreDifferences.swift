// SPDX-License-Identifier: Apache-2.0
import Consensus
import SlashingProtection

/// All that may differ between the kinds of record, in one place. Each difference is one that docs/formats.md names.
extension StoreKind {
    /// DynamoDB refuses safe messages behind the newest of a validator.
    var refusesBehindNewest: Bool { self == .dynamodb }

    /// Whether the store may give an answer where a record of all history gives `complete`.
    ///
    /// A safe message may be refused for lying behind the marks, and what is unsafe may be refused for that reason instead
    /// of its own. An exact repeat is answered, and what must be refused is refused, everywhere.
    func mayAnswer(_ verdict: Verdict, where complete: Verdict) -> Bool {
        guard verdict != complete else { return true }
        guard refusesBehindNewest, complete != .repeated, case .refused(let refusal) = verdict else { return false }
        switch refusal {
        case .belowLowWatermark, .atLowWatermark: return true
        default: return false
        }
    }

    /// The same for a model that is asked about a message of one validator.
    func mayAnswer(
        _ answer: HistoryModel.Answer,
        where complete: HistoryModel.Answer,
        _ batch: DutyBatch,
        _ record: RecordIdentity,
        _ model: HistoryModel
    ) -> Bool {
        if answer == complete { return true }
        return refusesBehindNewest && answer == .refused && complete == .recorded && model.isBehindNewest(batch, record)
    }

    /// The server that stands in for DynamoDB does some dozens of transactions a second: the same with smaller numbers.
    func fewer(_ number: Int, _ few: Int) -> Int { self == .dynamodb ? few : number }
}

extension HistoryModel {
    /// Whether a message lies behind the highest slot, source or target that was signed, imported or raised to.
    func isBehindNewest(_ batch: DutyBatch, _ record: RecordIdentity) -> Bool {
        let validator = validators[record] ?? newcomer
        switch batch.duty {
        case .block(let slot):
            let slots = validator.blocks.map(\.slot) + [validator.slotFloor].compactMap(\.self)
            return slots.contains { $0 > slot.value }
        case .attestation(let source, let target):
            let sources = validator.attestations.map(\.source) + [validator.sourceFloor].compactMap(\.self)
            let targets = validator.attestations.map(\.target) + [validator.targetFloor].compactMap(\.self)
            return sources.contains { $0 > source.value } || targets.contains { $0 > target.value }
        }
    }
}
