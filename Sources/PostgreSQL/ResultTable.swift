// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL

/// What one statement gave: rows and columns from 0, in the binary format.
///
/// Every accessor compares the column's type with what it reads and traps where they differ: statements name their
/// columns and cast what may vary (`::int8`), so a difference is a mistake in the statement, not an event at run time.
/// Bytes that do not fit their type, from a server that breaks the protocol, trap too.
@safe package final class ResultTable: @unchecked Sendable {
    // Sound: a `PGresult` is never changed once the library has given it out, and freed by its one owner.
    private let result: OpaquePointer

    package let rowCount: Int
    package let columnCount: Int

    /// Takes over the result.
    init(_ result: OpaquePointer) {
        unsafe self.result = unsafe result
        rowCount = Int(unsafe PQntuples(result))
        columnCount = Int(unsafe PQnfields(result))
    }

    deinit { unsafe PQclear(result) }

    /// What kind of answer it is.
    var status: ExecStatusType { unsafe PQresultStatus(result) }

    /// The error that it is.
    var error: PostgreSQLError { unsafe ErrorText.error(result) }

    /// What the server calls the command that it ran: `INSERT 0 1`, `COMMIT`, or `ROLLBACK` for a COMMIT of what had
    /// failed.
    package var commandTag: String { unsafe String(cString: PQcmdStatus(result)) }

    /// How many rows were inserted, changed, deleted or selected.
    package var affectedRows: Int { unsafe Int(String(cString: PQcmdTuples(result))) ?? 0 }

    package func isNull(_ row: Int, _ column: Int) -> Bool {
        checkPlace(row, column)
        return unsafe PQgetisnull(result, Int32(row), Int32(column)) == 1
    }

    package func bool(_ row: Int, _ column: Int) -> Bool? {
        unsafe field(row, column, [.bool]).map { bytes in
            precondition(bytes.count == 1, "a bool of \(bytes.count) bytes")
            return unsafe bytes[0] != 0
        }
    }

    package func int16(_ row: Int, _ column: Int) -> Int16? {
        unsafe field(row, column, [.int2]).map { unsafe integer($0) }
    }

    package func int32(_ row: Int, _ column: Int) -> Int32? {
        unsafe field(row, column, [.int4]).map { unsafe integer($0) }
    }

    package func int64(_ row: Int, _ column: Int) -> Int64? {
        unsafe field(row, column, [.int8]).map { unsafe integer($0) }
    }

    /// A value of `text`, `varchar`, `char(n)` or `name`.
    package func text(_ row: Int, _ column: Int) -> String? {
        unsafe field(row, column, [.text, .varchar, .bpchar, .name, .unknown]).map {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }

    package func bytes(_ row: Int, _ column: Int) -> [UInt8]? {
        unsafe field(row, column, [.bytea]).map { unsafe [UInt8]($0) }
    }

    /// A `numeric` that holds an unsigned integer of at most 64 bits. Another number that the column may well hold is an
    /// error (`.server` with SQLSTATE 22003, numeric value out of range).
    package func unsigned(_ row: Int, _ column: Int) throws(PostgreSQLError) -> UInt64? {
        guard let bytes = unsafe field(row, column, [.numeric]) else { return nil }
        do {
            return try NumericDecoding.unsigned(unsafe Span(_unsafeElements: bytes))
        } catch {
            let name = columnName(column)
            throw .server(sqlState: "22003", message: "column \(name) holds no unsigned integer of 64 bits (\(error))")
        }
    }

    /// The bytes of a field, which live as long as the result; nil for NULL.
    private func field(_ row: Int, _ column: Int, _ types: [TypeIdentifier]) -> UnsafeBufferPointer<UInt8>? {
        checkPlace(row, column)
        let type = unsafe PQftype(result, Int32(column))
        precondition(
            types.contains { $0.rawValue == type },
            "column \(columnName(column)) has the type with OID \(type), read as \(types)"
        )
        precondition(unsafe PQfformat(result, Int32(column)) == 1, "column \(columnName(column)) came as text")
        guard unsafe PQgetisnull(result, Int32(row), Int32(column)) == 0 else { return nil }
        let count = Int(unsafe PQgetlength(result, Int32(row), Int32(column)))
        let start = unsafe UnsafeRawPointer(PQgetvalue(result, Int32(row), Int32(column)))
        return unsafe UnsafeBufferPointer(start: start?.assumingMemoryBound(to: UInt8.self), count: count)
    }

    private func integer<Value: FixedWidthInteger>(_ bytes: UnsafeBufferPointer<UInt8>) -> Value {
        precondition(bytes.count == Value.bitWidth / 8, "a \(Value.self) of \(bytes.count) bytes")
        return unsafe bytes.reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }

    private func checkPlace(_ row: Int, _ column: Int) {
        precondition((0..<rowCount).contains(row), "row \(row) of \(rowCount)")
        precondition((0..<columnCount).contains(column), "column \(column) of \(columnCount)")
    }

    private func columnName(_ column: Int) -> String {
        unsafe PQfname(result, Int32(column)).map { unsafe String(cString: $0) } ?? "\(column)"
    }
}
