// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import PostgreSQL

extension PostgreSQLSchema {
    /// Web3Signer's flag, under both locks of each validator: when this is committed, whatever was recorded of them came
    /// before, and every signer of the database refuses what comes after. Who did it stands in a table of ours.
    var disabling: String {
        """
        CREATE OR REPLACE FUNCTION \(own).disable_v1(keys bytea[], by_instance bytea, by_name text) RETURNS SETOF bytea
            LANGUAGE plpgsql VOLATILE \(pinned) AS $f$
        BEGIN
            PERFORM \(own).register_v1(keys, '5s');
            \(bothLocks)
            RETURN QUERY WITH changed AS (
                UPDATE \(tables).validators AS v SET enabled = false
                WHERE v.public_key = ANY(keys) AND v.enabled RETURNING v.id, v.public_key
            ), noted AS (
                INSERT INTO \(own).disablements AS d (validator_id, instance, name)
                SELECT c.id, by_instance, by_name FROM changed AS c
                ON CONFLICT (validator_id) DO UPDATE SET instance = excluded.instance, name = excluded.name,
                    since = excluded.since
            ) SELECT c.public_key FROM changed AS c;
        END $f$;
        CREATE OR REPLACE FUNCTION \(own).enable_v1(keys bytea[], is_import boolean, by_instance bytea)
            RETURNS SETOF bytea LANGUAGE plpgsql VOLATILE \(pinned) AS $f$
        BEGIN
            PERFORM \(own).prepare_v1('5s');
            \(bothLocks)
            RETURN QUERY UPDATE \(tables).validators AS v SET enabled = true
                WHERE v.public_key = ANY(keys) AND v.enabled IS NOT TRUE
                AND (is_import OR EXISTS (SELECT FROM \(own).disablements AS d
                                          WHERE d.validator_id = v.id AND d.instance = by_instance))
                RETURNING v.public_key;
            DELETE FROM \(own).disablements AS d USING \(tables).validators AS v
                WHERE v.id = d.validator_id AND v.enabled AND v.public_key = ANY(keys);
        END $f$;
        """
    }

    /// Waits for both locks of each validator, in the order in which everybody takes them.
    private var bothLocks: String {
        """
        PERFORM pg_advisory_xact_lock(0, given.id), pg_advisory_xact_lock(1, given.id) FROM (
            SELECT v.id FROM \(tables).validators AS v WHERE v.public_key = ANY(keys) ORDER BY v.id OFFSET 0) AS given;
        """
    }
}

extension PostgreSQLAdministrator {
    mutating func disable(
        _ validators: [RecordIdentity],
        by instance: FloorInstance?
    ) throws(StoreError) -> EnablingReport {
        let changed = try transaction(
            PostgreSQLStatement(
                "SELECT \(schema.call("disable_v1"))($1, $2, $3)",
                [
                    names(of: validators), instance.map { .bytes($0.identifier.array) } ?? .null,
                    instance.map { .text($0.name) } ?? .null,
                ]
            )
        )
        return report(validators, changed: changed)
    }

    /// - Parameter ground: an owner enables only what stands in its name.
    mutating func enable(_ validators: [RecordIdentity], _ ground: EnablingGround) throws(StoreError) -> EnablingReport
    {
        var parameters = [names(of: validators), PostgreSQLParameter.bool(true), .null]
        if case .owner(let instance) = ground {
            parameters[1] = .bool(false)
            parameters[2] = instance.map { .bytes($0.identifier.array) } ?? .null
        }
        let changed = try transaction(
            PostgreSQLStatement("SELECT \(schema.call("enable_v1"))($1, $2, $3)", parameters)
        )
        return report(validators, changed: changed, stillDisabled: try disabled(among: validators))
    }

    /// In one statement, so that it sees one moment.
    mutating func disabled(among wanted: [RecordIdentity]?) throws(StoreError) -> [DisabledValidator] {
        let table = try run([
            PostgreSQLStatement(
                """
                SELECT v.public_key, d.instance, d.name FROM \(schema.tables).validators AS v
                LEFT JOIN \(schema.call("disablements")) AS d ON d.validator_id = v.id
                WHERE v.enabled IS NOT TRUE ORDER BY v.id
                """
            )
        ])[0]
        let wanted = wanted.map { Set($0) }
        var disabled: [DisabledValidator] = []
        for row in 0..<table.rowCount {
            guard let key = table.bytes(row, 0).flatMap({ Bytes<48>($0) }) else { continue }
            let record = RecordIdentity(PublicKey(key))
            guard wanted?.contains(record) ?? true else { continue }
            let instance = table.bytes(row, 1).flatMap { Bytes<16>($0) }.map {
                FloorInstance(identifier: $0, name: table.text(row, 2) ?? "")
            }
            disabled.append(DisabledValidator(record, by: instance))
        }
        return disabled
    }

    /// Counts the rows of some validators.
    mutating func count(_ validators: [RecordIdentity]) throws(StoreError) -> RecordCount {
        let results = try run([
            Self.begin, Self.byIndexOnly,
            PostgreSQLStatement(
                """
                SELECT count(*), coalesce(sum(b.count), 0)::bigint, coalesce(sum(a.count), 0)::bigint
                FROM \(schema.tables).validators AS v
                CROSS JOIN LATERAL (SELECT count(*) FROM \(schema.tables).signed_blocks AS r
                                    WHERE r.validator_id = v.id) AS b
                CROSS JOIN LATERAL (SELECT count(*) FROM \(schema.tables).signed_attestations AS r
                                    WHERE r.validator_id = v.id) AS a
                WHERE v.public_key = ANY($1)
                """,
                [names(of: validators)]
            ), Self.commit,
        ])
        func number(_ column: Int) -> Int { Int(results[2].int64(0, column) ?? 0) }
        var count = RecordCount()
        count.validators = number(0)
        count.blocks = number(1)
        count.attestations = number(2)
        return count
    }

    private func names(of validators: [RecordIdentity]) -> PostgreSQLParameter {
        .byteStrings(validators.map { $0.publicKey.bytes.array })
    }

    private func report(
        _ validators: [RecordIdentity],
        changed: ResultTable,
        stillDisabled: [DisabledValidator] = []
    ) -> EnablingReport {
        let changed = Set((0..<changed.rowCount).compactMap { changed.bytes($0, 0) })
        let refused = Dictionary(stillDisabled.map { ($0.record, $0) }, uniquingKeysWith: { first, _ in first })
        var report = EnablingReport()
        for validator in validators {
            if let other = refused[validator] {
                report.refuse(validator, disabledBy: other.instance)
            } else {
                report.note(validator, hasChanged: changed.contains(validator.publicKey.bytes.array))
            }
        }
        return report
    }
}
