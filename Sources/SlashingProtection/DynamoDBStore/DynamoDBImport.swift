// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    private static let validatorsAtOnce = 8

    /// Takes histories, validator by validator. Never weakens the record.
    func take(_ interchange: Interchange, dryRun: Bool) async throws(StoreError) -> ImportReport {
        try interchange.refuse(unlessFor: settings.genesisValidatorsRoot)
        var report = ImportReport(dryRun: dryRun)
        report.unreadable = interchange.unreadable
        var rest = interchange.validators[...]
        while !rest.isEmpty {
            // Two elements for one key must not meet: the first to end would take the mark of the other's import away.
            var keys: Set<PublicKey> = []
            let wave = Array(rest.prefix { keys.insert($0.publicKey).inserted })
            rest = rest.dropFirst(wave.count)
            report.validators += try await atOnce(wave) { offered async throws(StoreError) in
                try await merge(offered, dryRun: dryRun)
            }
        }
        return report
    }

    /// Works on several validators at once: nearly all of the time of each is waiting for answers. After a failure those that
    /// have begun are finished, and the first failure in their order is thrown.
    func atOnce<Input: Sendable, Output: Sendable>(
        _ inputs: [Input],
        _ body: @escaping @Sendable (Input) async throws(StoreError) -> Output
    ) async throws(StoreError) -> [Output] {
        var results: [Int: Result<Output, StoreError>] = [:]
        await withTaskGroup(of: (Int, Result<Output, StoreError>).self) { group in
            for (number, input) in inputs.enumerated() {
                if number >= Self.validatorsAtOnce, let (done, result) = await group.next() {
                    results[done] = result
                    if case .failure = result { break }
                }
                group.addTask {
                    do throws(StoreError) { return (number, .success(try await body(input))) } catch {
                        return (number, .failure(error))
                    }
                }
            }
            for await (done, result) in group { results[done] = result }
        }
        var outputs: [Output] = []
        for number in inputs.indices {
            guard let result = results[number] else { break }
            outputs.append(try result.get())
        }
        return outputs
    }

    /// The marks go first, past everything the file holds: from then on nothing behind them can be signed, so the entries
    /// can follow in as many transactions as they need.
    private func merge(_ offered: ValidatorRecord, dryRun: Bool) async throws(StoreError) -> ImportReport.Validator {
        let key = offered.publicKey
        var report = ImportReport.Validator(publicKey: key.description, outcome: .taken)
        if let highest = offered.highest.largest, highest > UInt64(Int64.max) {
            return report.failed("\(highest) is larger than the record can hold (2^63 - 1)")
        }
        let limit = try await header().highWatermark
        if limit != nil {
            // Contradictions raise the low watermark too; they are looked for before anything is changed.
            var rehearsal = report
            let floor = try await merge(offered.attestations.map { MergedEntry(attestation: $0, of: key) }, &rehearsal)
                .floor
            if let reason = offered.lowest.raised(to: floor).contradiction(to: limit) { return report.failed(reason) }
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

extension Watermarks {
    fileprivate var largest: UInt64? { [slot?.value, source?.value, target?.value].compactMap(\.self).max() }
}
