// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Encoding
package import SQLite

/// The keys of a chamber of one instance, in an SQLite file: mode 0600, one process at a time, a sync with every transaction.
package final class SQLiteSealedKeys: SealedKeyStore {
    private let path: String
    private let tables: Lock<SealedKeyFile?>
    private let lock: Lock<DatabaseLock?>
    private let gate: Gate
    /// Of one transaction: a call that waits its turn should not wait for all of an import.
    private static let part = (count: 1_000, bytes: 16 << 20)

    /// Opens the file.
    ///
    /// Blocks: not on the pool.
    ///
    /// - Parameters:
    ///   - createIfMissing: an empty store in the place of one that is only not mounted would look like keys that are lost.
    ///   - patience: how long a call waits for those before it.
    ///   - disk: where the files are; tests put one here that fails.
    package init(
        path: String,
        createIfMissing: Bool,
        patience: Duration = .seconds(10),
        disk: any DatabaseDisk = SystemDisk()
    ) throws(SealedKeyError) {
        guard !isSymbolicLink(path) else {
            throw .unusable(reason: "\(path) is a symbolic link; name the file that it leads to")
        }
        let lock: DatabaseLock?
        do throws(DiskFailure) { lock = try DatabaseLock(path: path + ".lock") } catch {
            throw .unusable(reason: "\(error)")
        }
        guard let lock else {
            throw .unusable(reason: "another process holds \(path); instances share keys in PostgreSQL or DynamoDB")
        }
        if !disk.exists(path) {
            guard createIfMissing else {
                throw .unusable(reason: "\(path) does not exist; an empty one is only made where that is asked for")
            }
            do throws(DiskFailure) {
                try disk.create(path)
                try disk.syncFolder(of: path)
            } catch { throw .unusable(reason: "\(error)") }
        }
        do throws(SQLiteError) { tables = Lock(try SealedKeyFile(path: path, disk: disk)) } catch {
            throw SealedKeyError(error, path)
        }
        self.path = path
        self.lock = Lock(lock)
        gate = Gate(place: path, limit: patience)
    }

    package func load(
        _ statuses: Set<SealedKeyStatus>,
        _ take: ([SealedKeyRow]) async -> Void
    ) async throws(SealedKeyError) -> SealedKeyCursor {
        let cursor = try await perform { tables throws(SQLiteError) in try tables.cursor() }
        var last: Bytes<48>?
        repeat {
            let rows = try await perform { [last] tables throws(SQLiteError) in
                try tables.rows(after: last, limit: SealedKeyLimits.batch, statuses)
            }
            if !rows.isEmpty { await take(rows) }
            last = rows.count < SealedKeyLimits.batch ? nil : rows.last?.publicKey
        } while last != nil
        return cursor
    }

    package func changes(after cursor: SealedKeyCursor) async throws(SealedKeyError) -> SealedKeyChanges {
        try await perform { tables throws(SQLiteError) in
            let now = try tables.cursor()
            guard now.store == cursor.store, now.revision >= cursor.revision else { return .reload }
            guard now.revision > cursor.revision else { return .unchanged }
            let (entries, last) = try tables.entries(changedAfter: cursor.revision, limit: SealedKeyLimits.batch)
            let revision = entries.count < SealedKeyLimits.batch ? now.revision : last
            return .changed(entries, SealedKeyCursor(store: now.store, revision: revision))
        }
    }

    package func entries(of publicKeys: [Bytes<48>]) async throws(SealedKeyError) -> [SealedKeyEntry] {
        try await perform { tables throws(SQLiteError) in
            var entries: [SealedKeyEntry] = []
            for key in publicKeys {
                if let entry = try tables.entry(of: key) { entries.append(entry) }
            }
            return entries
        }
    }

    package func page(
        after publicKey: Bytes<48>?,
        limit: Int,
        status: SealedKeyStatus?
    ) async throws(SealedKeyError) -> [SealedKeyRow] {
        precondition((1...SealedKeyLimits.page).contains(limit), "a page of \(limit) rows")
        let statuses = status.map { [$0] } ?? Set(SealedKeyStatus.allCases)
        return try await perform { tables throws(SQLiteError) in
            try tables.rows(after: publicKey, limit: limit, statuses)
        }
    }

    package func apply(_ changes: [SealedKeyChange]) async throws(SealedKeyError) -> [SealedKeyOutcome] {
        try changes.check()
        var outcomes: [SealedKeyOutcome] = []
        for part in changes.parts(count: Self.part.count, bytes: Self.part.bytes) {
            outcomes += try await perform { tables throws(SQLiteError) in try tables.apply(part) }
        }
        return outcomes
    }

    package func raiseFence(to generation: UInt64) async throws(SealedKeyError) {
        try await perform { tables throws(SQLiteError) in try tables.raiseFence(to: generation) }
    }

    package func leastGeneration() async throws(SealedKeyError) -> UInt64 {
        try await perform { tables throws(SQLiteError) in try tables.leastGeneration() }
    }

    package func count() async throws(SealedKeyError) -> SealedKeyCount {
        try await perform { tables throws(SQLiteError) in try tables.count() }
    }

    package func close() async {
        await Blocking.run(name: "sealed-keys") { [self] in
            tables.withLock { $0 = nil }
            lock.withLock { $0 = nil }
        }
    }

    /// On a thread that may wait for the disk.
    private func perform<Value: Sendable>(
        _ work: @escaping @Sendable (SealedKeyFile) throws(SQLiteError) -> Value
    ) async throws(SealedKeyError) -> Value {
        try await gate.pass { () async throws(SealedKeyError) -> Value in
            let result = await Blocking.run(name: "sealed-keys") { [self] () -> Result<Value, SealedKeyError> in
                tables.withLock { (tables) -> Result<Value, SealedKeyError> in
                    guard let tables = tables else { return .failure(.unavailable(reason: "\(path) is closed")) }
                    do throws(SQLiteError) { return .success(try work(tables)) } catch {
                        return .failure(SealedKeyError(error, path))
                    }
                }
            }
            return try result.get()
        }
    }
}

extension SealedKeyError {
    fileprivate init(_ error: SQLiteError, _ path: String) {
        switch error.kind {
        case .corrupt: self = .unusable(reason: "\(path) is damaged or not a database (\(error.message))")
        default: self = .unavailable(reason: "\(path): \(error)")
        }
    }
}
