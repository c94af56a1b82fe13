// SPDX-License-Identifier: Apache-2.0

/// What `decide_blocks_v1` and `decide_attestations_v1` answer for an entry.
enum DecisionCode: Int32 {
    case recorded = 0
    case repeated = 1
    /// The validator has no row yet.
    case unknown = 2
    /// Another session holds the validator's lock.
    case busy = 3
    case otherNetwork = 4
    case disabled = 5
    case beyondHighWatermark = 6
    case belowLowWatermark = 7
    /// Another block, or another attestation for the target.
    case double = 8
    case atLowWatermark = 9
    case surrounded = 10
    case surrounds = 11
}

/// Functions of our own schema. A name ends with its version: signers of different versions can share a database, each
/// calling its own, and an update is never a change under a running signer.
///
/// The rules are those of `Rules`, in the same order; the tests hold both against the same model. What makes them safe with
/// several sessions (ARCHITECTURE.md, "Several signers, one database"): VOLATILE PL/pgSQL under READ COMMITTED, where every
/// statement has a snapshot of its own, and the statement that reads comes after the statement that locked. A single SQL
/// statement, or REPEATABLE READ, would read a snapshot that is older than its lock and miss what the former holder wrote.
extension PostgreSQLSchema {
    /// Our schema with everything in it.
    var functions: String {
        """
        CREATE SCHEMA IF NOT EXISTS \(own);
        CREATE TABLE IF NOT EXISTS \(own).floor (
            id integer PRIMARY KEY CHECK (id = 1), slot numeric(20), epoch numeric(20),
            has_reversed boolean NOT NULL DEFAULT false);
        INSERT INTO \(own).floor (id, has_reversed)
            SELECT 1, EXISTS (SELECT FROM \(tables).signed_attestations WHERE source_epoch > target_epoch)
            WHERE NOT EXISTS (SELECT FROM \(own).floor) ON CONFLICT (id) DO NOTHING;
        CREATE TABLE IF NOT EXISTS \(own).instances (
            identifier bytea PRIMARY KEY, name text NOT NULL, merged bigint NOT NULL);
        CREATE TABLE IF NOT EXISTS \(own).recovery (id integer PRIMARY KEY CHECK (id = 1), number bigint NOT NULL);
        INSERT INTO \(own).recovery (id, number) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
        CREATE TABLE IF NOT EXISTS \(own).disablements (
            validator_id integer PRIMARY KEY REFERENCES \(tables).validators (id),
            instance bytea, name text, since timestamptz NOT NULL DEFAULT now());
        \(identity)
        \(preparation)
        \(registrationWithFloor)
        \(blocks)
        \(attestations)
        \(pruning)
        \(disabling)
        GRANT USAGE ON SCHEMA \(own) TO PUBLIC;
        GRANT SELECT ON \(own).floor, \(own).instances, \(own).recovery, \(own).disablements TO PUBLIC;
        """
    }

    /// What a signer of this version calls.
    static let functionNames = [
        "identity_v1", "prepare_v1", "register_v1", "decide_blocks_v1", "decide_attestations_v1", "prune_v1",
        "disable_v1", "enable_v1",
    ]

    /// How a statement or a transaction names a function of ours.
    func call(_ function: String) -> String { "\(own).\(function)" }

    /// Which database this is and how far it has been written, for the floor. `incarnation` changes with every start of the
    /// server and with the database itself; where another one than the expected answers, nothing is decided. The position
    /// is what has been flushed: a crash does not take it back.
    private var identity: String {
        """
        CREATE OR REPLACE FUNCTION \(own).identity_v1(expected text) RETURNS TABLE (
            incarnation text, system text, timeline bigint, log_position numeric) LANGUAGE plpgsql VOLATILE AS $f$
        BEGIN
            SELECT oid::text || '/' || (pg_control_system()).system_identifier::text INTO system
                FROM pg_database WHERE datname = current_database();
            timeline := ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::bigint;
            log_position := pg_current_wal_flush_lsn() - '0/0'::pg_lsn;
            incarnation := concat_ws('/', system, timeline, extract(epoch FROM pg_postmaster_start_time()));
            IF incarnation <> expected THEN
                RAISE EXCEPTION 'the database was started anew or exchanged' USING ERRCODE = '\(SQLState.otherIncarnation)';
            END IF;
            RETURN NEXT;
        END $f$;
        """
    }

    /// Refuses to work under another isolation, and makes the commit durable whatever the session's default is; a stronger
    /// setting (`remote_apply`) stays.
    private var preparation: String {
        """
        CREATE OR REPLACE FUNCTION \(own).prepare_v1(lock_patience text) RETURNS void LANGUAGE plpgsql AS $f$
        BEGIN
            IF current_setting('transaction_isolation') <> 'read committed' THEN
                RAISE EXCEPTION 'the slashing record must be used under READ COMMITTED, not %',
                    current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state';
            END IF;
            IF current_setting('synchronous_commit') IN ('off', 'local') THEN
                PERFORM set_config('synchronous_commit', 'on', true);
            END IF;
            PERFORM set_config('lock_timeout', lock_patience, true);
        END $f$;
        """
    }

    /// New validators begin at the floor: the low watermarks that were raised for all.
    private var registrationWithFloor: String {
        """
        CREATE OR REPLACE FUNCTION \(own).register_v1(keys bytea[], patience text) RETURNS void LANGUAGE plpgsql
            \(pinned) AS $f$
        BEGIN
            PERFORM \(own).prepare_v1(patience);
            WITH made AS (
                INSERT INTO \(tables).validators (public_key)
                    SELECT DISTINCT k FROM unnest(keys) AS k ORDER BY k ON CONFLICT (public_key) DO NOTHING RETURNING id)
            INSERT INTO \(tables).low_watermarks (validator_id, slot, source_epoch, target_epoch)
                SELECT made.id, f.slot, f.epoch, f.epoch FROM made, \(own).floor AS f
                WHERE f.slot IS NOT NULL OR f.epoch IS NOT NULL ON CONFLICT (validator_id) DO NOTHING;
        END $f$;
        """
    }

    /// The lock of each validator, without waiting: its row id, null where it has no row, -1 where somebody holds it.
    /// Web3Signer's locks: (0, id) for blocks, (1, id) for attestations, to the end of the transaction.
    private func locks(kind: Int) -> String {
        """
        PERFORM \(own).prepare_v1(patience);
        IF cardinality(keys) <> (SELECT count(DISTINCT k) FROM unnest(keys) AS k) THEN
            RAISE EXCEPTION 'a validator comes twice in one call' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        ids := ARRAY(
            SELECT CASE WHEN v.id IS NULL THEN NULL WHEN pg_try_advisory_xact_lock(\(kind), v.id) THEN v.id ELSE -1 END
            FROM unnest(keys) WITH ORDINALITY AS given (k, place)
            LEFT JOIN \(tables).validators AS v ON v.public_key = given.k ORDER BY given.place);
        """
    }

    private var blocks: String {
        """
        CREATE OR REPLACE FUNCTION \(own).decide_blocks_v1(
            network bytea, keys bytea[], slots bigint[], roots bytea[], patience text
        ) RETURNS TABLE (code integer, first numeric, second numeric) LANGUAGE plpgsql VOLATILE
            \(pinned) AS $f$
        #variable_conflict use_column
        DECLARE ids integer[];
        BEGIN
            \(locks(kind: 0))
            RETURN QUERY WITH judged AS MATERIALIZED (
                SELECT e.place, e.id, e.slot, e.root, low.slot AS mark,
                    coalesce(low.slot, f.slot) AS lowest, m.high_watermark_slot AS highest,
                    CASE
                        WHEN e.id IS NULL THEN \(DecisionCode.unknown.rawValue)
                        WHEN e.id < 0 THEN \(DecisionCode.busy.rawValue)
                        WHEN m.genesis_validators_root IS DISTINCT FROM network THEN \(DecisionCode.otherNetwork.rawValue)
                        WHEN v.enabled IS NOT TRUE OR v.public_key <> e.key THEN \(DecisionCode.disabled.rawValue)
                        WHEN e.slot >= m.high_watermark_slot THEN \(DecisionCode.beyondHighWatermark.rawValue)
                        WHEN r.signing_root = e.root THEN \(DecisionCode.repeated.rawValue)
                        WHEN e.slot < coalesce(low.slot, f.slot) THEN \(DecisionCode.belowLowWatermark.rawValue)
                        WHEN r.id IS NOT NULL THEN \(DecisionCode.double.rawValue)
                        WHEN e.slot = coalesce(low.slot, f.slot) THEN \(DecisionCode.atLowWatermark.rawValue)
                        ELSE \(DecisionCode.recorded.rawValue)
                    END AS code
                FROM (SELECT place, id, key, slot::numeric(20) AS slot, root
                      FROM unnest(ids, keys, slots, roots) WITH ORDINALITY AS given (id, key, slot, root, place)) AS e
                LEFT JOIN \(tables).validators AS v ON v.id = e.id
                LEFT JOIN \(tables).low_watermarks AS low ON low.validator_id = e.id
                LEFT JOIN \(tables).signed_blocks AS r ON r.validator_id = e.id AND r.slot = e.slot
                LEFT JOIN \(tables).metadata AS m ON m.id = 1
                LEFT JOIN \(own).floor AS f ON f.id = 1
            ), added AS (
                INSERT INTO \(tables).signed_blocks (validator_id, slot, signing_root)
                    SELECT id, slot, root FROM judged WHERE code = \(DecisionCode.recorded.rawValue) ORDER BY id
            ), marked AS (
                INSERT INTO \(tables).low_watermarks AS low (validator_id, slot)
                    SELECT id, slot FROM judged
                    WHERE code = \(DecisionCode.recorded.rawValue) AND mark IS NULL ORDER BY id
                    ON CONFLICT (validator_id) DO UPDATE SET slot = excluded.slot WHERE low.slot IS NULL
            )
            SELECT j.code,
                CASE j.code WHEN \(DecisionCode.beyondHighWatermark.rawValue) THEN j.highest
                    WHEN \(DecisionCode.belowLowWatermark.rawValue) THEN j.lowest
                    WHEN \(DecisionCode.atLowWatermark.rawValue) THEN j.lowest END,
                NULL::numeric
            FROM judged AS j ORDER BY j.place;
        END $f$;
        """
    }

    /// The search for a surrounded attestation reads only the targets between, which relies on source ≤ target. An import
    /// may have brought one the other way round; `has_reversed` says so, and then all rows of the validator are read.
    private var attestations: String {
        """
        CREATE OR REPLACE FUNCTION \(own).decide_attestations_v1(
            network bytea, keys bytea[], sources bigint[], targets bigint[], roots bytea[], patience text
        ) RETURNS TABLE (code integer, first numeric, second numeric) LANGUAGE plpgsql VOLATILE
            \(pinned) AS $f$
        #variable_conflict use_column
        DECLARE ids integer[];
        BEGIN
            \(locks(kind: 1))
            RETURN QUERY WITH judged AS MATERIALIZED (
                SELECT e.place, e.id, e.source, e.target, e.root, low.target_epoch AS mark,
                    coalesce(low.source_epoch, f.epoch) AS lowest_source,
                    coalesce(low.target_epoch, f.epoch) AS lowest_target, m.high_watermark_epoch AS highest,
                    CASE
                        WHEN e.id IS NULL THEN \(DecisionCode.unknown.rawValue)
                        WHEN e.id < 0 THEN \(DecisionCode.busy.rawValue)
                        WHEN m.genesis_validators_root IS DISTINCT FROM network THEN \(DecisionCode.otherNetwork.rawValue)
                        WHEN v.enabled IS NOT TRUE OR v.public_key <> e.key THEN \(DecisionCode.disabled.rawValue)
                        WHEN e.source >= m.high_watermark_epoch OR e.target >= m.high_watermark_epoch
                            THEN \(DecisionCode.beyondHighWatermark.rawValue)
                        WHEN r.signing_root = e.root AND r.source_epoch = e.source
                            THEN \(DecisionCode.repeated.rawValue)
                        WHEN e.source < coalesce(low.source_epoch, f.epoch)
                            OR e.target < coalesce(low.target_epoch, f.epoch)
                            THEN \(DecisionCode.belowLowWatermark.rawValue)
                        WHEN r.id IS NOT NULL THEN \(DecisionCode.double.rawValue)
                        WHEN e.target = coalesce(low.target_epoch, f.epoch) THEN \(DecisionCode.atLowWatermark.rawValue)
                        WHEN EXISTS (SELECT FROM \(tables).signed_attestations AS a WHERE a.validator_id = e.id
                                     AND a.target_epoch > e.target AND a.source_epoch < e.source)
                            THEN \(DecisionCode.surrounded.rawValue)
                        WHEN EXISTS (SELECT FROM \(tables).signed_attestations AS a WHERE a.validator_id = e.id
                                     AND a.target_epoch > e.source AND a.target_epoch < e.target
                                     AND a.source_epoch > e.source)
                            OR f.has_reversed AND EXISTS (
                                SELECT FROM \(tables).signed_attestations AS a WHERE a.validator_id = e.id
                                AND a.target_epoch < e.target AND a.source_epoch > e.source)
                            THEN \(DecisionCode.surrounds.rawValue)
                        ELSE \(DecisionCode.recorded.rawValue)
                    END AS code
                FROM (SELECT place, id, key, source::numeric(20) AS source, target::numeric(20) AS target, root
                      FROM unnest(ids, keys, sources, targets, roots)
                          WITH ORDINALITY AS given (id, key, source, target, root, place)) AS e
                LEFT JOIN \(tables).validators AS v ON v.id = e.id
                LEFT JOIN \(tables).low_watermarks AS low ON low.validator_id = e.id
                LEFT JOIN \(tables).signed_attestations AS r
                    ON r.validator_id = e.id AND r.target_epoch = e.target
                LEFT JOIN \(tables).metadata AS m ON m.id = 1
                LEFT JOIN \(own).floor AS f ON f.id = 1
            ), added AS (
                INSERT INTO \(tables).signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                    SELECT id, source, target, root FROM judged
                    WHERE code = \(DecisionCode.recorded.rawValue) ORDER BY id
            ), marked AS (
                INSERT INTO \(tables).low_watermarks AS low (validator_id, source_epoch, target_epoch)
                    SELECT id, source, target FROM judged
                    WHERE code = \(DecisionCode.recorded.rawValue) AND mark IS NULL ORDER BY id
                    ON CONFLICT (validator_id) DO UPDATE
                        SET source_epoch = excluded.source_epoch, target_epoch = excluded.target_epoch
                        WHERE low.target_epoch IS NULL
            )
            SELECT j.code,
                CASE j.code
                    WHEN \(DecisionCode.beyondHighWatermark.rawValue) THEN j.highest
                    WHEN \(DecisionCode.belowLowWatermark.rawValue)
                        THEN CASE WHEN j.source < j.lowest_source THEN j.lowest_source ELSE j.lowest_target END
                    WHEN \(DecisionCode.atLowWatermark.rawValue) THEN j.lowest_target
                    WHEN \(DecisionCode.surrounded.rawValue) THEN (
                        SELECT a.target_epoch FROM \(tables).signed_attestations AS a WHERE a.validator_id = j.id
                        AND a.target_epoch > j.target AND a.source_epoch < j.source ORDER BY 1 LIMIT 1)
                    WHEN \(DecisionCode.surrounds.rawValue) THEN (
                        SELECT a.target_epoch FROM \(tables).signed_attestations AS a WHERE a.validator_id = j.id
                        AND a.target_epoch < j.target AND a.source_epoch > j.source ORDER BY 1 LIMIT 1)
                END,
                CASE j.code
                    WHEN \(DecisionCode.surrounded.rawValue) THEN (
                        SELECT a.source_epoch FROM \(tables).signed_attestations AS a WHERE a.validator_id = j.id
                        AND a.target_epoch > j.target AND a.source_epoch < j.source ORDER BY a.target_epoch LIMIT 1)
                    WHEN \(DecisionCode.surrounds.rawValue) THEN (
                        SELECT a.source_epoch FROM \(tables).signed_attestations AS a WHERE a.validator_id = j.id
                        AND a.target_epoch < j.target AND a.source_epoch > j.source ORDER BY a.target_epoch LIMIT 1)
                END
            FROM judged AS j ORDER BY j.place;
        END $f$;
        """
    }
}
