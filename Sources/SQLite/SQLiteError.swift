// SPDX-License-Identifier: Apache-2.0
internal import CSQLite

/// A call of SQLite that did not succeed. Never holds values of a statement.
package struct SQLiteError: Error, Sendable, CustomStringConvertible {
    /// What the owner of the connection has to tell apart.
    package enum Kind: Sendable, Equatable {
        /// No space left for a write (`SQLITE_FULL`): nothing was lost, the write can be tried again.
        case full
        /// A sync failed: what was written before it may never reach the disk, and a later sync would not tell.
        case syncFailed
        /// Another fault of reading or writing.
        case inputOutput
        /// The file is not a database, or its content is damaged.
        case corrupt
        /// Another connection holds the file.
        case busy
        /// The file cannot be opened or is read-only.
        case cannotOpen
        /// A constraint of the schema refused the row.
        case constraint
        /// Everything else: a mistake in the calling code or a library that ran out of memory.
        case other
    }

    package let kind: Kind
    /// SQLite's extended result code.
    package let code: Int32
    /// What was attempted, in words.
    package let operation: String
    /// SQLite's own words.
    package let message: String

    package var description: String { "\(operation): \(message) (SQLite \(code))" }

    /// A fault that the owner of a connection has found by itself.
    package init(kind: Kind, operation: String, message: String) {
        self.kind = kind
        code = 0
        self.operation = operation
        self.message = message
    }

    init(code: Int32, operation: String, handle: OpaquePointer?) {
        self.code = code
        self.operation = operation
        self.kind = Kind(code: code)
        let text = unsafe handle.map { unsafe sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        message = unsafe text.map { unsafe String(cString: $0) } ?? "unknown"
    }
}

extension SQLiteError.Kind {
    /// Sorts an extended result code (sqlite.org/rescode.html).
    fileprivate init(code: Int32) {
        switch (code, code & 0xff) {
        case (SQLITE_IOERR | 4 << 8, _), (SQLITE_IOERR | 5 << 8, _): self = .syncFailed  // FSYNC, DIR_FSYNC
        case (_, SQLITE_FULL): self = .full
        case (_, SQLITE_IOERR): self = .inputOutput
        case (_, SQLITE_CORRUPT), (_, SQLITE_NOTADB): self = .corrupt
        case (_, SQLITE_BUSY), (_, SQLITE_LOCKED): self = .busy
        case (_, SQLITE_CANTOPEN), (_, SQLITE_READONLY), (_, SQLITE_PERM): self = .cannotOpen
        case (_, SQLITE_CONSTRAINT): self = .constraint
        default: self = .other
        }
    }
}
