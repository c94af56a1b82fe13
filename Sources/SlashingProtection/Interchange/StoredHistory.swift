// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus

/// All that a record holds of one validator, as it stands there, pruned or raised or damaged as it may be.
struct StoredHistory: Sendable {
    /// Every entry, those below the low watermarks too.
    let entries: ValidatorRecord
    let low: Watermarks
    /// Where validators begin that are new to the record.
    var newcomers = Watermarks()
    /// The marks that only move forward, in records that decide by them (DynamoDB).
    var highest: Watermarks?
    /// Whether an import has begun and not ended.
    var isImporting = false

    /// Entries that nothing is decided by any more.
    var belowWatermark: Int {
        entries.blocks.count { $0.slot < low.slot ?? 0 } + entries.attestations.count { $0.target < low.target ?? 0 }
    }

    /// What is wrong here.
    func findings(_ high: HighWatermark?) -> [HistoryFinding] {
        let key = entries.publicKey.description
        let errors = entries.contradictions + missingWatermarks + beyondMarks + lowAboveHigh(high)
        return errors.map { HistoryFinding(publicKey: key, problem: $0) }
            + (gaps + beyond(high) + interrupted).map { HistoryFinding(publicKey: key, .warning, problem: $0) }
    }

    /// Whoever records sets a watermark with the first entry and never lowers it, so one that is absent was taken away; what
    /// was below it can be signed again.
    private var missingWatermarks: [String] {
        var problems: [String] = []
        if (low.source == nil) != (low.target == nil) {
            problems.append("the low watermark has a source or a target epoch without the other")
        }
        guard highest == nil else { return problems }
        if low.slot == nil, let lowest = entries.lowest.slot {
            problems.append(
                "there are blocks, from slot \(lowest) on, and no low watermark for slots: nothing refuses older ones"
            )
        }
        if low.target == nil, let lowest = entries.lowest.target {
            problems.append(
                "there are attestations, from target epoch \(lowest) on, and no low watermark for them: nothing refuses older ones"
            )
        }
        return problems
    }

    /// A watermark is set at an entry and rises to an entry before those below it are deleted. Where nothing stands at it
    /// or below, the entry there has gone, or it was raised past everything by command, or to where newcomers begin.
    private var gaps: [String] {
        let advice = "entries between were deleted without raising it, unless it was raised by command or by a recovery"
        var problems: [String] = []
        if let slot = low.slot, slot != newcomers.slot, let lowest = entries.lowest.slot, slot < lowest {
            problems.append("the low watermark is slot \(slot), but the lowest block is at \(lowest): \(advice)")
        }
        if let target = low.target, target != newcomers.target, let lowest = entries.lowest.target, target < lowest {
            problems.append(
                "the low watermark is target epoch \(target), but the lowest attestation is for \(lowest): \(advice)"
            )
        }
        return problems
    }

    /// Marks that are behind an entry let something be signed that contradicts it.
    private var beyondMarks: [String] {
        guard let highest else { return [] }
        let found = entries.highest
        var problems: [String] = []
        if let slot = found.slot, slot > highest.slot ?? 0 || highest.slot == nil {
            problems.append("the newest block is at slot \(slot), beyond the mark that decides")
        }
        if let target = found.target, highest.target.map({ target > $0 }) ?? true {
            problems.append("the newest attestation is for target epoch \(target), beyond the mark that decides")
        }
        if let source = found.source, highest.source.map({ source > $0 }) ?? true {
            problems.append("an attestation has source epoch \(source), beyond the mark that decides")
        }
        return problems
    }

    /// No low watermark rises above the high one.
    private func lowAboveHigh(_ high: HighWatermark?) -> [String] {
        guard let high else { return [] }
        var problems: [String] = []
        if let slot = low.slot, slot > high.slot {
            problems.append("the low watermark, slot \(slot), is above the high watermark, slot \(high.slot)")
        }
        if let epoch = [low.source, low.target].compactMap(\.self).max(), epoch > high.epoch {
            problems.append("the low watermark, epoch \(epoch), is above the high watermark, epoch \(high.epoch)")
        }
        return problems
    }

    private func beyond(_ high: HighWatermark?) -> [String] {
        guard let high else { return [] }
        let advice = "signed before it was set or imported since, or nobody minded it"
        var problems: [String] = []
        if let slot = entries.highest.slot, slot >= high.slot {
            problems.append(
                "the newest block, at slot \(slot), is not below the high watermark, slot \(high.slot): \(advice)"
            )
        }
        if let target = entries.highest.target, target >= high.epoch {
            problems.append(
                "the newest attestation, for target epoch \(target), is not below the high watermark, epoch \(high.epoch): "
                    + advice
            )
        }
        return problems
    }

    private var interrupted: [String] {
        isImporting ? ["an import has begun and not ended; where none runs now, import the file again"] : []
    }
}
