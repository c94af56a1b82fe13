// SPDX-License-Identifier: Apache-2.0
internal import CSQLite

/// A prepared statement. Parameters are numbered from 1, columns from 0, as in SQLite.
@safe package struct Statement: ~Copyable, @unchecked Sendable {
    // Sound: used only by the owner of its connection, and finalised by its one owner. The connection outlives it in
    // SQLite itself: `sqlite3_close_v2` waits for the last statement.
    private let handle: OpaquePointer
    private let connection: OpaquePointer
    private let summary: String

    init(_ handle: OpaquePointer, connection: OpaquePointer, summary: String) {
        unsafe self.handle = unsafe handle
        unsafe self.connection = unsafe connection
        self.summary = summary
    }

    deinit { unsafe sqlite3_finalize(handle) }

    package borrowing func bind(_ value: Int64, at parameter: Int32) throws(SQLiteError) {
        try check(unsafe sqlite3_bind_int64(handle, parameter, value))
    }

    /// Binds a copy of the bytes.
    package borrowing func bind(_ bytes: Span<UInt8>, at parameter: Int32) throws(SQLiteError) {
        try check(
            unsafe bytes.withUnsafeBufferPointer { buffer in
                unsafe chamber_sqlite3_bind_blob_copy(handle, parameter, buffer.baseAddress, Int32(buffer.count))
            }
        )
    }

    package borrowing func bind(_ text: String, at parameter: Int32) throws(SQLiteError) {
        try check(unsafe chamber_sqlite3_bind_text_copy(handle, parameter, text, Int32(text.utf8.count)))
    }

    package borrowing func bindNull(at parameter: Int32) throws(SQLiteError) {
        try check(unsafe sqlite3_bind_null(handle, parameter))
    }

    /// Moves to the next row; false after the last.
    package borrowing func step() throws(SQLiteError) -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw unsafe SQLiteError(code: code, operation: "running \(summary)", handle: connection)
        }
    }

    /// Makes the statement ready for its next use; bound values stay until they are bound again.
    package borrowing func reset() { unsafe sqlite3_reset(handle) }

    /// Runs to the end and resets, whatever happens.
    package borrowing func run() throws(SQLiteError) {
        defer { reset() }
        while try step() {}
    }

    package var columnCount: Int32 { unsafe sqlite3_column_count(handle) }

    package borrowing func isNull(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    package borrowing func isBlob(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(handle, column) == SQLITE_BLOB
    }

    package borrowing func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

    package borrowing func text(_ column: Int32) -> String {
        guard let start = unsafe sqlite3_column_text(handle, column) else { return "" }
        return unsafe String(cString: start)
    }

    /// Lets `body` read a blob in place; an absent value has no bytes.
    package borrowing func withBlob<Result>(_ column: Int32, _ body: (Span<UInt8>) -> Result) -> Result {
        let start = unsafe sqlite3_column_blob(handle, column)
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        let buffer = unsafe UnsafeBufferPointer(start: start?.assumingMemoryBound(to: UInt8.self), count: count)
        return body(unsafe Span(_unsafeElements: buffer))
    }

    private borrowing func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else {
            throw unsafe SQLiteError(code: code, operation: "binding to \(summary)", handle: connection)
        }
    }
}
