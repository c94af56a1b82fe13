// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// Takes the histories of a file, validator by validator. Never weakens the record.
    func take(_ interchange: Interchange, dryRun: Bool) async throws(StoreError) -> ImportReport {
        guard interchange.genesisValidatorsRoot == settings.genesisValidatorsRoot else {
            throw .interchange(
                reason:
                    "the file belongs to the network with genesis validators root \(interchange.genesisValidatorsRoot), "
                    + "this record to \(settings.genesisValidatorsRoot); nothing was imported"
            )
        }
        var report = ImportReport(dryRun: dryRun)
        report.unreadable = interchange.unreadable
        for validator in interchange.validators {
            report.validators.append(try await merge(validator, dryRun: dryRun))
        }
        return report
    }

    /// The marks go first, past everything the file holds: from then on nothing behind them can be signed, so the entries
    /// can follow in as many transactions as they need.
    private func merge(_ offered: ValidatorRecord, dryRun: Bool) async throws(StoreError) -> ImportReport.Validator {
        let key = offered.publicKey
        var report = ImportReport.Validator(publicKey: key.description, outcome: .taken)
        if let highest = offered.highest.largest, highest > UInt64(Int64.max) {
            return report.failed("\(highest) is larger than the record can hold (2^63 - 1)")
        }
        if let limit = try await header().highWatermark {
            // Contradictions raise the low watermark too; they are looked for before anything is changed.
            var rehearsal = report
            let floor = try await merge(offered.attestations.map { MergedEntry(attestation: $0, of: key) }, &rehearsal)
                .floor
            if let reason = offered.lowest.raised(to: floor).reason(above: limit) { return report.failed(reason) }
        }
        if !dryRun {
            try await change(key) { marks in
                marks.highest = marks.highest.raised(to: offered.highest)
                marks.isImporting = true
                return true
            }
        }
        let blocks = try await merge(offered.blocks.map { MergedEntry(block: $0, of: key) }, &report)
        let attestations = try await merge(offered.attestations.map { MergedEntry(attestation: $0, of: key) }, &report)
        report.blocksAdded = blocks.added
        report.attestationsAdded = attestations.added
        if !dryRun {
            try await write((blocks.items + attestations.items).map { .put(table: table, $0) })
            try await change(key) { marks in
                marks.low = marks.low.raised(to: offered.lowest).raised(to: attestations.floor)
                marks.isImporting = false
                return true
            }
        }
        if report.conflicts > 0 {
            report.outcome = .mergedStrictly
            report.reason =
                "\(report.conflicts) entries contradict the record or each other; nothing at their slots or targets can be signed any more"
        }
        return report
    }

    /// What has to be written for some entries of a file.
    private func merge(
        _ entries: [MergedEntry],
        _ report: inout ImportReport.Validator
    ) async throws(StoreError) -> (items: [Item], added: Int, floor: Watermarks) {
        var known: [Item: MergedEntry] = [:]
        var changed: [Item] = []
        var added = 0
        var floor = Watermarks()
        for start in stride(from: 0, to: entries.count, by: DynamoDB.largestReadTransaction) {
            // A transaction may name an item once.
            let chunk = entries[start..<min(start + DynamoDB.largestReadTransaction, entries.count)]
            let keys = Array(Set(chunk.map(\.key)).subtracting(known.keys))
            guard !keys.isEmpty else { continue }
            let reads = keys.map { TransactionRead(table: table, key: $0) }
            let found = try await attempt { () throws(DynamoDBError) in try await database.transactGet(reads) }
            for (key, item) in zip(keys, found) {
                known[key] = try item.map { item throws(StoreError) in try entry(item) }
            }
        }
        for entry in entries {
            guard let standing = known[entry.key] else {
                known[entry.key] = entry
                changed.append(entry.key)
                added += 1
                continue
            }
            if standing == entry {
                report.repeated += 1
            } else {
                known[entry.key] = standing.merged(with: entry)
                floor = floor.raised(to: standing.floor(besides: entry))
                changed.append(entry.key)
                report.conflicts += 1
            }
        }
        return (Set(changed).compactMap { known[$0]?.item }, added, floor)
    }

    private func entry(_ item: Item) throws(StoreError) -> MergedEntry {
        guard let entry = MergedEntry(item) else {
            throw .storage(reason: "\(place) holds an entry that is not that of a slashing record")
        }
        return entry
    }
}

/// An entry of a file or of the table: a block or an attestation.
private struct MergedEntry: Equatable {
    let item: Item

    init(block: RecordedBlock, of key: PublicKey) { item = block.item(of: key) }
    init(attestation: RecordedAttestation, of key: PublicKey) { item = attestation.item(of: key) }

    init?(_ item: Item) {
        guard RecordedBlock(item) != nil || RecordedAttestation(item) != nil else { return nil }
        self.item = item
    }

    var key: Item { item.filter { $0.key == "record_key" || $0.key == "entry_key" } }

    /// Of two that differ: nobody knows the message, and the later source counts.
    func merged(with other: MergedEntry) -> MergedEntry {
        var item = item
        item["signing_root"] = nil
        if let source = item["source_epoch"]?.number, let second = other.item["source_epoch"]?.number {
            item["source_epoch"] = .number(max(source, second))
        }
        return MergedEntry(item) ?? self
    }

    /// One entry cannot hold two sources. The later one stays, against votes that would surround it; votes that the earlier
    /// one would surround have a lower target, and the low watermark refuses those.
    func floor(besides other: MergedEntry) -> Watermarks {
        guard let vote = RecordedAttestation(item), let second = RecordedAttestation(other.item),
            vote.source != second.source
        else { return Watermarks() }
        return Watermarks(source: min(vote.source, second.source), target: vote.target)
    }
}

extension ValidatorRecord {
    fileprivate var lowest: Watermarks {
        Watermarks(
            slot: blocks.map(\.slot).min(),
            source: attestations.map(\.source).min(),
            target: attestations.map(\.target).min()
        )
    }

    fileprivate var highest: Watermarks {
        Watermarks(
            slot: blocks.map(\.slot).max(),
            source: attestations.map(\.source).max(),
            target: attestations.map(\.target).max()
        )
    }
}

extension Watermarks {
    fileprivate var largest: UInt64? { [slot?.value, source?.value, target?.value].compactMap(\.self).max() }

    /// Why low watermarks cannot stand beside the high one.
    fileprivate func reason(above high: HighWatermark) -> String? {
        if let slot, slot > high.slot {
            return "its low watermark would rise to slot \(slot), above the high watermark \(high.slot)"
        }
        if let epoch = [source, target].compactMap(\.self).max(), epoch > high.epoch {
            return "its low watermark would rise to epoch \(epoch), above the high watermark \(high.epoch)"
        }
        return nil
    }
}
