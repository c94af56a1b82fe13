// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import Concurrency
package import DynamoDB
package import Encoding

/// The keys of a chamber of several instances, in a DynamoDB table of its own (docs/formats.md): an item for each key, and an
/// index by status in which several readers find the active ones at once.
///
/// The index may show the table as it was. So nothing rests on it: one header, which every change writes, says how many keys
/// there are and sums up their versions, and a ring of items beside it names what was changed last.
package final class DynamoDBSealedKeys: SealedKeyStore {
    let database: DynamoDB
    /// For pages of many keys. `max_concurrent_reads` of them, a megabyte each, share one way, and what is read is needed
    /// whole: over a line of 50 Mbit/s the last of them comes after 3 s.
    let pages: DynamoDB
    let table: String
    /// Reads under way at once.
    let readers: Int
    /// How long a change waits for others before it, and again for those of other instances.
    let patience: Duration
    /// In front of changes: those of one instance would only get in each other's way.
    let changing: Gate
    private let listing: Gate
    private let directory = Lock<KeyDirectory?>(nil)
    private let isClosed = Lock(false)

    private init(_ database: DynamoDB, _ table: String, readers: Int, patience: Duration) {
        self.database = database
        pages = database.patient(longestAttempt: .seconds(10), within: .seconds(60))
        self.table = table
        self.readers = max(1, readers)
        self.patience = patience
        changing = Gate(place: "the DynamoDB table \(table)", limit: patience)
        listing = Gate(place: "the DynamoDB table \(table)", limit: patience)
    }

    // MARK: Opening

    /// Looks at the table; makes the header where the table is new and empty.
    ///
    /// - Parameters:
    ///   - readers: `max_concurrent_reads`.
    ///   - changesKept: how many transactions a new table remembers for instances that were away.
    ///   - patience: how long a change waits for others before it is given up.
    package static func open(
        _ database: DynamoDB,
        table: String,
        readers: Int = 16,
        changesKept: UInt64 = 4096,
        patience: Duration = .seconds(10)
    ) async throws(SealedKeyError) -> DynamoDBSealedKeys {
        precondition(changesKept > 0, "a table that remembers no change")
        let store = DynamoDBSealedKeys(database, table, readers: readers, patience: patience)
        try await store.checkTable()
        let header = try await store.attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: SealedKeyHeader.key)
        }
        if header == nil { try await store.begin(changesKept: changesKept) }
        _ = try await store.header()
        return store
    }

    /// Makes the table, for development.
    package static func createTable(_ database: DynamoDB, table: String) async throws(SealedKeyError) {
        let store = DynamoDBSealedKeys(database, table, readers: 1, patience: .zero)
        try await store.attempt { () throws(DynamoDBError) in
            try await database.createTable(table, keys: SealedKeyItems.keys, indexes: [SealedKeyItems.index])
        }
    }

    private func checkTable() async throws(SealedKeyError) {
        let description = try await attempt { () throws(DynamoDBError) in try await database.describeTable(table) }
        guard description.keys == SealedKeyItems.keys else {
            throw unusable("has other keys than one of encrypted keys: the partition key must be public_key (S), alone")
        }
        guard let index = description.indexes.first(where: { $0.name == SealedKeyItems.index.name }) else {
            throw unusable(
                "has no index \(SealedKeyItems.index.name); add it: partition key status_shard (S), sort key "
                    + "public_key (S), projection ALL"
            )
        }
        guard index.keys == SealedKeyItems.index.keys, index.isWhole else {
            throw unusable(
                "has another index \(index.name): its partition key must be status_shard (S), its sort key public_key (S), "
                    + "its projection ALL"
            )
        }
        // One region answers before another knows, and writes that pass each other are not refused.
        guard !description.hasReplicas else {
            throw unusable("is a global table; changes in two regions could undo each other. Remove the replicas")
        }
        guard description.canBeUsed, index.canBeUsed else {
            throw .unavailable(reason: "the DynamoDB table \(table) or its index is still being made")
        }
    }

    /// A header that is gone is not made anew over keys that are there: it would know none of them.
    private func begin(changesKept: UInt64) async throws(SealedKeyError) {
        let page = try await attempt { () throws(DynamoDBError) in try await database.scan(table: table, limit: 1) }
        if let item = page.items.first, item["public_key"] != SealedKeyHeader.key["public_key"] {
            throw unusable("holds items but no header; restore it from a backup")
        }
        do throws(DynamoDBError) {
            let header = SealedKeyHeader(slots: changesKept)
            try await database.putItem(table: table, header.item, where: SealedKeyItems.absent)
        } catch {
            // Another instance that began at the same time.
            guard case .conditionFailed = error else { throw failure(error) }
        }
    }

    // MARK: Reading

    func header() async throws(SealedKeyError) -> SealedKeyHeader {
        if isClosed.withLock({ $0 }) { throw .unavailable(reason: "the DynamoDB table \(table) is closed") }
        let item = try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: SealedKeyHeader.key)
        }
        guard let item else { throw unusable("has lost its header; restore it from a backup") }
        guard let header = SealedKeyHeader(item) else { throw unusable("is of another version") }
        return header
    }

    package func leastGeneration() async throws(SealedKeyError) -> UInt64 { try await header().fence }

    package func count() async throws(SealedKeyError) -> SealedKeyCount {
        let header = try await header()
        return SealedKeyCount(active: header[.active].count, inactive: header[.inactive].count)
    }

    package func entries(of publicKeys: [Bytes<48>]) async throws(SealedKeyError) -> [SealedKeyEntry] {
        let found = try await inParallel(publicKeys, atOnce: readers) { key throws(SealedKeyError) in
            try await self.entry(of: key)
        }
        return found.compactMap(\.self)
    }

    func entry(of publicKey: Bytes<48>) async throws(SealedKeyError) -> SealedKeyEntry? {
        let item = try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: SealedKeyItems.key(publicKey))
        }
        return item.flatMap(SealedKeyItems.entry)
    }

    /// By a directory of all keys that this instance keeps up to date: neither the table nor its index tells keys in order.
    package func page(
        after publicKey: Bytes<48>?,
        limit: Int,
        status: SealedKeyStatus?
    ) async throws(SealedKeyError) -> [SealedKeyRow] {
        precondition((1...SealedKeyLimits.page).contains(limit), "a page of \(limit) rows")
        let directory = try await listing.pass { () async throws(SealedKeyError) in try await currentDirectory() }
        var left = directory.keys(after: publicKey, status)[...]
        var rows: [SealedKeyRow] = []
        while rows.count < limit, !left.isEmpty {
            let next = left.prefix(limit - rows.count)
            left = left.dropFirst(next.count)
            // What was changed in between is left out as it would be of the next page.
            rows += try await entries(of: Array(next)).compactMap(\.row).filter { status == nil || $0.status == status }
        }
        return rows
    }

    private func currentDirectory() async throws(SealedKeyError) -> KeyDirectory {
        var current = directory.withLock { $0 }
        while true {
            guard var known = current else {
                var rows: [(Bytes<48>, SealedKeyStatus)] = []
                let cursor = try await load(Set(SealedKeyStatus.allCases)) { batch in
                    rows += batch.map { ($0.publicKey, $0.status) }
                }
                current = KeyDirectory(rows, cursor)
                continue
            }
            switch try await changes(after: known.cursor) {
            case .unchanged:
                directory.withLock { $0 = known }
                return known
            case .changed(let entries, let cursor):
                known.take(entries, cursor)
                current = known
            case .reload: current = nil
            }
        }
    }

    package func close() async {
        isClosed.withLock { $0 = true }
        directory.withLock { $0 = nil }
    }

    // MARK: Failures

    /// Runs one operation; its failure is told in this module's words.
    func attempt<Result>(
        _ body: () async throws(DynamoDBError) -> Result
    ) async throws(SealedKeyError) -> Result {
        do throws(DynamoDBError) { return try await body() } catch { throw failure(error) }
    }

    private func unusable(_ reason: String) -> SealedKeyError {
        .unusable(reason: "the DynamoDB table \(table) \(reason) (docs/formats.md)")
    }

    func failure(_ error: DynamoDBError) -> SealedKeyError {
        let place = "the DynamoDB table \(table)"
        switch error {
        case .tableMissing: return unusable("does not exist in this region; make it, with its keys and its index")
        case .aws(.throttled(let reason)): return .unavailable(reason: "\(place): \(reason)\(Self.capacity)")
        case .canceled(let reasons) where reasons.contains(.throttled):
            return .unavailable(reason: "\(place): ProvisionedThroughputExceeded in a transaction\(Self.capacity)")
        case .aws(.service), .aws(.settings): return .unusable(reason: "\(place): \(error)")
        default: return .unavailable(reason: "\(place): \(error)")
        }
    }

    private static let capacity =
        "; bill the table by use (PAY_PER_REQUEST), lower key_sources.dynamodb.max_concurrent_reads, or raise the table's "
        + "capacity and that of its index"
}
