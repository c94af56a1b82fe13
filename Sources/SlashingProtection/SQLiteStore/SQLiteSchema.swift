// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Encoding
internal import SQLite

/// The tables of an SQLite record: those of Web3Signer's schema 12, without the surrogate ids and with a
/// floor for validators that have no row yet. Slots and epochs are
/// 64-bit integers below 2⁶³; keys and roots are blobs of 48 and 32 bytes.
enum SQLiteSchema {
    static let version = 12
    /// Marks the file as a slashing record ("CCSP").
    private static let applicationIdentifier = 0x4343_5350

    static let format = DatabaseFormat(
        noun: "slashing record",
        applicationIdentifier: applicationIdentifier,
        version: version,
        schema: tables + instances,
        tables: [
            "database_version", "metadata", "validators", "signed_blocks", "signed_attestations", "low_watermarks",
            "probe", "instances", "recovery",
        ],
        remedy: "restore it from a backup taken after the last signature, or start a new one and wait",
        remedyWhileRunning: "restore it from a backup taken after the last signature, then restart"
    )

    /// Sets a connection up to keep a record. Exclusive before WAL: then the index of the log lives in our memory, and
    /// no second process can open the file at all. What SQLite answers is held against what was asked: it does not
    /// treat a mode that it cannot have as an error.
    static func configure(_ connection: borrowing Connection) throws(SQLiteError) {
        try connection.expect("PRAGMA locking_mode = EXCLUSIVE", toSay: "exclusive")
        try connection.expect("PRAGMA journal_mode = WAL", toSay: "wal")
        try connection.execute(
            """
            PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA foreign_keys = ON;
            PRAGMA trusted_schema = OFF;
            PRAGMA cell_size_check = ON;
            PRAGMA temp_store = MEMORY;
            """
        )
    }

    private static let tables = """
        PRAGMA application_id = \(applicationIdentifier);
        PRAGMA user_version = \(version);
        CREATE TABLE database_version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
        CREATE TABLE metadata (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            genesis_validators_root BLOB NOT NULL CHECK (length(genesis_validators_root) = 32),
            high_watermark_epoch INTEGER,
            high_watermark_slot INTEGER,
            floor_slot INTEGER,
            floor_epoch INTEGER
        );
        CREATE TABLE validators (
            id INTEGER PRIMARY KEY,
            public_key BLOB NOT NULL UNIQUE CHECK (length(public_key) = 48),
            enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1))
        );
        CREATE TABLE signed_blocks (
            validator_id INTEGER NOT NULL REFERENCES validators (id),
            slot INTEGER NOT NULL CHECK (slot >= 0),
            signing_root BLOB CHECK (length(signing_root) = 32),
            PRIMARY KEY (validator_id, slot)
        ) WITHOUT ROWID;
        CREATE TABLE signed_attestations (
            validator_id INTEGER NOT NULL REFERENCES validators (id),
            target_epoch INTEGER NOT NULL CHECK (target_epoch >= 0),
            source_epoch INTEGER NOT NULL CHECK (source_epoch >= 0),
            signing_root BLOB CHECK (length(signing_root) = 32),
            PRIMARY KEY (validator_id, target_epoch)
        ) WITHOUT ROWID;
        CREATE TABLE low_watermarks (
            validator_id INTEGER PRIMARY KEY REFERENCES validators (id),
            slot INTEGER,
            source_epoch INTEGER,
            target_epoch INTEGER,
            CHECK ((source_epoch IS NULL) = (target_epoch IS NULL))
        );
        CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
        """

    /// The instances that keep a floor for this record, and how far each has given it back: up to which recovery, see
    /// `FloorTask`. Names are bytes of UTF-8.
    static let instances = """
        CREATE TABLE IF NOT EXISTS instances (
            identifier BLOB PRIMARY KEY CHECK (length(identifier) = 16),
            name BLOB NOT NULL,
            merged INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS recovery (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL);
        """

    /// What `instances` holds in a new record.
    static let firstRecovery = "INSERT INTO recovery (id, number) SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM recovery)"

    /// Writes what a new record holds.
    static func fill(_ connection: borrowing Connection, pinnedTo root: Root) throws(SQLiteError) {
        try connection.execute("INSERT INTO database_version (id, version) VALUES (1, \(version))")
        try connection.execute("INSERT INTO probe (id, count) VALUES (1, 0)")
        try connection.execute(firstRecovery)
        let pin = try connection.prepare("INSERT INTO metadata (id, genesis_validators_root) VALUES (1, ?1)")
        try pin.bind(root.bytes.span, at: 1)
        try pin.run()
    }
}
