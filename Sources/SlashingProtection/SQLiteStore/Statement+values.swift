// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Encoding
internal import SQLite

/// Numbers of rows.
struct RecordCounts: Sendable {
    var validators = 0
    var disabled = 0
}

extension Statement {
    /// The current row of source, target and root.
    var attestation: RecordedAttestation {
        RecordedAttestation(source: Epoch(number(0)), target: Epoch(number(1)), root: root(2))
    }

    /// A number that the schema keeps at 0 or above.
    borrowing func number(_ column: Int32) -> UInt64 { UInt64(clamping: integer(column)) }

    borrowing func slot(_ column: Int32) -> Slot? { isNull(column) ? nil : Slot(number(column)) }

    borrowing func epoch(_ column: Int32) -> Epoch? { isNull(column) ? nil : Epoch(number(column)) }

    borrowing func bytes<let count: Int>(_ column: Int32) -> Bytes<count>? {
        withBlob(column) { $0.count == count ? Bytes<count>(copying: $0) : nil }
    }

    borrowing func root(_ column: Int32) -> SigningRoot? { bytes(column).map { SigningRoot($0) } }

    borrowing func bind(root: SigningRoot?, at parameter: Int32) throws(SQLiteError) {
        if let root { try bind(root.bytes.span, at: parameter) } else { try bindNull(at: parameter) }
    }

    /// Binds a number that was held against the bound of `Int64` before.
    borrowing func bind(number: UInt64?, at parameter: Int32) throws(SQLiteError) {
        if let number { try bind(Int64(number), at: parameter) } else { try bindNull(at: parameter) }
    }
}
