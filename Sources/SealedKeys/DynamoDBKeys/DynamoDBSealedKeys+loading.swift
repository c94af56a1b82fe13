// SPDX-License-Identifier: Apache-2.0
internal import DynamoDB
internal import Encoding

extension DynamoDBSealedKeys {
    /// Of what the index shows before it is known whether that is right. Where there is more, the table itself is read.
    private static let largestUnproved = 64 << 20
    /// How many of the last transactions a scan is not believed to show whole.
    private static let unsettled: UInt64 = 64

    /// Through the index first: it holds the keys of a status alone, and is read for half the price. Where it does not show
    /// what the header tells, by its lag or because keys are just being changed, through the table.
    package func load(
        _ statuses: Set<SealedKeyStatus>,
        _ take: ([SealedKeyRow]) async -> Void
    ) async throws(SealedKeyError) -> SealedKeyCursor {
        let before = try await header()
        if let rows = try await rowsOfIndex(statuses) {
            var match = before.isWhole(rows, statuses) ? before : nil
            if match == nil {
                // What came while it was read may be in it already.
                let after = try await header()
                match = after.isWhole(rows, statuses) ? after : nil
            }
            if let match {
                for start in stride(from: 0, to: rows.count, by: SealedKeyLimits.batch) {
                    await take(Array(rows[start..<min(start + SealedKeyLimits.batch, rows.count)]))
                }
                return match.cursor
            }
        }
        return try await scan(statuses, take)
    }

    /// Nil where there are more than should be held before they are proved.
    private func rowsOfIndex(_ statuses: Set<SealedKeyStatus>) async throws(SealedKeyError) -> [SealedKeyRow]? {
        let shards = statuses.flatMap { status in
            (0..<SealedKeyItems.shards).map { SealedKeyItems.shard(status, $0) }
        }
        var (rows, size): ([SealedKeyRow], Int) = ([], 0)
        try await readPages(of: shards, atOnce: readers, indexPage) { items in
            for entry in items.compactMap(SealedKeyItems.entry) {
                size += entry.size
                if let row = entry.row { rows.append(row) }
            }
            return size <= Self.largestUnproved
        }
        return size <= Self.largestUnproved ? rows : nil
    }

    private func indexPage(_ shard: String, _ start: Item?) async throws(SealedKeyError) -> Page {
        try await attempt { () throws(DynamoDBError) in
            try await pages.queryIndex(
                SealedKeyItems.index.name,
                of: table,
                where: Expression("status_shard = :s", values: [":s": .string(shard)]),
                from: start
            )
        }
    }

    /// Reads the table itself, in as many segments as there are readers.
    ///
    /// A scan may show one item of a transaction as it was before and another as it is after it. What the last transactions
    /// have changed is therefore left out of it and read item by item.
    private func scan(
        _ statuses: Set<SealedKeyStatus>,
        _ take: ([SealedKeyRow]) async -> Void
    ) async throws(SealedKeyError) -> SealedKeyCursor {
        let header = try await header()
        let first = header.revision - min(header.revision, min(Self.unsettled, header.slots / 2)) + 1
        let recent = try await log(first..<(header.revision + 1), header).changed
        let segments = (0..<readers).map { ScanSegment($0, of: readers) }
        try await readPages(of: segments, atOnce: readers, page) { items in
            let rows = items.compactMap { SealedKeyItems.entry($0)?.row }.filter {
                statuses.contains($0.status) && recent[$0.publicKey] == nil
            }
            if !rows.isEmpty { await take(rows) }
            return true
        }
        let rows = try await entries(recent).compactMap(\.row).filter { statuses.contains($0.status) }
        if !rows.isEmpty { await take(rows) }
        return header.cursor
    }

    private func page(_ segment: ScanSegment, _ start: Item?) async throws(SealedKeyError) -> Page {
        try await attempt { () throws(DynamoDBError) in
            try await pages.scan(table: table, segment: segment, from: start)
        }
    }
}
