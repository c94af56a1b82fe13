// SPDX-License-Identifier: Apache-2.0
internal import SQLite

/// The files of a record or of a floor: the database with its log, and those that carry it over a failed sync.
///
/// - `PATH`, `PATH-wal`: the database.
/// - `PATH.unfinished`: a database that is being made; worth nothing, removed at will.
/// - `PATH.sync-failed`: stands while the content of `PATH` cannot be trusted to be on the disk.
/// - `PATH.rewritten`: the whole database once more, durable and verified, on its way to the place of `PATH`.
/// - `PATH.failed`: the database whose sync failed, kept for who wants to look at it.
struct SQLiteFile: Sendable {
    let path: String
    let disk: any DatabaseDisk
    var format = SQLiteSchema.format

    private var noun: String { format.noun }
    var unfinishedPath: String { path + ".unfinished" }
    private var logPath: String { path + "-wal" }
    private var markerPath: String { path + ".sync-failed" }
    private var rewrittenPath: String { path + ".rewritten" }
    private var failedPath: String { path + ".failed" }

    var exists: Bool { disk.exists(path) }

    /// Takes `PATH.lock`: one process, one record.
    func lock() throws(StoreError) -> DatabaseLock {
        guard !isSymbolicLink(path) else {
            throw .storage(
                reason:
                    "the \(noun) \(path) is a symbolic link; name the file that it leads to (a link to its folder is fine)"
            )
        }
        do throws(DiskFailure) {
            if let lock = try DatabaseLock(path: path + ".lock") { return lock }
        } catch {
            throw .storage(reason: "\(error)")
        }
        throw .inUse(path: path)
    }

    // MARK: Making

    /// Makes a database where there is none. It gets its name when it is complete and durable, so that a failure half-way
    /// leaves nothing that could be taken for one.
    func create(_ fill: (borrowing Connection) throws(SQLiteError) -> Void) throws(StoreError) {
        guard !exists else { throw .alreadyExists(path: path) }
        try refuseTraces()
        try build(fill)
        do throws(DiskFailure) {
            try disk.move(unfinishedPath, to: path)
            try disk.syncFolder(of: path)
        } catch {
            throw .storage(reason: "the \(noun) \(path) cannot be created: \(error)")
        }
    }

    /// Where the database is gone but something of it is left, an empty one in its place would forget what was signed.
    func refuseTraces() throws(StoreError) {
        for trace in [logPath, rewrittenPath, failedPath, markerPath] where disk.exists(trace) {
            throw .storage(
                reason:
                    "there is no \(noun) at \(path), but \(trace) shows that there was one; put it back, "
                    + "or move \(trace) away if you know that nothing was signed with it"
            )
        }
    }

    /// Writes a whole database under `unfinishedPath`, durable and closed, in the form in which a record is opened.
    func build(_ fill: (borrowing Connection) throws(SQLiteError) -> Void) throws(StoreError) {
        do throws(DiskFailure) {
            for leftover in ["", "-journal", "-wal"] { try disk.remove(unfinishedPath + leftover) }
            try disk.create(unfinishedPath)
        } catch {
            throw .storage(reason: "the \(noun) cannot be written: \(error)")
        }
        do throws(SQLiteError) {
            let connection = try Connection(path: unfinishedPath, mode: .readWrite, vfs: disk.vfs)
            // With a rollback journal: every sync that fails fails the commit.
            try connection.execute(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; BEGIN IMMEDIATE"
            )
            try connection.execute(format.schema)
            try fill(connection)
            try connection.execute("COMMIT")
            // Now and not when it is opened, so that the header of a record in use never changes.
            try connection.expect("PRAGMA journal_mode = WAL", toSay: "wal")
        } catch {
            throw StoreError(error, path: unfinishedPath, format)
        }
    }

    // MARK: Opening

    /// Opens the database and checks that it is one of this format and version.
    func openConnection() throws(StoreError) -> Connection {
        let connection = try translated { () throws(SQLiteError) in
            let connection = try Connection(path: path, mode: .readWrite, vfs: disk.vfs)
            try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            return connection
        }
        try refuseForeign(connection)
        let hasLog = disk.exists(logPath)
        try translated { () throws(SQLiteError) in
            try SQLiteSchema.configure(connection)
            // A process that was killed left this log. What is read of it may be in the page cache only: a sync may
            // have failed just before, and would not say so again. Copied into the database it is written and synced
            // anew, and the log starts over, so that nothing that is signed from here on lies behind a gap.
            if hasLog { try connection.checkpoint() }
        }
        do throws(DiskFailure) {
            // SQLite syncs the folder of a log that it has just made, but does not tell when that fails.
            try disk.syncFolder(of: path)
        } catch {
            throw .storage(reason: "the \(noun) \(path): \(error)")
        }
        return connection
    }

    /// Looks before anything is changed: another program's database stays as it is.
    private func refuseForeign(_ connection: borrowing Connection) throws(StoreError) {
        let identifier = try integer("PRAGMA application_id", connection)
        guard identifier == format.applicationIdentifier else {
            throw .storage(reason: "\(path) is a database, but not a \(noun)")
        }
        for query in ["PRAGMA user_version", "SELECT version FROM database_version WHERE id = 1"] {
            let version = try integer(query, connection)
            guard version == format.version else {
                throw .unknownVersion(path: path, found: "\(version)", known: format.version)
            }
        }
    }

    private func integer(_ query: String, _ connection: borrowing Connection) throws(StoreError) -> Int64 {
        do throws(SQLiteError) { return try connection.integer(query) } catch {
            throw StoreError(error, path: path, format)
        }
    }

    /// Runs `body`; its failures are told in this module's words.
    func translated<Result: ~Copyable>(_ body: () throws(SQLiteError) -> Result) throws(StoreError) -> Result {
        do throws(SQLiteError) { return try body() } catch { throw StoreError(error, path: path, format) }
    }

    // MARK: The rewrite after a failed sync

    /// Leaves word, durably, that the file must not be trusted.
    func mark() throws(DiskFailure) {
        if !disk.exists(markerPath) { try disk.create(markerPath) }
        try disk.syncFolder(of: path)
    }

    /// Takes the word back, once the record is open in its new file.
    func unmark() throws(DiskFailure) {
        guard disk.exists(markerPath) else { return }
        try disk.remove(markerPath)
        try disk.syncFolder(of: path)
    }

    /// Puts the finished copy under the name that says: complete.
    func finishRewritten() throws(DiskFailure) {
        try disk.move(unfinishedPath, to: rewrittenPath)
        try disk.syncFolder(of: path)
    }

    /// Puts the rewritten file in the place of the one whose sync failed.
    ///
    /// Each step is durable before the next: the old database must never lie without its log, nor the old log beside
    /// the new database, or SQLite would lose records or replay others; and the record must never be gone without the
    /// marker that says where it is.
    func replaceWithRewritten() throws(DiskFailure) {
        try mark()
        if exists {
            try disk.move(path, to: failedPath)
            try disk.syncFolder(of: path)
        }
        if disk.exists(logPath) {
            try disk.move(logPath, to: failedPath + "-wal")
            try disk.syncFolder(of: path)
        }
        try disk.move(rewrittenPath, to: path)
        try disk.syncFolder(of: path)
    }

    /// Ends a replacement that a crash has cut in half. True where the record must still be rewritten.
    func finishInterruptedReplacement() throws(StoreError) -> Bool {
        if exists { return disk.exists(markerPath) || disk.exists(rewrittenPath) }
        guard disk.exists(rewrittenPath) else { return false }
        guard disk.exists(markerPath) else {
            try refuseTraces()
            return false
        }
        do throws(DiskFailure) {
            try replaceWithRewritten()
        } catch {
            throw .storage(reason: "the rewrite of the \(noun) \(path) cannot be finished: \(error)")
        }
        return false
    }
}

extension StoreError {
    /// An error of SQLite in the words of this module.
    init(_ error: SQLiteError, path: String, _ format: DatabaseFormat = SQLiteSchema.format) {
        self =
            switch error.kind {
            case .busy: .inUse(path: path)
            case .corrupt:
                .storage(
                    reason:
                        "the \(format.noun) \(path) is damaged or not a database; \(format.remedy) (\(error.message))"
                )
            default: .storage(reason: "the \(format.noun) \(path): \(error)")
            }
    }
}
