// SPDX-License-Identifier: Apache-2.0
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection

/// Another signer on the same tables: what Web3Signer does in the database for a message, for its keys and when it prunes,
/// statement by statement as it does, in READ COMMITTED transactions over a connection of its own.
struct Web3SignerPlayer {
    private let session: RawSession

    init(_ record: PostgreSQLRecord) async throws { session = try await record.session() }

    /// At its start and whenever keys are added.
    func register(_ keys: [RecordIdentity]) async throws {
        let list = keys.map(\.literal).joined(separator: ", ")
        try await session.run("SELECT v_id, v_public_key FROM upsert_validators(ARRAY[\(list)])")
    }

    /// Whether it would sign.
    func sign(_ batch: DutyBatch) async throws -> Bool {
        try await session.run("BEGIN ISOLATION LEVEL READ COMMITTED")
        let id = try await number("SELECT id FROM validators WHERE public_key = \(batch.records[0].literal)")
        guard let id else {
            try await session.run("ROLLBACK")
            return false
        }
        try await session.run("SELECT pg_advisory_xact_lock(\(batch.lockKind), \(id)) IS NULL")
        guard try await number("SELECT 1 FROM validators WHERE id = \(id) AND enabled") != nil,
            try await isAllowed(batch, id)
        else {
            try await session.run("ROLLBACK")
            return false
        }
        try await session.run("COMMIT")
        return true
    }

    private func isAllowed(_ batch: DutyBatch, _ id: Int64) async throws -> Bool {
        switch batch.duty {
        case .block(let slot): try await isAllowed(slot: slot.value, batch.signingRoot, id)
        case .attestation(let source, let target):
            try await isAllowed(source: source.value, target: target.value, batch.signingRoot, id)
        }
    }

    private func isAllowed(slot: UInt64, _ root: SigningRoot, _ id: Int64) async throws -> Bool {
        let high = "SELECT 1 FROM metadata WHERE id = 1 AND high_watermark_slot <= \(slot)"
        let low = "SELECT 1 FROM low_watermarks WHERE validator_id = \(id) AND slot > \(slot)"
        let rows = "SELECT 1 FROM signed_blocks WHERE validator_id = \(id) AND slot = \(slot)"
        for refusal in [high, low, "\(rows) AND signing_root IS DISTINCT FROM \(root.literal)"] {
            if try await number(refusal) != nil { return false }
        }
        if try await number("\(rows) AND signing_root = \(root.literal)") != nil { return true }
        try await session.run(
            "INSERT INTO signed_blocks (validator_id, slot, signing_root) VALUES (\(id), \(slot), \(root.literal))"
        )
        if try await number("SELECT 1 FROM low_watermarks WHERE validator_id = \(id) AND slot IS NOT NULL") == nil {
            try await raise(slot: slot, id)
        }
        return true
    }

    private func isAllowed(source: UInt64, target: UInt64, _ root: SigningRoot, _ id: Int64) async throws -> Bool {
        guard source <= target else { return false }
        let high = """
            SELECT 1 FROM metadata WHERE id = 1 AND (high_watermark_epoch <= \(source) OR high_watermark_epoch <= \(target))
            """
        let low = "SELECT 1 FROM low_watermarks WHERE validator_id = \(id)"
        let rows = "SELECT 1 FROM signed_attestations WHERE validator_id = \(id)"
        let refusals = [
            high, "\(low) AND source_epoch > \(source)", "\(low) AND target_epoch > \(target)",
            "\(rows) AND target_epoch = \(target) AND signing_root IS DISTINCT FROM \(root.literal) LIMIT 1",
            "\(rows) AND source_epoch < \(source) AND target_epoch > \(target) LIMIT 1",
            "\(rows) AND source_epoch > \(source) AND target_epoch < \(target) LIMIT 1",
        ]
        for refusal in refusals { if try await number(refusal) != nil { return false } }
        if try await number("\(rows) AND target_epoch = \(target) AND signing_root = \(root.literal)") != nil {
            return true
        }
        try await session.run(
            """
            INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                VALUES (\(id), \(source), \(target), \(root.literal))
            """
        )
        if try await number("\(low) AND target_epoch IS NOT NULL") == nil {
            try await raise(source: source, target: target, id)
        }
        return true
    }

    // MARK: Pruning

    /// All validators, blocks and then attestations of each: raise the watermark under the lock, delete in a transaction of
    /// its own.
    func prune(_ keys: [RecordIdentity], keepEpochs: UInt64, slotsPerEpoch: UInt64) async throws {
        for key in keys {
            guard let id = try await number("SELECT id FROM validators WHERE public_key = \(key.literal)") else {
                continue
            }
            try await pruneBlocks(id, keep: keepEpochs * slotsPerEpoch)
            try await pruneAttestations(id, keep: keepEpochs)
        }
    }

    private func pruneBlocks(_ id: Int64, keep: UInt64) async throws {
        try await session.run("BEGIN ISOLATION LEVEL READ COMMITTED")
        try await session.run("SELECT pg_advisory_xact_lock(0, \(id)) IS NULL")
        let newest = try await number("SELECT max(slot)::bigint FROM signed_blocks WHERE validator_id = \(id)")
        let mark = try await number("SELECT slot::bigint FROM low_watermarks WHERE validator_id = \(id)")
        guard let newest, let mark else {
            try await session.run("ROLLBACK")
            return
        }
        let point = max(mark, max(0, newest - Int64(keep) + 1))
        let kept = try await number(
            "SELECT min(slot)::bigint FROM signed_blocks WHERE validator_id = \(id) AND slot >= \(point)"
        )
        if let kept { try await raise(slot: UInt64(kept), id) }
        try await session.run("COMMIT")
        try await session.run(
            """
            DELETE FROM signed_blocks AS b USING low_watermarks AS w
                WHERE b.validator_id = \(id) AND w.validator_id = b.validator_id AND b.slot < w.slot
            """
        )
    }

    private func pruneAttestations(_ id: Int64, keep: UInt64) async throws {
        try await session.run("BEGIN ISOLATION LEVEL READ COMMITTED")
        try await session.run("SELECT pg_advisory_xact_lock(1, \(id)) IS NULL")
        let rows = "FROM signed_attestations WHERE validator_id = \(id)"
        let newest = try await number("SELECT max(target_epoch)::bigint \(rows)")
        let mark = try await number("SELECT target_epoch::bigint FROM low_watermarks WHERE validator_id = \(id)")
        guard let newest, let mark else {
            try await session.run("ROLLBACK")
            return
        }
        let point = max(mark, max(0, newest - Int64(keep) + 1))
        let kept = try await session.run(
            """
            SELECT source_epoch::bigint, target_epoch::bigint \(rows) AND target_epoch >= \(point)
                ORDER BY target_epoch LIMIT 1
            """
        )
        if kept.rowCount == 1, let source = kept.int64(0, 0), let target = kept.int64(0, 1) {
            try await raise(source: UInt64(source), target: UInt64(target), id)
        }
        try await session.run("COMMIT")
        try await session.run(
            """
            DELETE FROM signed_attestations AS a USING low_watermarks AS w
                WHERE a.validator_id = \(id) AND w.validator_id = a.validator_id AND a.target_epoch < w.target_epoch
            """
        )
    }

    // MARK: Watermarks

    private func raise(slot: UInt64, _ id: Int64) async throws {
        try await session.run(
            """
            INSERT INTO low_watermarks AS w (validator_id, slot) VALUES (\(id), \(slot))
                ON CONFLICT (validator_id) DO UPDATE SET slot = excluded.slot
                WHERE w.slot IS NULL OR excluded.slot >= w.slot
            """
        )
    }

    private func raise(source: UInt64, target: UInt64, _ id: Int64) async throws {
        try await session.run(
            """
            INSERT INTO low_watermarks AS w (validator_id, source_epoch, target_epoch)
                VALUES (\(id), \(source), \(target))
                ON CONFLICT (validator_id) DO UPDATE
                    SET source_epoch = excluded.source_epoch, target_epoch = excluded.target_epoch
                WHERE w.target_epoch IS NULL
                    OR excluded.source_epoch >= w.source_epoch AND excluded.target_epoch >= w.target_epoch
            """
        )
    }

    /// The one number of an answer; nil where there is none.
    private func number(_ sql: String) async throws -> Int64? {
        let table = try await session.run("SELECT (\(sql))::bigint")
        return table.int64(0, 0)
    }
}
