// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import SQLite

/// All that a floor holds.
struct FloorContent: Sendable {
    let instance: Bytes<16>
    var condition: FloorCondition
    var marks: [PublicKey: Watermarks]
}

/// The tables of a floor over one connection. Lives on the floor's thread.
struct SQLiteFloorRecord: ~Copyable {
    /// Marks the file as a floor ("CCFL").
    static let format = DatabaseFormat(
        noun: "floor",
        applicationIdentifier: 0x4343_464c,
        version: 1,
        schema: """
            PRAGMA application_id = \(0x4343_464c);
            PRAGMA user_version = 1;
            CREATE TABLE database_version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
            CREATE TABLE instance (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                identifier BLOB NOT NULL CHECK (length(identifier) = 16),
                alarm BLOB,
                joined INTEGER,
                completed INTEGER NOT NULL,
                is_known INTEGER NOT NULL,
                seen_system BLOB,
                seen_timeline INTEGER,
                seen_position INTEGER
            );
            CREATE TABLE marks (
                public_key BLOB PRIMARY KEY CHECK (length(public_key) = 48),
                slot INTEGER,
                source_epoch INTEGER,
                target_epoch INTEGER
            ) WITHOUT ROWID;
            CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
            """,
        tables: ["database_version", "instance", "marks", "probe"],
        remedy: "it must not be replaced by an older copy: move it away and reconcile with the clock floor",
        remedyWhileRunning: "stop the signer, move it away and reconcile with the clock floor"
    )

    /// Writes what a new floor holds: a random identifier and nothing else.
    static func fill(_ connection: borrowing Connection) throws(SQLiteError) {
        try connection.execute("INSERT INTO database_version (id, version) VALUES (1, 1)")
        try connection.execute("INSERT INTO probe (id, count) VALUES (1, 0)")
        var random = SystemRandomNumberGenerator()
        let identifier = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let insert = try connection.prepare(
            "INSERT INTO instance (id, identifier, completed, is_known) VALUES (1, ?1, 0, 0)"
        )
        try insert.bind(identifier.span, at: 1)
        try insert.run()
    }

    let connection: Connection
    private let statements: FloorStatements

    static func open(_ file: SQLiteFile) throws(StoreError) -> SQLiteFloorRecord {
        let connection = try file.openConnection()
        do throws(SQLiteError) { return try SQLiteFloorRecord(connection) } catch {
            throw StoreError(error, path: file.path, file.format)
        }
    }

    private init(_ connection: consuming Connection) throws(SQLiteError) {
        statements = try FloorStatements(connection)
        self.connection = connection
    }

    func read() throws(SQLiteError) -> FloorContent {
        let row = try connection.prepare(
            """
            SELECT identifier, alarm, joined, completed, is_known, seen_system, seen_timeline, seen_position
            FROM instance WHERE id = 1
            """
        )
        guard try row.step(), let identifier: Bytes<16> = row.bytes(0) else {
            throw SQLiteError(kind: .corrupt, operation: "reading the floor", message: "it names no instance")
        }
        var condition = FloorCondition()
        condition.alarm = row.isNull(1) ? nil : row.string(1)
        condition.joined = row.isNull(2) ? nil : row.number(2)
        condition.completed = row.number(3)
        condition.isKnown = row.integer(4) != 0
        if !row.isNull(5) {
            condition.seen = DatabaseIdentity(
                system: row.string(5),
                timeline: UInt64(bitPattern: row.integer(6)),
                position: UInt64(bitPattern: row.integer(7))
            )
        }
        return FloorContent(instance: identifier, condition: condition, marks: try readMarks())
    }

    private func readMarks() throws(SQLiteError) -> [PublicKey: Watermarks] {
        let rows = try connection.prepare("SELECT public_key, slot, source_epoch, target_epoch FROM marks")
        var marks: [PublicKey: Watermarks] = [:]
        while try rows.step() {
            guard let key: Bytes<48> = rows.bytes(0) else { continue }
            marks[PublicKey(key)] = Watermarks(slot: rows.slot(1), source: rows.epoch(2), target: rows.epoch(3))
        }
        return marks
    }

    // MARK: Writing, inside a transaction

    func write(_ marks: Watermarks, of key: PublicKey) throws(SQLiteError) {
        try statements.writeMark.bind(key.bytes.span, at: 1)
        try statements.writeMark.bind(number: marks.slot?.value, at: 2)
        try statements.writeMark.bind(number: marks.source?.value, at: 3)
        try statements.writeMark.bind(number: marks.target?.value, at: 4)
        try statements.writeMark.run()
    }

    func write(_ condition: FloorCondition) throws(SQLiteError) {
        // Apart from the calls: this compiler fails on `??` beside `try` here.
        let timeline = condition.seen.map { Int64(bitPattern: $0.timeline) } ?? 0
        let position = condition.seen.map { Int64(bitPattern: $0.position) } ?? 0
        try statements.writeCondition.bind(text: condition.alarm, at: 1)
        try statements.writeCondition.bind(number: condition.joined, at: 2)
        try statements.writeCondition.bind(Int64(condition.completed), at: 3)
        try statements.writeCondition.bind(condition.isKnown ? 1 : 0, at: 4)
        try statements.writeCondition.bind(text: condition.seen?.system, at: 5)
        try statements.writeCondition.bind(timeline, at: 6)
        try statements.writeCondition.bind(position, at: 7)
        try statements.writeCondition.run()
    }

    func probe() throws(SQLiteError) { try statements.writeProbe.run() }

    /// Runs `body` and makes it durable, or leaves no trace of it.
    func transaction(_ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
        do throws(SQLiteError) {
            try statements.begin.run()
            try body()
            try statements.commit.run()
        } catch {
            // Some failures have ended the transaction already.
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
    }
}

/// The prepared statements of a floor.
private final class FloorStatements {
    let begin: Statement
    let commit: Statement
    let writeMark: Statement
    let writeCondition: Statement
    let writeProbe: Statement

    init(_ connection: borrowing Connection) throws(SQLiteError) {
        begin = try connection.prepare("BEGIN IMMEDIATE")
        commit = try connection.prepare("COMMIT")
        writeMark = try connection.prepare(
            """
            INSERT INTO marks (public_key, slot, source_epoch, target_epoch) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (public_key) DO UPDATE SET slot = excluded.slot, source_epoch = excluded.source_epoch,
                target_epoch = excluded.target_epoch
            """
        )
        writeCondition = try connection.prepare(
            """
            UPDATE instance SET alarm = ?1, joined = ?2, completed = ?3, is_known = ?4, seen_system = ?5,
                seen_timeline = ?6, seen_position = ?7 WHERE id = 1
            """
        )
        writeProbe = try connection.prepare("UPDATE probe SET count = count + 1 WHERE id = 1")
    }
}

extension Statement {
    /// Text that is kept as bytes of UTF-8: a rewrite copies numbers and bytes only.
    fileprivate borrowing func string(_ column: Int32) -> String {
        withBlob(column) { span in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) }
    }

    fileprivate borrowing func bind(text: String?, at parameter: Int32) throws(SQLiteError) {
        if let text { try bind(Array(text.utf8).span, at: parameter) } else { try bindNull(at: parameter) }
    }
}
