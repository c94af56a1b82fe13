// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import SQLite

/// The prepared statements of a record. Shared by reference between the record and the view the rules look through;
/// both live on the writer's thread.
final class Statements {
    let begin: Statement
    let commit: Statement
    private let findValidator: Statement
    private let insertValidator: Statement
    private let newest: Statement
    private let blockAtSlot: Statement
    private let attestationForTarget: Statement
    let surrounding: Statement
    let surrounded: Statement
    private let insertBlock: Statement
    private let insertAttestation: Statement
    private let overwriteBlock: Statement
    private let overwriteAttestation: Statement
    private let blocksFrom: Statement
    private let attestationsFrom: Statement
    private let pruneBlocks: Statement
    private let pruneAttestations: Statement
    private let newestBefore: Statement
    private let highestSourceBefore: Statement
    private let listValidators: Statement
    private let highestWatermarks: Statement
    private let count: Statement
    private let countOne: Statement
    private let listDisabled: Statement
    private let setEnabled: Statement
    private let writeWatermarks: Statement
    private let readMetadata: Statement
    private let writeHighWatermark: Statement
    private let writeFloor: Statement
    let probe: Statement

    init(connection: borrowing Connection) throws(SQLiteError) {
        begin = try connection.prepare("BEGIN IMMEDIATE")
        commit = try connection.prepare("COMMIT")
        findValidator = try connection.prepare(
            """
            SELECT v.id, v.enabled, w.slot, w.source_epoch, w.target_epoch
            FROM validators v LEFT JOIN low_watermarks w ON w.validator_id = v.id WHERE v.public_key = ?1
            """
        )
        insertValidator = try connection.prepare("INSERT INTO validators (public_key) VALUES (?1) RETURNING id")
        newest = try connection.prepare(
            """
            SELECT (SELECT max(slot) FROM signed_blocks WHERE validator_id = ?1),
                   (SELECT max(target_epoch) FROM signed_attestations WHERE validator_id = ?1),
                   (SELECT max(source_epoch) FROM signed_attestations WHERE validator_id = ?1)
            """
        )
        blockAtSlot = try connection.prepare(
            "SELECT slot, signing_root FROM signed_blocks WHERE validator_id = ?1 AND slot = ?2"
        )
        let attestation = "SELECT source_epoch, target_epoch, signing_root FROM signed_attestations "
        attestationForTarget = try connection.prepare(attestation + "WHERE validator_id = ?1 AND target_epoch = ?2")
        surrounding = try connection.prepare(
            attestation + "WHERE validator_id = ?1 AND source_epoch < ?2 AND target_epoch > ?3 LIMIT 1"
        )
        surrounded = try connection.prepare(
            attestation + "WHERE validator_id = ?1 AND source_epoch > ?2 AND target_epoch < ?3 LIMIT 1"
        )
        insertBlock = try connection.prepare(
            "INSERT INTO signed_blocks (validator_id, slot, signing_root) VALUES (?1, ?2, ?3)"
        )
        insertAttestation = try connection.prepare(
            """
            INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
            VALUES (?1, ?2, ?3, ?4)
            """
        )
        overwriteBlock = try connection.prepare(
            "UPDATE signed_blocks SET signing_root = ?3 WHERE validator_id = ?1 AND slot = ?2"
        )
        overwriteAttestation = try connection.prepare(
            """
            UPDATE signed_attestations SET source_epoch = ?2, signing_root = ?4
            WHERE validator_id = ?1 AND target_epoch = ?3
            """
        )
        blocksFrom = try connection.prepare(
            "SELECT slot, signing_root FROM signed_blocks WHERE validator_id = ?1 AND slot >= ?2 ORDER BY slot"
        )
        attestationsFrom = try connection.prepare(
            attestation + "WHERE validator_id = ?1 AND target_epoch >= ?2 ORDER BY target_epoch"
        )
        pruneBlocks = try connection.prepare(
            "DELETE FROM signed_blocks WHERE validator_id = ?1 AND slot < ?2 RETURNING slot"
        )
        pruneAttestations = try connection.prepare(
            "DELETE FROM signed_attestations WHERE validator_id = ?1 AND target_epoch < ?2 RETURNING target_epoch"
        )
        newestBefore = try connection.prepare(
            """
            SELECT (SELECT max(slot) FROM signed_blocks WHERE validator_id = ?1 AND slot <= ?2),
                   (SELECT max(target_epoch) FROM signed_attestations WHERE validator_id = ?1 AND target_epoch <= ?3)
            """
        )
        highestSourceBefore = try connection.prepare(
            "SELECT max(source_epoch) FROM signed_attestations WHERE validator_id = ?1 AND target_epoch < ?2"
        )
        listValidators = try connection.prepare("SELECT public_key FROM validators ORDER BY id")
        highestWatermarks = try connection.prepare(
            "SELECT max(slot), max(source_epoch), max(target_epoch) FROM low_watermarks"
        )
        count = try connection.prepare(
            """
            SELECT (SELECT count(*) FROM validators), (SELECT count(*) FROM validators WHERE enabled = 0)
            """
        )
        countOne = try connection.prepare(
            """
            SELECT (SELECT count(*) FROM signed_blocks WHERE validator_id = ?1),
                   (SELECT count(*) FROM signed_attestations WHERE validator_id = ?1)
            """
        )
        listDisabled = try connection.prepare("SELECT public_key FROM validators WHERE enabled = 0 ORDER BY id")
        setEnabled = try connection.prepare("UPDATE validators SET enabled = ?2 WHERE id = ?1")
        writeWatermarks = try connection.prepare(
            """
            INSERT INTO low_watermarks (validator_id, slot, source_epoch, target_epoch) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (validator_id) DO UPDATE SET slot = excluded.slot, source_epoch = excluded.source_epoch,
                target_epoch = excluded.target_epoch
            """
        )
        readMetadata = try connection.prepare(
            """
            SELECT genesis_validators_root, high_watermark_slot, high_watermark_epoch, floor_slot, floor_epoch
            FROM metadata WHERE id = 1
            """
        )
        writeHighWatermark = try connection.prepare(
            "UPDATE metadata SET high_watermark_slot = ?1, high_watermark_epoch = ?2 WHERE id = 1"
        )
        writeFloor = try connection.prepare("UPDATE metadata SET floor_slot = ?1, floor_epoch = ?2 WHERE id = 1")
        probe = try connection.prepare("UPDATE probe SET count = count + 1 WHERE id = 1")
    }

    // MARK: Validators

    func load(_ key: PublicKey) throws(SQLiteError) -> RememberedValidator? {
        try findValidator.bind(key.bytes.span, at: 1)
        defer { findValidator.reset() }
        guard try findValidator.step() else { return nil }
        var validator = RememberedValidator(
            id: findValidator.integer(0),
            isEnabled: findValidator.integer(1) != 0,
            watermarks: Watermarks(
                slot: findValidator.slot(2),
                source: findValidator.epoch(3),
                target: findValidator.epoch(4)
            )
        )
        try newest.bind(validator.id, at: 1)
        defer { newest.reset() }
        if try newest.step() {
            validator.newestSlot = newest.slot(0)
            validator.newestTarget = newest.epoch(1)
            validator.highestSource = newest.epoch(2)
        }
        return validator
    }

    func register(_ key: PublicKey) throws(SQLiteError) -> RememberedValidator {
        try insertValidator.bind(key.bytes.span, at: 1)
        defer { insertValidator.reset() }
        guard try insertValidator.step() else { preconditionFailure("an INSERT with RETURNING gave no row") }
        let id = insertValidator.integer(0)
        while try insertValidator.step() {}
        let floor = try floor()
        if floor != Watermarks() { try write(floor, validator: id) }
        return RememberedValidator(id: id, isEnabled: true, watermarks: floor)
    }

    // MARK: History

    func block(at slot: Slot, validator: Int64) throws(SQLiteError) -> RecordedBlock? {
        try blockAtSlot.bind(validator, at: 1)
        try blockAtSlot.bind(Int64(slot.value), at: 2)
        defer { blockAtSlot.reset() }
        guard try blockAtSlot.step() else { return nil }
        return RecordedBlock(slot: slot, root: blockAtSlot.root(1))
    }

    func attestation(target: Epoch, validator: Int64) throws(SQLiteError) -> RecordedAttestation? {
        try attestationForTarget.bind(validator, at: 1)
        try attestationForTarget.bind(Int64(target.value), at: 2)
        return try first(attestationForTarget)
    }

    /// Runs `surrounding` or `surrounded`.
    func attestation(
        _ statement: borrowing Statement,
        _ source: Epoch,
        _ target: Epoch,
        validator: Int64
    ) throws(SQLiteError) -> RecordedAttestation? {
        try statement.bind(validator, at: 1)
        try statement.bind(Int64(source.value), at: 2)
        try statement.bind(Int64(target.value), at: 3)
        return try first(statement)
    }

    private func first(_ statement: borrowing Statement) throws(SQLiteError) -> RecordedAttestation? {
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return statement.attestation
    }

    func insert(_ block: RecordedBlock, validator: Int64) throws(SQLiteError) {
        try insertBlock.bind(validator, at: 1)
        try insertBlock.bind(Int64(block.slot.value), at: 2)
        try insertBlock.bind(root: block.root, at: 3)
        try insertBlock.run()
    }

    func insert(_ attestation: RecordedAttestation, validator: Int64) throws(SQLiteError) {
        try insertAttestation.bind(validator, at: 1)
        try insertAttestation.bind(Int64(attestation.source.value), at: 2)
        try insertAttestation.bind(Int64(attestation.target.value), at: 3)
        try insertAttestation.bind(root: attestation.root, at: 4)
        try insertAttestation.run()
    }

    /// Changes the row at the block's slot.
    func overwrite(_ block: RecordedBlock, validator: Int64) throws(SQLiteError) {
        try overwriteBlock.bind(validator, at: 1)
        try overwriteBlock.bind(Int64(block.slot.value), at: 2)
        try overwriteBlock.bind(root: block.root, at: 3)
        try overwriteBlock.run()
    }

    /// Changes the row for the attestation's target.
    func overwrite(_ attestation: RecordedAttestation, validator: Int64) throws(SQLiteError) {
        try overwriteAttestation.bind(validator, at: 1)
        try overwriteAttestation.bind(Int64(attestation.source.value), at: 2)
        try overwriteAttestation.bind(Int64(attestation.target.value), at: 3)
        try overwriteAttestation.bind(root: attestation.root, at: 4)
        try overwriteAttestation.run()
    }

    func blocks(validator: Int64, from slot: Slot) throws(SQLiteError) -> [RecordedBlock] {
        try blocksFrom.bind(validator, at: 1)
        try blocksFrom.bind(Int64(slot.value), at: 2)
        defer { blocksFrom.reset() }
        var blocks: [RecordedBlock] = []
        while try blocksFrom.step() {
            blocks.append(RecordedBlock(slot: Slot(blocksFrom.number(0)), root: blocksFrom.root(1)))
        }
        return blocks
    }

    func attestations(validator: Int64, from target: Epoch) throws(SQLiteError) -> [RecordedAttestation] {
        try attestationsFrom.bind(validator, at: 1)
        try attestationsFrom.bind(Int64(target.value), at: 2)
        defer { attestationsFrom.reset() }
        var attestations: [RecordedAttestation] = []
        while try attestationsFrom.step() { attestations.append(attestationsFrom.attestation) }
        return attestations
    }

    /// The nearest block from a slot on.
    func firstBlock(validator: Int64, from slot: Slot) throws(SQLiteError) -> RecordedBlock? {
        try blocksFrom.bind(validator, at: 1)
        try blocksFrom.bind(Int64(slot.value), at: 2)
        defer { blocksFrom.reset() }
        guard try blocksFrom.step() else { return nil }
        return RecordedBlock(slot: Slot(blocksFrom.number(0)), root: blocksFrom.root(1))
    }

    /// The nearest attestation from a target on.
    func firstAttestation(validator: Int64, from target: Epoch) throws(SQLiteError) -> RecordedAttestation? {
        try attestationsFrom.bind(validator, at: 1)
        try attestationsFrom.bind(Int64(target.value), at: 2)
        return try first(attestationsFrom)
    }

    /// The newest recorded slot and target that are not later than the given ones.
    func newest(
        validator: Int64,
        slot: Slot,
        target: Epoch
    ) throws(SQLiteError) -> (slot: Slot?, target: Epoch?) {
        try newestBefore.bind(validator, at: 1)
        try newestBefore.bind(Int64(clamping: slot.value), at: 2)
        try newestBefore.bind(Int64(clamping: target.value), at: 3)
        defer { newestBefore.reset() }
        guard try newestBefore.step() else { return (nil, nil) }
        return (newestBefore.slot(0), newestBefore.epoch(1))
    }

    /// The highest source of the attestations below a target.
    func highestSource(validator: Int64, below target: Epoch) throws(SQLiteError) -> Epoch? {
        try highestSourceBefore.bind(validator, at: 1)
        try highestSourceBefore.bind(Int64(target.value), at: 2)
        defer { highestSourceBefore.reset() }
        return try highestSourceBefore.step() ? highestSourceBefore.epoch(0) : nil
    }

    /// Deletes the blocks below a slot; how many there were.
    func deleteBlocks(validator: Int64, below slot: Slot) throws(SQLiteError) -> Int {
        try pruneBlocks.bind(validator, at: 1)
        try pruneBlocks.bind(Int64(slot.value), at: 2)
        defer { pruneBlocks.reset() }
        var deleted = 0
        while try pruneBlocks.step() { deleted += 1 }
        return deleted
    }

    /// Deletes the attestations below a target; how many there were.
    func deleteAttestations(validator: Int64, below target: Epoch) throws(SQLiteError) -> Int {
        try pruneAttestations.bind(validator, at: 1)
        try pruneAttestations.bind(Int64(target.value), at: 2)
        defer { pruneAttestations.reset() }
        var deleted = 0
        while try pruneAttestations.step() { deleted += 1 }
        return deleted
    }

    func write(_ marks: Watermarks, validator: Int64) throws(SQLiteError) {
        try writeWatermarks.bind(validator, at: 1)
        try writeWatermarks.bind(number: marks.slot?.value, at: 2)
        try writeWatermarks.bind(number: marks.source?.value, at: 3)
        try writeWatermarks.bind(number: marks.target?.value, at: 4)
        try writeWatermarks.run()
    }

    // MARK: The whole record

    func allValidators() throws(SQLiteError) -> [PublicKey] {
        try keys(listValidators)
    }

    private func keys(_ listing: borrowing Statement) throws(SQLiteError) -> [PublicKey] {
        defer { listing.reset() }
        var keys: [PublicKey] = []
        while try listing.step() {
            if let key: Bytes<48> = listing.bytes(0) { keys.append(PublicKey(key)) }
        }
        return keys
    }

    func highestLowWatermarks() throws(SQLiteError) -> Watermarks {
        defer { highestWatermarks.reset() }
        guard try highestWatermarks.step() else { return Watermarks() }
        return Watermarks(
            slot: highestWatermarks.slot(0),
            source: highestWatermarks.epoch(1),
            target: highestWatermarks.epoch(2)
        )
    }

    func counts() throws(SQLiteError) -> RecordCounts {
        defer { count.reset() }
        guard try count.step() else { return RecordCounts() }
        return RecordCounts(
            validators: Int(count.integer(0)),
            disabled: Int(count.integer(1))
        )
    }

    /// Blocks and attestations of a validator.
    func counts(validator: Int64) throws(SQLiteError) -> (blocks: Int, attestations: Int) {
        defer { countOne.reset() }
        try countOne.bind(validator, at: 1)
        guard try countOne.step() else { return (0, 0) }
        return (Int(countOne.integer(0)), Int(countOne.integer(1)))
    }

    func disabledValidators() throws(SQLiteError) -> [PublicKey] { try keys(listDisabled) }

    func set(isEnabled: Bool, validator: Int64) throws(SQLiteError) {
        try setEnabled.bind(validator, at: 1)
        try setEnabled.bind(isEnabled ? 1 : 0, at: 2)
        try setEnabled.run()
    }

    // MARK: Metadata

    func pinnedRoot() throws(SQLiteError) -> Root? {
        defer { readMetadata.reset() }
        guard try readMetadata.step() else { return nil }
        return readMetadata.bytes(0).map { Root($0) }
    }

    func highWatermark() throws(SQLiteError) -> HighWatermark? {
        defer { readMetadata.reset() }
        guard try readMetadata.step(), let slot = readMetadata.slot(1), let epoch = readMetadata.epoch(2) else {
            return nil
        }
        return HighWatermark(slot: slot, epoch: epoch)
    }

    /// The low watermarks that a validator begins with: those that an operator has raised for all.
    func floor() throws(SQLiteError) -> Watermarks {
        defer { readMetadata.reset() }
        guard try readMetadata.step() else { return Watermarks() }
        let epoch = readMetadata.epoch(4)
        return Watermarks(slot: readMetadata.slot(3), source: epoch, target: epoch)
    }

    func setFloor(_ floor: Watermarks) throws(SQLiteError) {
        try writeFloor.bind(number: floor.slot?.value, at: 1)
        try writeFloor.bind(number: floor.target?.value, at: 2)
        try writeFloor.run()
    }

    func setHighWatermark(_ mark: HighWatermark?) throws(SQLiteError) {
        try writeHighWatermark.bind(number: mark?.slot.value, at: 1)
        try writeHighWatermark.bind(number: mark?.epoch.value, at: 2)
        try writeHighWatermark.run()
    }
}
