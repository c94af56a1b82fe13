// SPDX-License-Identifier: Apache-2.0
internal import CSQLite

/// One connection to one database file (`sqlite3_open_v2`), for one thread at a time. Closed when its owner lets go.
@safe package struct Connection: ~Copyable, @unchecked Sendable {
    // Sound: opened without SQLite's own mutexes, so it must not be shared; being noncopyable, it has one owner, and
    // that owner's thread is the one that uses it.
    private let handle: OpaquePointer

    /// How a file is opened.
    package enum Mode: Sendable {
        /// The file must exist.
        case readWrite
        /// The file is made where there is none.
        case create
        /// Nothing is written.
        case readOnly
    }

    /// Opens `path`. `vfs` names another layer of file operations, for tests that inject faults.
    package init(path: String, mode: Mode, vfs: String? = nil) throws(SQLiteError) {
        let flags =
            switch mode {
            case .readWrite: SQLITE_OPEN_READWRITE
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .readOnly: SQLITE_OPEN_READONLY
            }
        var handle: OpaquePointer?
        let code = unsafe sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, vfs)
        guard code == SQLITE_OK, let opened = unsafe handle else {
            let error = unsafe SQLiteError(code: code, operation: "opening \(path)", handle: handle)
            unsafe sqlite3_close_v2(handle)
            throw error
        }
        unsafe self.handle = opened
        unsafe sqlite3_extended_result_codes(opened, 1)
    }

    deinit { unsafe sqlite3_close_v2(handle) }

    /// Runs statements without parameters and without rows that matter (`sqlite3_exec`).
    package borrowing func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else {
            throw unsafe SQLiteError(code: code, operation: "running \(firstWords(of: sql))", handle: handle)
        }
    }

    /// Prepares one statement that is kept and used again.
    package borrowing func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        var statement: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let prepared = unsafe statement else {
            throw unsafe SQLiteError(code: code, operation: "preparing \(firstWords(of: sql))", handle: handle)
        }
        return unsafe Statement(prepared, connection: handle, summary: firstWords(of: sql))
    }

    /// Copies the whole log into the database and syncs that (`PRAGMA wal_checkpoint`); fails where anything of the log
    /// is left. For a connection that nobody shares the file with.
    package borrowing func checkpoint() throws(SQLiteError) {
        let statement = try prepare("PRAGMA wal_checkpoint(PASSIVE)")
        guard try statement.step() else { return }
        let (isBusy, frames, copied) = (statement.integer(0), statement.integer(1), statement.integer(2))
        guard isBusy == 0, frames == copied else {
            throw SQLiteError(kind: .busy, operation: "checkpoint", message: "\(copied) of \(frames) pages were copied")
        }
    }

    /// Whether a transaction is open (`sqlite3_get_autocommit`): some failures end it by themselves.
    package var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Rows inserted, changed or deleted since the connection was opened (`sqlite3_total_changes64`).
    package var totalChanges: Int64 { unsafe sqlite3_total_changes64(handle) }

    /// The number that a query of one row and one column gives; 0 where it gives none.
    package borrowing func integer(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// Runs a pragma that answers with the mode that it has really set; anything but `answer` is an error.
    package borrowing func expect(_ pragma: String, toSay answer: String) throws(SQLiteError) {
        let statement = try prepare(pragma)
        let said = try statement.step() ? statement.text(0) : ""
        while try statement.step() {}
        guard said == answer else {
            throw SQLiteError(kind: .cannotOpen, operation: pragma, message: "SQLite stays with \(said)")
        }
    }
}

/// Enough of a statement to recognise it in an error; no values, those are bound.
private func firstWords(of sql: String) -> String {
    sql.split(whereSeparator: \.isWhitespace).prefix(4).joined(separator: " ")
}
