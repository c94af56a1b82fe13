// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// Tries before a validator counts as contended.
    private static let rounds = 4

    /// Checks and records one duty of one validator.
    ///
    /// The transaction goes out first: nearly always it holds. Where it does not, or where nobody knows, what stands in the
    /// table decides, by the same rules as in every other store: the marks are the low watermarks, and exactly what is
    /// recorded may be repeated.
    func decide(_ batch: DutyBatch, _ key: PublicKey) async throws(DynamoDBError) -> Verdict {
        if let refusal = refusalWithoutHistory(batch) { return .refused(refusal) }
        var unclear: DynamoDBError?
        for _ in 0..<Self.rounds {
            do throws(DynamoDBError) {
                try await database.transactWrite(recording(batch, key))
                return .recorded
            } catch let error where error.mayHaveBeenDone {
                unclear = error
            } catch .canceled(let reasons) where reasons.contains(where: \.isCondition) {
                unclear = nil
            } catch { throw error }
            let (marks, history) = try await history(of: key, batch.duty)
            guard let marks, var history else {
                try await enter([key])
                continue
            }
            let verdict = decide(batch, marks, &history)
            // Safe by what stands there: the write did not happen, or the marks moved in between.
            if verdict != .recorded { return verdict }
        }
        if let unclear { throw unclear }
        throw .canceled([.conflict])
    }

    /// Rules 1 to 5, as far as they do not need the validator's own item.
    private func refusalWithoutHistory(_ batch: DutyBatch) -> Refusal? {
        var nothing = MarkedHistory(watermarks: Watermarks())
        return Rules.decide(batch, isEnabled: true, history: &nothing, conditions: conditions(nil)).refusal
    }

    private func decide(_ batch: DutyBatch, _ marks: ValidatorMarks, _ history: inout MarkedHistory) -> Verdict {
        Rules.decide(
            batch,
            isEnabled: !marks.isDisabled,
            history: &history,
            conditions: conditions(marks.highWatermark)
        )
    }

    private func conditions(_ highWatermark: HighWatermark?) -> RecordConditions {
        RecordConditions(
            pinnedRoot: settings.genesisValidatorsRoot,
            highWatermark: highWatermark,
            latestEpoch: settings.latestEpoch(),
            slotsPerEpoch: settings.slotsPerEpoch
        )
    }

    /// The transaction that records a duty, under the conditions that make it safe.
    private func recording(_ batch: DutyBatch, _ key: PublicKey) -> [TransactionWrite] {
        let entry: Item
        let update: String
        let isAhead: [String]
        var values: Item = [":one": .number(1)]
        switch batch.duty {
        case .block(let slot):
            entry = RecordedBlock(slot: slot, root: batch.signingRoot).item(of: key)
            values[":slot"] = .number(slot.value)
            update = "highest_slot = :slot, low_slot = if_not_exists(low_slot, :slot)"
            isAhead = [
                "(attribute_not_exists(highest_slot) OR highest_slot < :slot)",
                "(attribute_not_exists(limit_slot) OR limit_slot > :slot)",
            ]
        case .attestation(let source, let target):
            entry = RecordedAttestation(source: source, target: target, root: batch.signingRoot).item(of: key)
            values[":source"] = .number(source.value)
            values[":target"] = .number(target.value)
            update =
                "highest_source = :source, low_source = if_not_exists(low_source, :source), "
                + "highest_target = :target, low_target = if_not_exists(low_target, :target)"
            // The source is not later than the target, so the limit need only lie above the target.
            isAhead = [
                "(attribute_not_exists(highest_source) OR highest_source <= :source)",
                "(attribute_not_exists(highest_target) OR highest_target < :target)",
                "(attribute_not_exists(limit_epoch) OR limit_epoch > :target)",
            ]
        }
        let mayBeSigned = ["attribute_exists(entry_key)", "attribute_not_exists(disabled)"] + isAhead
        return [
            .update(
                table: table,
                key: DynamoDBLayout.marksKey(key),
                Expression("SET \(update), revision = revision + :one", values: values),
                where: Expression(mayBeSigned.joined(separator: " AND "))
            ), .put(table: table, entry, where: DynamoDBLayout.absent),
        ]
    }

    /// Marks and the entry at a duty's place, as they stood at one moment; nil for a validator that has no marks.
    private func history(
        of key: PublicKey,
        _ duty: SlashableDuty
    ) async throws(DynamoDBError) -> (ValidatorMarks?, MarkedHistory?) {
        let place =
            switch duty {
            case .block(let slot): DynamoDBLayout.blockKey(key, slot)
            case .attestation(_, let target): DynamoDBLayout.attestationKey(key, target)
            }
        let items = try await database.transactGet([
            TransactionRead(table: table, key: DynamoDBLayout.marksKey(key)), TransactionRead(table: table, key: place),
        ])
        guard let found = items[0] else {
            guard items[1] == nil else { throw .malformed(reason: "validator \(key) has entries and no marks") }
            return (nil, nil)
        }
        guard let marks = ValidatorMarks(found) else {
            throw .malformed(reason: "the marks of validator \(key) are not those of a slashing record")
        }
        var history = MarkedHistory(watermarks: marks.highest)
        if let entry = items[1] {
            history.block = RecordedBlock(entry).map { marks.isCertain($0) ? $0 : $0.withoutRoot }
            history.attestation = RecordedAttestation(entry).map { marks.isCertain($0) ? $0 : $0.withoutRoot }
            guard history.block != nil || history.attestation != nil else {
                throw .malformed(reason: "an entry of validator \(key) is not that of a slashing record")
            }
        }
        return (marks, history)
    }
}

extension RecordedBlock {
    /// The same, without saying which message it was.
    var withoutRoot: RecordedBlock { RecordedBlock(slot: slot, root: nil) }
}

extension RecordedAttestation {
    /// The same, without saying which message it was.
    var withoutRoot: RecordedAttestation { RecordedAttestation(source: source, target: target, root: nil) }
}

/// What the rules ask, answered from marks and the one entry at a duty's place. What surrounds or is surrounded lies behind
/// the marks, which refuse it first.
private struct MarkedHistory: ValidatorHistory {
    let watermarks: Watermarks
    var block: RecordedBlock?
    var attestation: RecordedAttestation?

    init(watermarks: Watermarks) { self.watermarks = watermarks }

    func block(at slot: Slot) throws(Never) -> RecordedBlock? { block }
    func attestation(target: Epoch) throws(Never) -> RecordedAttestation? { attestation }
    func attestation(surrounding source: Epoch, _ target: Epoch) throws(Never) -> RecordedAttestation? { nil }
    func attestation(surroundedBy source: Epoch, _ target: Epoch) throws(Never) -> RecordedAttestation? { nil }
}

extension DynamoDBError {
    /// Whether a write that ended so may stand in the table all the same.
    var mayHaveBeenDone: Bool {
        if case .aws(.unclear) = self { true } else { false }
    }
}

extension CancellationReason {
    var isCondition: Bool {
        if case .conditionFailed = self { true } else { false }
    }
}
