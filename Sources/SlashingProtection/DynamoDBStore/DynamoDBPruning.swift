// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// Deletes old entries, validator by validator. What is behind the marks is refused with them or without them; they
    /// only let an exact repeat through. The low watermark rises first, and the newest entries always stay.
    func prune(_ validators: [RecordIdentity], keepEpochs: UInt64) async throws(StoreError) -> PruningReport {
        guard keepEpochs > 0 else { throw .refused(reason: "at least one epoch of history must be kept") }
        let range = PruningRange(
            keepEpochs: keepEpochs,
            slotsPerEpoch: settings.slotsPerEpoch,
            latestEpoch: settings.latestEpoch()
        )
        var report = PruningReport()
        for key in try await known(validators) { try await prune(key, range, &report) }
        return report
    }

    private func prune(
        _ key: PublicKey,
        _ range: PruningRange,
        _ report: inout PruningReport
    ) async throws(StoreError) {
        let (blocks, attestations) = try await entries(of: key)
        let (plausibleBlocks, plausibleVotes) = (
            blocks.filter { $0.slot <= range.latestSlot }, attestations.filter { $0.target <= range.latestTarget }
        )
        if plausibleBlocks.count < blocks.count || plausibleVotes.count < attestations.count { report.implausible += 1 }
        let low = try await marks(of: key).low
        let keptBlock = plausibleBlocks.last.flatMap { newest in
            plausibleBlocks.first { $0.slot >= max(range.floor(newest.slot), low.slot ?? 0) }
        }
        let keptVote = plausibleVotes.last.flatMap { newest in
            plausibleVotes.first { $0.target >= max(range.floor(newest.target), low.target ?? 0) }
        }
        // No low watermark may stand above the high one; while that is set, what lies beyond it stays.
        let high = try await header().highWatermark
        var raised = Watermarks()
        if let keptBlock, keptBlock.slot <= high?.slot ?? keptBlock.slot { raised.slot = keptBlock.slot }
        if let keptVote {
            let source = attestations.filter { $0.target <= keptVote.target }.map(\.source).max() ?? keptVote.source
            if max(source, keptVote.target) <= high?.epoch ?? .farFuture {
                (raised.source, raised.target) = (source, keptVote.target)
            }
        }
        try await change(key) { marks in
            let low = marks.low
            marks.low = low.raised(to: raised)
            return marks.low != low
        }
        let oldBlocks = blocks.filter { $0.slot < raised.slot ?? 0 }
        let oldVotes = attestations.filter { $0.target < raised.target ?? 0 }
        guard !oldBlocks.isEmpty || !oldVotes.isEmpty else { return }
        let old =
            oldBlocks.map { DynamoDBLayout.blockKey(key, $0.slot) }
            + oldVotes.map { DynamoDBLayout.attestationKey(key, $0.target) }
        try await write(old.map { .delete(table: table, key: $0) })
        report.validators += 1
        report.blocks += oldBlocks.count
        report.attestations += oldVotes.count
    }
}
