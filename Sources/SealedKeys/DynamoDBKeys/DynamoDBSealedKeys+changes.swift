// SPDX-License-Identifier: Apache-2.0
internal import DynamoDB
internal import Encoding

extension DynamoDBSealedKeys {
    /// Transactions that are told at once: all keys of one have at most 3 MB.
    private static let told: UInt64 = 16

    package func changes(after cursor: SealedKeyCursor) async throws(SealedKeyError) -> SealedKeyChanges {
        let header = try await header()
        guard header.store == cursor.store, header.revision >= cursor.revision,
            header.revision - cursor.revision <= header.slots
        else { return .reload }
        guard header.revision > cursor.revision else { return .unchanged }
        let last = min(header.revision, cursor.revision + Self.told)
        let (changed, isWhole) = try await log(cursor.revision + 1..<last + 1, header)
        guard isWhole else { return .reload }
        let entries = try await entries(changed)
        // A key whose item somebody has taken away leaves nothing that could be told.
        guard entries.count == changed.count else { return .reload }
        return .changed(entries, SealedKeyCursor(store: header.store, revision: last))
    }

    /// What some transactions have changed, each key with its latest version among them; and whether all of them are still
    /// remembered.
    func log(
        _ revisions: Range<UInt64>,
        _ header: SealedKeyHeader
    ) async throws(SealedKeyError) -> (changed: [Bytes<48>: UInt64], isWhole: Bool) {
        let items = try await inParallel(Array(revisions), atOnce: readers) { revision throws(SealedKeyError) in
            try await self.logItem(revision, header)
        }
        var changed: [Bytes<48>: UInt64] = [:]
        for item in items.compactMap(\.self) { changed.merge(item.changed) { max($0, $1) } }
        return (changed, !items.contains(nil))
    }

    /// Nil where the ring has gone on past it.
    private func logItem(
        _ revision: UInt64,
        _ header: SealedKeyHeader
    ) async throws(SealedKeyError) -> SealedKeyLogItem? {
        let item = try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: SealedKeyLogItem.key(revision, slots: header.slots))
        }
        guard let found = item.flatMap(SealedKeyLogItem.init), found.revision == revision else { return nil }
        return found
    }

    /// The entries of keys that are known to have reached some versions.
    func entries(_ changed: [Bytes<48>: UInt64]) async throws(SealedKeyError) -> [SealedKeyEntry] {
        var found: [SealedKeyEntry] = []
        for entry in try await entries(of: Array(changed.keys)) where entry.version >= changed[entry.publicKey] ?? 0 {
            found.append(entry)
        }
        // One that shows less is read once more in a transaction, which no other transaction can be half-way in. What it
        // shows then is told, whatever it is: who reads remembers versions too.
        let known = Set(found.map(\.publicKey))
        let late = changed.keys.filter { !known.contains($0) }
        for start in stride(from: 0, to: late.count, by: DynamoDB.largestReadTransaction) {
            let reads = late[start..<min(start + DynamoDB.largestReadTransaction, late.count)].map {
                TransactionRead(table: table, key: SealedKeyItems.key($0))
            }
            let items = try await attempt { () throws(DynamoDBError) in try await database.transactGet(reads) }
            found += items.compactMap { $0.flatMap(SealedKeyItems.entry) }
        }
        return found
    }
}
