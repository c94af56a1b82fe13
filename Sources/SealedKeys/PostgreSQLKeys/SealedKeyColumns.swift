// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import PostgreSQL

/// Between entries and the columns of their table.
enum SealedKeyColumns {
    private static let names = [
        "public_key", "version", "status", "created_at", "updated_at", "key_generation", "key_name", "secret",
        "encrypted_mnemonic", "seal",
    ]

    /// For SELECT, of a table that is called `e`.
    static let list = names.map { "e.\($0)" }.joined(separator: ", ")

    /// - Parameter first: the column with the public key.
    static func entries(_ table: ResultTable, from first: Int = 0) throws(PostgreSQLError) -> [SealedKeyEntry] {
        var entries: [SealedKeyEntry] = []
        entries.reserveCapacity(table.rowCount)
        for row in 0..<table.rowCount { entries.append(try entry(table, row, from: first)) }
        return entries
    }

    static func entry(_ table: ResultTable, _ row: Int, from first: Int) throws(PostgreSQLError) -> SealedKeyEntry {
        func number(_ column: Int) -> UInt64 { UInt64(clamping: table.int64(row, first + column) ?? 0) }
        let text = table.text(row, first + 2)
        let status = text.flatMap { SealedKeyStatus(rawValue: $0) }
        guard let key = table.bytes(row, first).flatMap({ Bytes<48>($0) }), status != nil || text == "deleted",
            let seal = table.bytes(row, first + 9)
        else {
            throw .server(sqlState: SealedKeyTables.unsuitable, message: "a row has no key, no status or no seal")
        }
        guard let status else {
            return .deleted(
                SealedKeyTombstone(
                    publicKey: key,
                    version: number(1),
                    deletedAt: number(4),
                    keyGeneration: number(5),
                    seal: seal
                )
            )
        }
        return .standing(
            SealedKeyRow(
                publicKey: key,
                version: number(1),
                status: status,
                createdAt: number(3),
                updatedAt: number(4),
                keyGeneration: number(5),
                name: table.text(row, first + 6),
                secret: table.bytes(row, first + 7) ?? [],
                encryptedMnemonic: table.bytes(row, first + 8),
                seal: seal
            )
        )
    }

    /// Writes entries that may all be written, each with a revision of its own. Text goes as bytes: arrays of text have
    /// another form on the wire.
    static func write(_ entries: [SealedKeyEntry], to table: String, firstRevision: Int64) -> PostgreSQLStatement {
        let rows = entries.map(\.row)
        let replaced = names.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        return PostgreSQLStatement(
            """
            INSERT INTO \(table) (\(names.joined(separator: ", ")), revision)
                SELECT a, b, convert_from(c, 'UTF8'), d, e, f, convert_from(g, 'UTF8'), h, i, j, $11 + place - 1
                FROM unnest($1::bytea[], $2::int8[], $3::bytea[], $4::int8[], $5::int8[], $6::int8[], $7::bytea[],
                    $8::bytea[], $9::bytea[], $10::bytea[]) WITH ORDINALITY AS u (a, b, c, d, e, f, g, h, i, j, place)
                ON CONFLICT (public_key) DO UPDATE SET \(replaced), revision = excluded.revision
            """,
            [
                .byteStrings(entries.map { $0.publicKey.array }), .int64s(entries.map { Int64(clamping: $0.version) }),
                .byteStrings(rows.map { Array(($0?.status.rawValue ?? "deleted").utf8) }),
                .int64s(rows.map { $0.map { Int64(clamping: $0.createdAt) } }),
                .int64s(entries.map { Int64(clamping: $0.updatedAt) }),
                .int64s(entries.map { Int64(clamping: $0.keyGeneration) }),
                .byteStrings(rows.map { $0?.name.map { Array($0.utf8) } }), .byteStrings(rows.map { $0?.secret }),
                .byteStrings(rows.map { $0?.encryptedMnemonic }), .byteStrings(entries.map(\.seal)),
                .int64(firstRevision),
            ]
        )
    }
}
