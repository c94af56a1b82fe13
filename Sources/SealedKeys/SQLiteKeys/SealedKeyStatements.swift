// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import SQLite

/// From the columns of a row to an entry.
enum SealedKeyReading {
    static let columns = """
        public_key, version, status, created_at, updated_at, key_generation, key_name, secret, encrypted_mnemonic, seal,
        revision
        """

    /// The entry on which a statement stands that has `columns`, and the revision of its last change.
    static func entry(_ statement: borrowing Statement) throws(SQLiteError) -> (entry: SealedKeyEntry, revision: UInt64)
    {
        let status = statement.text(2)
        guard let key = Bytes<48>(bytes(statement, 0)), status == "deleted" || SealedKeyStatus(rawValue: status) != nil
        else {
            throw SQLiteError(kind: .corrupt, operation: "reading a key", message: "a row has no key or no status")
        }
        return (entry(key, SealedKeyStatus(rawValue: status), statement), number(statement, 10))
    }

    private static func entry(
        _ key: Bytes<48>,
        _ status: SealedKeyStatus?,
        _ statement: borrowing Statement
    ) -> SealedKeyEntry {
        guard let status else {
            return .deleted(
                SealedKeyTombstone(
                    publicKey: key,
                    version: number(statement, 1),
                    deletedAt: number(statement, 4),
                    keyGeneration: number(statement, 5),
                    seal: bytes(statement, 9)
                )
            )
        }
        return .standing(
            SealedKeyRow(
                publicKey: key,
                version: number(statement, 1),
                status: status,
                createdAt: number(statement, 3),
                updatedAt: number(statement, 4),
                keyGeneration: number(statement, 5),
                name: statement.isNull(6) ? nil : statement.text(6),
                secret: bytes(statement, 7),
                encryptedMnemonic: statement.isNull(8) ? nil : bytes(statement, 8),
                seal: bytes(statement, 9)
            )
        )
    }

    static func bytes(_ statement: borrowing Statement, _ column: Int32) -> [UInt8] {
        statement.withBlob(column) { span in span.indices.map { span[$0] } }
    }

    private static func number(_ statement: borrowing Statement, _ column: Int32) -> UInt64 {
        UInt64(clamping: statement.integer(column))
    }
}

/// From an entry to the columns of its row.
struct SealedKeyWriting: ~Copyable {
    private let statement: Statement

    init(_ connection: borrowing Connection) throws(SQLiteError) {
        statement = try connection.prepare(
            """
            INSERT INTO entries (\(SealedKeyReading.columns))
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                ON CONFLICT (public_key) DO UPDATE SET version = ?2, status = ?3, created_at = ?4, updated_at = ?5,
                    key_generation = ?6, key_name = ?7, secret = ?8, encrypted_mnemonic = ?9, seal = ?10, revision = ?11
            """
        )
    }

    borrowing func put(_ entry: SealedKeyEntry, revision: UInt64) throws(SQLiteError) {
        statement.reset()
        try statement.bind(entry.publicKey.span, at: 1)
        try statement.bind(Int64(clamping: entry.version), at: 2)
        try statement.bind(entry.row?.status.rawValue ?? "deleted", at: 3)
        if let row = entry.row {
            try statement.bind(Int64(clamping: row.createdAt), at: 4)
        } else {
            try statement.bindNull(at: 4)
        }
        try statement.bind(Int64(clamping: entry.updatedAt), at: 5)
        try statement.bind(Int64(clamping: entry.keyGeneration), at: 6)
        if let name = entry.row?.name { try statement.bind(name, at: 7) } else { try statement.bindNull(at: 7) }
        try bind(entry.row?.secret, at: 8)
        try bind(entry.row?.encryptedMnemonic, at: 9)
        try bind(entry.seal, at: 10)
        try statement.bind(Int64(clamping: revision), at: 11)
        try statement.run()
    }

    private borrowing func bind(_ bytes: [UInt8]?, at parameter: Int32) throws(SQLiteError) {
        guard let bytes else { return try statement.bindNull(at: parameter) }
        try statement.bind(bytes.span, at: parameter)
    }
}
