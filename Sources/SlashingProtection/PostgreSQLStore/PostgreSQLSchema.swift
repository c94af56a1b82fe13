// SPDX-License-Identifier: Apache-2.0

/// The tables of a PostgreSQL record: Web3Signer's at schema version 12, in `public` or in the schema that the URL names
/// (`currentSchema`), and our own functions and tables in a schema beside it, which is named after it. One database can
/// serve both signers at once, and hold several records that know nothing of each other.
///
/// Every step looks at what is there before it acts, so that one script brings an empty database and each of Web3Signer's
/// older versions (1 to 11) to 12, and does nothing to a database that has it. It runs in one transaction.
struct PostgreSQLSchema {
    /// What `database_version` says.
    static let version: Int32 = 12
    /// Held while tables are made or changed: signers that start together wait for each other.
    static let migrationLock: Int64 = 0x4343_5350
    /// Of Web3Signer's tables.
    let tables: String
    /// Of our own functions and tables.
    let own: String

    /// - Parameter tables: the schema of Web3Signer's tables; nothing may be done with one that `hasPlainName` refuses.
    init(tables: String = "public") {
        self.tables = tables
        own = tables == "public" ? "containment_chamber" : "containment_chamber_\(tables)"
    }

    /// Whether the name of the schema stands in SQL as it is, and leaves room for ours (63 bytes).
    var hasPlainName: Bool {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let isPlain = tables.utf8.allSatisfy { letters ~= $0 || digits ~= $0 || $0 == UInt8(ascii: "_") }
        return isPlain && (1...40).contains(tables.utf8.count) && !tables.hasPrefix("pg_")
            && !(tables.utf8.first.map { digits ~= $0 } ?? true)
    }

    /// What our functions look names up in: their own statements name the schema, but the triggers of Web3Signer, which
    /// they set off, do not.
    var pinned: String { "SET search_path = \(tables), pg_temp" }

    /// Web3Signer's tables, from whatever is there.
    var migration: String {
        """
        DO $$ BEGIN
            IF to_regnamespace('\(tables)') IS NULL THEN CREATE SCHEMA \(tables); END IF;
        END $$;
        CREATE TABLE IF NOT EXISTS \(tables).validators (id serial PRIMARY KEY, public_key bytea NOT NULL UNIQUE);
        ALTER TABLE \(tables).validators ADD COLUMN IF NOT EXISTS enabled boolean NOT NULL DEFAULT true;
        CREATE TABLE IF NOT EXISTS \(tables).signed_blocks (
            id bigserial PRIMARY KEY,
            validator_id integer NOT NULL REFERENCES \(tables).validators (id),
            slot numeric(20) NOT NULL,
            signing_root bytea
        );
        CREATE TABLE IF NOT EXISTS \(tables).signed_attestations (
            id bigserial PRIMARY KEY,
            validator_id integer REFERENCES \(tables).validators (id),
            source_epoch numeric(20) NOT NULL,
            target_epoch numeric(20) NOT NULL,
            signing_root bytea
        );
        CREATE TABLE IF NOT EXISTS \(tables).low_watermarks (
            validator_id integer NOT NULL UNIQUE REFERENCES \(tables).validators (id),
            slot numeric(20),
            target_epoch numeric(20),
            source_epoch numeric(20)
        );
        CREATE TABLE IF NOT EXISTS \(tables).metadata (
            id integer PRIMARY KEY,
            genesis_validators_root bytea NOT NULL
        );
        ALTER TABLE \(tables).metadata
            ADD COLUMN IF NOT EXISTS high_watermark_epoch numeric(20),
            ADD COLUMN IF NOT EXISTS high_watermark_slot numeric(20);
        CREATE TABLE IF NOT EXISTS \(tables).database_version (id integer PRIMARY KEY, version integer NOT NULL);
        \(surrogateKeys(of: "signed_blocks"))
        \(surrogateKeys(of: "signed_attestations"))
        \(uniqueness(of: "signed_blocks", by: "slot", named: "unique_signed_block"))
        \(uniqueness(of: "signed_attestations", by: "target_epoch", named: "unique_signed_attestation"))
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_constraint
                           WHERE conrelid = '\(tables).low_watermarks'::regclass AND contype = 'c') THEN
                ALTER TABLE \(tables).low_watermarks ADD CONSTRAINT both_epochs_set_or_null
                    CHECK ((source_epoch IS NULL) = (target_epoch IS NULL));
            END IF;
        END $$;
        \(registration)
        \(highWatermarkTriggers)
        INSERT INTO \(tables).database_version (id, version) VALUES (1, \(Self.version))
            ON CONFLICT (id) DO UPDATE SET version = \(Self.version);
        """
    }

    /// Version 1 has no `id`, versions 2 to 10 a 32-bit one.
    private func surrogateKeys(of table: String) -> String {
        """
        DO $$ DECLARE width smallint; BEGIN
            SELECT attlen INTO width FROM pg_attribute
                WHERE attrelid = '\(tables).\(table)'::regclass AND attname = 'id' AND NOT attisdropped;
            IF width IS NULL THEN
                ALTER TABLE \(tables).\(table) ADD COLUMN id bigserial PRIMARY KEY;
            ELSIF width = 4 THEN
                ALTER SEQUENCE \(tables).\(table)_id_seq AS bigint;
                ALTER TABLE \(tables).\(table) ALTER COLUMN id TYPE bigint;
            END IF;
        END $$;
        """
    }

    /// Version 1 has the constraint under another name, versions 2 to 7 none: rows that contradict each other may stand
    /// there. Of those one stays, without a root: nobody may sign there again. For attestations it is the one with the
    /// highest source, and the low watermark rises to the lowest, as in an import. Of rows that say the same one stays.
    private func uniqueness(of table: String, by column: String, named name: String) -> String {
        let keep = table == "signed_blocks" ? "id" : "source_epoch DESC, id"
        let content = table == "signed_blocks" ? "(signing_root, 0)" : "(signing_root, source_epoch)"
        let lower =
            table == "signed_blocks"
            ? ""
            : """
            INSERT INTO \(tables).low_watermarks AS low (validator_id, source_epoch, target_epoch)
                SELECT validator_id, max(source), max(target) FROM (
                    SELECT validator_id, min(source_epoch) AS source, target_epoch AS target
                    FROM \(tables).signed_attestations GROUP BY validator_id, target_epoch
                    HAVING count(DISTINCT source_epoch) > 1) AS doubled
                GROUP BY validator_id
                ON CONFLICT (validator_id) DO UPDATE SET
                    source_epoch = greatest(low.source_epoch, excluded.source_epoch),
                    target_epoch = greatest(low.target_epoch, excluded.target_epoch);
            """
        return """
            DO $$ DECLARE other text; BEGIN
                IF EXISTS (SELECT FROM pg_constraint
                           WHERE conrelid = '\(tables).\(table)'::regclass AND conname = '\(name)') THEN RETURN; END IF;
                FOR other IN SELECT conname FROM pg_constraint
                             WHERE conrelid = '\(tables).\(table)'::regclass AND contype = 'u' LOOP
                    EXECUTE format('ALTER TABLE \(tables).\(table) DROP CONSTRAINT %I', other);
                END LOOP;
                \(lower)
                UPDATE \(tables).\(table) AS t SET signing_root = NULL
                    FROM (SELECT validator_id, \(column) FROM \(tables).\(table) GROUP BY 1, 2
                          HAVING count(DISTINCT \(content)) > 1) AS d
                    WHERE t.validator_id = d.validator_id AND t.\(column) = d.\(column);
                DELETE FROM \(tables).\(table) AS t USING (
                        SELECT id, row_number() OVER (PARTITION BY validator_id, \(column) ORDER BY \(keep)) AS place
                        FROM \(tables).\(table)) AS d
                    WHERE t.id = d.id AND d.place > 1;
                ALTER TABLE \(tables).\(table) ADD CONSTRAINT \(name) UNIQUE (validator_id, \(column));
                CREATE INDEX IF NOT EXISTS \(table)_validator_id_\(column)_idx
                    ON \(tables).\(table) (validator_id, \(column));
            END $$;
            """
    }

    /// Web3Signer registers its keys through this function; the answer keeps the order of what was given.
    private var registration: String {
        """
        DO $$ BEGIN
            IF to_regprocedure('\(tables).upsert_validators(bytea[])') IS NULL THEN
                CREATE FUNCTION \(tables).upsert_validators(keys bytea[])
                    RETURNS TABLE (v_id integer, v_public_key bytea) LANGUAGE plpgsql AS $f$
                BEGIN
                    INSERT INTO \(tables).validators (public_key)
                        SELECT DISTINCT k FROM unnest(keys) AS k ORDER BY k ON CONFLICT (public_key) DO NOTHING;
                    RETURN QUERY SELECT v.id, v.public_key
                        FROM unnest(keys) WITH ORDINALITY AS given (k, place)
                        JOIN \(tables).validators AS v ON v.public_key = given.k ORDER BY given.place;
                END $f$;
            END IF;
        END $$;
        """
    }

    /// No low watermark rises above the high one, and the high one is set above all low ones.
    private var highWatermarkTriggers: String {
        """
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_trigger
                           WHERE tgrelid = '\(tables).metadata'::regclass AND NOT tgisinternal) THEN
                CREATE OR REPLACE FUNCTION \(tables).check_high_watermarks() RETURNS trigger LANGUAGE plpgsql AS $f$
                BEGIN
                    IF NEW.high_watermark_slot <= (SELECT max(slot) FROM \(tables).low_watermarks)
                        OR NEW.high_watermark_epoch <= (SELECT greatest(max(source_epoch), max(target_epoch))
                                                        FROM \(tables).low_watermarks)
                    THEN RAISE EXCEPTION 'the high watermark must lie above every low watermark'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                END $f$;
                CREATE TRIGGER check_before_insert_or_update_high_watermarks BEFORE INSERT OR UPDATE
                    ON \(tables).metadata FOR EACH ROW EXECUTE FUNCTION \(tables).check_high_watermarks();
            END IF;
            IF NOT EXISTS (SELECT FROM pg_trigger
                           WHERE tgrelid = '\(tables).low_watermarks'::regclass AND NOT tgisinternal) THEN
                CREATE OR REPLACE FUNCTION \(tables).check_low_watermarks() RETURNS trigger LANGUAGE plpgsql AS $f$
                BEGIN
                    IF NEW.slot > (SELECT min(high_watermark_slot) FROM \(tables).metadata)
                        OR greatest(NEW.source_epoch, NEW.target_epoch)
                            > (SELECT min(high_watermark_epoch) FROM \(tables).metadata)
                    THEN RAISE EXCEPTION 'a low watermark must not rise above the high watermark'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                END $f$;
                CREATE TRIGGER check_before_insert_or_update_low_watermarks BEFORE INSERT OR UPDATE
                    ON \(tables).low_watermarks FOR EACH ROW EXECUTE FUNCTION \(tables).check_low_watermarks();
            END IF;
        END $$;
        """
    }
}
