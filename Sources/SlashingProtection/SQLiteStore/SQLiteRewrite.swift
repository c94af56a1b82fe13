// SPDX-License-Identifier: Apache-2.0
internal import SQLite

/// Copies a database to a new file after a failed sync. What a file holds after that is not known to be on the disk, and
/// no later sync of the same file would tell; only pages that are written again are.
enum SQLiteRewrite {
    /// Writes what `source` reads to a new file, durably, reads it back, and gives it the name that says so.
    static func copy(_ source: borrowing Connection, to file: SQLiteFile) throws(StoreError) {
        try file.build { target throws(SQLiteError) in try write(source, to: target, file.format.tables) }
        do throws(SQLiteError) {
            try verify(source, against: file)
        } catch {
            throw StoreError(error, path: file.unfinishedPath, file.format)
        }
        do throws(DiskFailure) {
            try file.finishRewritten()
        } catch {
            throw .storage(reason: "\(error)")
        }
    }

    private static func write(
        _ source: borrowing Connection,
        to target: borrowing Connection,
        _ tables: [String]
    ) throws(SQLiteError) {
        for table in tables {
            let rows = try source.prepare("SELECT * FROM \(table)")
            let marks = (1...rows.columnCount).map { "?\($0)" }.joined(separator: ", ")
            let insert = try target.prepare("INSERT INTO \(table) VALUES (\(marks))")
            while try rows.step() {
                for column in 0..<rows.columnCount { try insert.bind(column: column, of: rows) }
                try insert.run()
            }
        }
    }

    /// Reads both, row by row, in the same order.
    private static func verify(_ source: borrowing Connection, against file: SQLiteFile) throws(SQLiteError) {
        let copy = try Connection(path: file.unfinishedPath, mode: .readWrite, vfs: file.disk.vfs)
        try copy.execute("PRAGMA locking_mode = EXCLUSIVE")
        for table in file.format.tables {
            let query = "SELECT * FROM \(table) ORDER BY 1, 2"
            let left = try source.prepare(query)
            let right = try copy.prepare(query)
            while true {
                let more = try left.step()
                guard more == (try right.step()) else { throw differs(table, file) }
                guard more else { break }
                for column in 0..<left.columnCount where !left.isEqual(to: right, column: column) {
                    throw differs(table, file)
                }
            }
        }
    }

    private static func differs(_ table: String, _ file: SQLiteFile) -> SQLiteError {
        SQLiteError(
            kind: .inputOutput,
            operation: "verifying \(file.unfinishedPath)",
            message: "table \(table) reads back differently"
        )
    }
}

extension Statement {
    /// Copies one column of a row, whatever its type.
    fileprivate borrowing func bind(column: Int32, of row: borrowing Statement) throws(SQLiteError) {
        if row.isNull(column) {
            try bindNull(at: column + 1)
        } else if row.isBlob(column) {
            let bytes = row.withBlob(column) { span in span.indices.map { span[$0] } }
            try bind(bytes.span, at: column + 1)
        } else {
            try bind(row.integer(column), at: column + 1)
        }
    }

    fileprivate borrowing func isEqual(to other: borrowing Statement, column: Int32) -> Bool {
        guard isNull(column) == other.isNull(column), isBlob(column) == other.isBlob(column) else { return false }
        if isNull(column) { return true }
        guard isBlob(column) else { return integer(column) == other.integer(column) }
        let left = withBlob(column) { span in span.indices.map { span[$0] } }
        return left == other.withBlob(column) { span in span.indices.map { span[$0] } }
    }
}
