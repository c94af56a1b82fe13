// SPDX-License-Identifier: Apache-2.0
internal import SQLite

/// The tables of a state over one connection; used under the lock of its owner.
final class SQLiteStateTables {
    private let connection: Connection
    private let readRevision: Statement
    private let readRows: Statement
    private let readVersion: Statement
    private let writeRow: Statement
    private let writeRevision: Statement

    /// Marks the file as a signer state ("CCST").
    private static let applicationIdentifier: Int64 = 0x4343_5354
    private static let version: Int64 = 1

    private static let schema = """
        BEGIN IMMEDIATE;
        PRAGMA application_id = \(applicationIdentifier);
        PRAGMA user_version = \(version);
        CREATE TABLE header (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
        INSERT INTO header (id, revision) VALUES (1, 0);
        CREATE TABLE rows (
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            version INTEGER NOT NULL CHECK (version > 0),
            revision INTEGER NOT NULL,
            body BLOB,
            PRIMARY KEY (kind, name)
        ) WITHOUT ROWID;
        CREATE INDEX rows_by_revision ON rows (revision);
        COMMIT;
        """

    init(path: String, disk: any DatabaseDisk) throws(SQLiteError) {
        let connection = try Connection(path: path, mode: .readWrite, vfs: disk.vfs)
        try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        // An empty file has no identifier: it was only just made, or making it was cut short.
        if try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 { try connection.execute(Self.schema) }
        guard try connection.integer("PRAGMA application_id") == Self.applicationIdentifier else {
            throw SQLiteError(kind: .corrupt, operation: "opening \(path)", message: "it is not a signer state")
        }
        let version = try connection.integer("PRAGMA user_version")
        guard version == Self.version else {
            let message = "its version is \(version), this program knows \(Self.version)"
            throw SQLiteError(kind: .corrupt, operation: "opening \(path)", message: message)
        }
        // A rollback journal: changes are rare, and every sync that fails fails the change.
        try connection.expect("PRAGMA journal_mode = DELETE", toSay: "delete")
        try connection.execute("PRAGMA synchronous = EXTRA")
        readRevision = try connection.prepare("SELECT revision FROM header WHERE id = 1")
        readRows = try connection.prepare(
            "SELECT kind, name, version, revision, body FROM rows WHERE revision > ?1 ORDER BY kind, name"
        )
        readVersion = try connection.prepare(
            "SELECT version, body IS NULL FROM rows WHERE kind = ?1 AND name = ?2"
        )
        writeRow = try connection.prepare(
            """
            INSERT INTO rows (kind, name, version, revision, body) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (kind, name) DO UPDATE SET version = ?3, revision = ?4, body = ?5
            """
        )
        writeRevision = try connection.prepare("UPDATE header SET revision = ?1 WHERE id = 1")
        self.connection = connection
    }

    func rows(after revision: UInt64) throws(SQLiteError) -> StateReading {
        let now = try revisionNow()
        guard now != revision else { return StateReading(revision: now, rows: []) }
        readRows.reset()
        try readRows.bind(Int64(clamping: revision), at: 1)
        var rows: [StateRow] = []
        while try readRows.step() {
            let isDeleted = readRows.isNull(4)
            rows.append(
                StateRow(
                    name: StateRowName(readRows.text(0), readRows.text(1)),
                    version: UInt64(readRows.integer(2)),
                    revision: UInt64(readRows.integer(3)),
                    body: isDeleted ? nil : readRows.withBlob(4) { span in span.indices.map { span[$0] } }
                )
            )
        }
        readRows.reset()
        return StateReading(revision: now, rows: rows)
    }

    func apply(_ changes: [StateChange]) throws(StateFailure) -> UInt64 {
        do throws(SQLiteError) { try connection.execute("BEGIN IMMEDIATE") } catch { throw .sqlite(error) }
        do throws(StateFailure) {
            let revision = try translated { () throws(SQLiteError) in try revisionNow() + 1 }
            for change in changes { try apply(change, revision) }
            try translated { () throws(SQLiteError) in
                writeRevision.reset()
                try writeRevision.bind(Int64(revision), at: 1)
                try writeRevision.run()
                try connection.execute("COMMIT")
            }
            return revision
        } catch {
            // Some failures have ended the transaction by themselves.
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    private func apply(_ change: StateChange, _ revision: UInt64) throws(StateFailure) {
        let (version, isDeleted) = try translated { () throws(SQLiteError) in try current(change.name) }
        guard change.expected == (isDeleted ? 0 : version) else { throw .conflict(change.name) }
        guard version < UInt64(Int64.max), revision <= UInt64(Int64.max) else { throw .exhausted(change.name) }
        try translated { () throws(SQLiteError) in
            writeRow.reset()
            try writeRow.bind(change.name.kind, at: 1)
            try writeRow.bind(change.name.name, at: 2)
            try writeRow.bind(Int64(version + 1), at: 3)
            try writeRow.bind(Int64(revision), at: 4)
            if let body = change.body { try writeRow.bind(body.span, at: 5) } else { try writeRow.bindNull(at: 5) }
            try writeRow.run()
        }
    }

    /// Version 0 where the row was never there.
    private func current(_ name: StateRowName) throws(SQLiteError) -> (version: UInt64, isDeleted: Bool) {
        readVersion.reset()
        try readVersion.bind(name.kind, at: 1)
        try readVersion.bind(name.name, at: 2)
        guard try readVersion.step() else { return (0, true) }
        defer { readVersion.reset() }
        return (UInt64(readVersion.integer(0)), readVersion.integer(1) != 0)
    }

    private func revisionNow() throws(SQLiteError) -> UInt64 {
        readRevision.reset()
        guard try readRevision.step() else {
            throw SQLiteError(kind: .corrupt, operation: "reading the state", message: "its header is gone")
        }
        defer { readRevision.reset() }
        return UInt64(readRevision.integer(0))
    }

    private func translated<Value>(_ body: () throws(SQLiteError) -> Value) throws(StateFailure) -> Value {
        do throws(SQLiteError) { return try body() } catch { throw .sqlite(error) }
    }
}
