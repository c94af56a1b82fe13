// SPDX-License-Identifier: Apache-2.0

/// The tables of each version of Web3Signer's database, as far as a record depends on them.
enum Web3SignerTables {
    static let latest = 12

    /// What brings an empty database to a version, without our migration.
    static func script(version: Int) -> String { steps[..<version].joined(separator: "\n") }

    /// Numbers of versions are known to the database since 7.
    private static func number(_ version: Int) -> String {
        "UPDATE database_version SET version = \(version) WHERE id = 1;"
    }

    private static let steps = [
        """
        CREATE TABLE validators (id serial PRIMARY KEY, public_key bytea NOT NULL, UNIQUE (public_key));
        CREATE TABLE signed_blocks (validator_id integer NOT NULL REFERENCES validators (id), slot numeric(20) NOT NULL,
            signing_root bytea, UNIQUE (validator_id, slot));
        CREATE TABLE signed_attestations (validator_id integer REFERENCES validators (id),
            source_epoch numeric(20) NOT NULL, target_epoch numeric(20) NOT NULL, signing_root bytea,
            UNIQUE (validator_id, target_epoch));
        """,
        """
        ALTER TABLE signed_blocks DROP CONSTRAINT signed_blocks_validator_id_slot_key;
        ALTER TABLE signed_attestations DROP CONSTRAINT signed_attestations_validator_id_target_epoch_key;
        ALTER TABLE signed_blocks ADD COLUMN id serial PRIMARY KEY;
        ALTER TABLE signed_attestations ADD COLUMN id serial PRIMARY KEY;
        """,
        """
        CREATE TABLE low_watermarks (validator_id integer NOT NULL UNIQUE REFERENCES validators (id),
            slot numeric(20), target_epoch numeric(20), source_epoch numeric(20));
        """,
        "CREATE TABLE metadata (id integer PRIMARY KEY, genesis_validators_root bytea NOT NULL);",
        """
        ALTER TABLE low_watermarks ADD CONSTRAINT both_epochs_set_or_null
            CHECK ((target_epoch IS NULL) = (source_epoch IS NULL));
        """,
        """
        CREATE INDEX ON signed_attestations (validator_id, target_epoch);
        CREATE INDEX ON signed_blocks (validator_id, slot);
        """,
        """
        CREATE TABLE database_version (id integer PRIMARY KEY, version integer NOT NULL);
        INSERT INTO database_version (id, version) VALUES (1, 7);
        """,
        """
        ALTER TABLE signed_blocks ADD CONSTRAINT unique_signed_block UNIQUE (validator_id, slot);
        ALTER TABLE signed_attestations ADD CONSTRAINT unique_signed_attestation UNIQUE (validator_id, target_epoch);
        """ + number(8),
        """
        CREATE FUNCTION upsert_validators(bytea[]) RETURNS TABLE (v_id integer, v_public_key bytea) LANGUAGE sql AS $$
            WITH made AS (INSERT INTO validators (public_key) SELECT unnest($1) ON CONFLICT DO NOTHING
                          RETURNING id, public_key)
            SELECT id, public_key FROM made
            UNION SELECT id, public_key FROM validators WHERE public_key = ANY ($1) $$;
        """ + number(9),
        "ALTER TABLE validators ADD COLUMN enabled boolean NOT NULL DEFAULT true;" + number(10),
        """
        ALTER SEQUENCE signed_attestations_id_seq AS bigint;
        ALTER TABLE signed_attestations ALTER COLUMN id TYPE bigint;
        ALTER SEQUENCE signed_blocks_id_seq AS bigint;
        ALTER TABLE signed_blocks ALTER COLUMN id TYPE bigint;
        """ + number(11),
        """
        ALTER TABLE metadata ADD COLUMN high_watermark_epoch numeric(20), ADD COLUMN high_watermark_slot numeric(20);
        CREATE FUNCTION above_low() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.high_watermark_slot <= (SELECT max(slot) FROM low_watermarks)
                OR NEW.high_watermark_epoch <= (SELECT greatest(max(source_epoch), max(target_epoch)) FROM low_watermarks)
            THEN RAISE EXCEPTION 'below a low watermark'; END IF;
            RETURN NEW;
        END $$;
        CREATE FUNCTION below_high() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.slot > (SELECT high_watermark_slot FROM metadata WHERE id = 1)
                OR greatest(NEW.source_epoch, NEW.target_epoch)
                    > (SELECT high_watermark_epoch FROM metadata WHERE id = 1)
            THEN RAISE EXCEPTION 'above the high watermark'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER high_above_low BEFORE INSERT OR UPDATE ON metadata
            FOR EACH ROW EXECUTE FUNCTION above_low();
        CREATE TRIGGER low_below_high BEFORE INSERT OR UPDATE ON low_watermarks
            FOR EACH ROW EXECUTE FUNCTION below_high();
        """ + number(12),
    ]
}
