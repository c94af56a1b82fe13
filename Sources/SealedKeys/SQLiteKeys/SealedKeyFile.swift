// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import SQLite

/// The tables of a file over one connection; used under the lock of its owner.
final class SealedKeyFile {
    private let connection: Connection
    private let readHeader: Statement
    private let writeHeader: Statement
    private let writeFence: Statement
    private let readEntry: Statement
    private let readPage: Statement
    private let readChanges: Statement
    private let readCounts: Statement
    private let write: SealedKeyWriting

    /// Marks the file as a store of encrypted keys ("CCSK").
    private static let applicationIdentifier: Int64 = 0x4343_534b
    private static let version: Int64 = 1

    /// Files of before have no such column.
    private static let fence = "least_generation INTEGER NOT NULL DEFAULT 0"

    /// With ids of rows: bodies are long, and in a table without ids they would lie between the keys.
    private static let schema = """
        BEGIN IMMEDIATE;
        PRAGMA application_id = \(applicationIdentifier);
        PRAGMA user_version = \(version);
        CREATE TABLE header (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            store_id BLOB NOT NULL,
            revision INTEGER NOT NULL,
            \(fence)
        );
        INSERT INTO header (id, store_id, revision) VALUES (1, randomblob(16), 0);
        CREATE TABLE entries (
            public_key BLOB NOT NULL PRIMARY KEY CHECK (length(public_key) = 48),
            version INTEGER NOT NULL CHECK (version > 0),
            revision INTEGER NOT NULL UNIQUE,
            status TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'deleted')),
            created_at INTEGER,
            updated_at INTEGER NOT NULL,
            key_generation INTEGER NOT NULL,
            key_name TEXT,
            secret BLOB,
            encrypted_mnemonic BLOB,
            seal BLOB NOT NULL,
            CHECK ((status = 'deleted') = (secret IS NULL)),
            CHECK ((status = 'deleted') = (created_at IS NULL))
        );
        COMMIT;
        """

    init(path: String, disk: any DatabaseDisk) throws(SQLiteError) {
        let connection = try Connection(path: path, mode: .readWrite, vfs: disk.vfs)
        try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        // An empty file has no identifier: it was only just made, or making it was cut short.
        if try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 { try connection.execute(Self.schema) }
        guard try connection.integer("PRAGMA application_id") == Self.applicationIdentifier else {
            throw SQLiteError(kind: .corrupt, operation: "opening \(path)", message: "it does not hold encrypted keys")
        }
        let version = try connection.integer("PRAGMA user_version")
        guard version == Self.version else {
            let message = "its version is \(version), this program knows \(Self.version)"
            throw SQLiteError(kind: .corrupt, operation: "opening \(path)", message: message)
        }
        let fenced = "SELECT count(*) FROM sqlite_schema WHERE name = 'header' AND sql LIKE '%least_generation%'"
        if try connection.integer(fenced) == 0 {
            try connection.execute("ALTER TABLE header ADD COLUMN \(Self.fence)")
        }
        // A rollback journal: changes are rare, and every sync that fails fails the change.
        try connection.expect("PRAGMA journal_mode = DELETE", toSay: "delete")
        try connection.execute("PRAGMA synchronous = EXTRA")
        readHeader = try connection.prepare("SELECT store_id, revision, least_generation FROM header WHERE id = 1")
        writeHeader = try connection.prepare("UPDATE header SET revision = ?1 WHERE id = 1")
        writeFence = try connection.prepare(
            "UPDATE header SET least_generation = max(least_generation, ?1) WHERE id = 1"
        )
        readEntry = try connection.prepare("SELECT \(SealedKeyReading.columns) FROM entries WHERE public_key = ?1")
        // An empty key stands before all others.
        readPage = try connection.prepare(
            """
            SELECT \(SealedKeyReading.columns) FROM entries WHERE public_key > ?1 AND status IN (?2, ?3)
                ORDER BY public_key LIMIT ?4
            """
        )
        readChanges = try connection.prepare(
            "SELECT \(SealedKeyReading.columns) FROM entries WHERE revision > ?1 ORDER BY revision LIMIT ?2"
        )
        readCounts = try connection.prepare(
            "SELECT count(*) FILTER (WHERE status = 'active'), count(*) FILTER (WHERE status = 'inactive') FROM entries"
        )
        write = try SealedKeyWriting(connection)
        self.connection = connection
    }

    // MARK: Reading

    func cursor() throws(SQLiteError) -> SealedKeyCursor { try header().cursor }

    func leastGeneration() throws(SQLiteError) -> UInt64 { try header().fence }

    private func header() throws(SQLiteError) -> (cursor: SealedKeyCursor, fence: UInt64) {
        readHeader.reset()
        defer { readHeader.reset() }
        guard try readHeader.step(), let store = Bytes<16>(SealedKeyReading.bytes(readHeader, 0)) else {
            throw SQLiteError(kind: .corrupt, operation: "reading the header", message: "its header is gone")
        }
        let cursor = SealedKeyCursor(store: store, revision: UInt64(clamping: readHeader.integer(1)))
        return (cursor, UInt64(clamping: readHeader.integer(2)))
    }

    func entry(of publicKey: Bytes<48>) throws(SQLiteError) -> SealedKeyEntry? {
        readEntry.reset()
        defer { readEntry.reset() }
        try readEntry.bind(publicKey.span, at: 1)
        return try readEntry.step() ? SealedKeyReading.entry(readEntry).entry : nil
    }

    func rows(
        after publicKey: Bytes<48>?,
        limit: Int,
        _ statuses: Set<SealedKeyStatus>
    ) throws(SQLiteError) -> [SealedKeyRow] {
        readPage.reset()
        defer { readPage.reset() }
        let behind = publicKey?.array ?? []
        try readPage.bind(behind.span, at: 1)
        for (place, status) in SealedKeyStatus.allCases.enumerated() {
            try readPage.bind(statuses.contains(status) ? status.rawValue : "", at: Int32(2 + place))
        }
        try readPage.bind(Int64(limit), at: 4)
        var rows: [SealedKeyRow] = []
        while try readPage.step() {
            if let row = try SealedKeyReading.entry(readPage).entry.row { rows.append(row) }
        }
        return rows
    }

    /// Entries in the order of their changes, and the revision of the last one.
    func entries(
        changedAfter revision: UInt64,
        limit: Int
    ) throws(SQLiteError) -> (entries: [SealedKeyEntry], last: UInt64) {
        readChanges.reset()
        defer { readChanges.reset() }
        try readChanges.bind(Int64(clamping: revision), at: 1)
        try readChanges.bind(Int64(limit), at: 2)
        var (entries, last): ([SealedKeyEntry], UInt64) = ([], revision)
        while try readChanges.step() {
            let (entry, revision) = try SealedKeyReading.entry(readChanges)
            entries.append(entry)
            last = revision
        }
        return (entries, last)
    }

    func count() throws(SQLiteError) -> SealedKeyCount {
        readCounts.reset()
        defer { readCounts.reset() }
        guard try readCounts.step() else { return SealedKeyCount(active: 0, inactive: 0) }
        return SealedKeyCount(
            active: UInt64(clamping: readCounts.integer(0)),
            inactive: UInt64(clamping: readCounts.integer(1))
        )
    }

    // MARK: Changing

    /// One transaction; no key twice.
    func apply(_ changes: ArraySlice<SealedKeyChange>) throws(SQLiteError) -> [SealedKeyOutcome] {
        try connection.execute("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            let (cursor, fence) = try header()
            var revision = cursor.revision
            var outcomes: [SealedKeyOutcome] = []
            for change in changes {
                let entry = change.entry
                let decision = change.decision(over: try self.entry(of: entry.publicKey), fence: fence)
                if decision == .write {
                    revision += 1
                    try write.put(entry, revision: revision)
                }
                outcomes.append(decision.outcome)
            }
            writeHeader.reset()
            try writeHeader.bind(Int64(clamping: revision), at: 1)
            try writeHeader.run()
            try connection.execute("COMMIT")
            return outcomes
        } catch {
            // Some failures have ended the transaction by themselves.
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    /// A transaction of its own.
    func raiseFence(to generation: UInt64) throws(SQLiteError) {
        writeFence.reset()
        try writeFence.bind(Int64(clamping: generation), at: 1)
        try writeFence.run()
    }
}
