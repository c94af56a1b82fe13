// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import PostgreSQL

extension PostgreSQLSchema {
    /// Prunes one validator under both of its locks, as `PruningJob` does for SQLite: the watermark rises first, the newest
    /// plausible records stay, and no low watermark rises above the high one.
    var pruning: String {
        """
        CREATE OR REPLACE FUNCTION \(own).prune_v1(
            validator integer, kept_epochs bigint, kept_slots bigint, latest_slot bigint, latest_target bigint
        ) RETURNS TABLE (blocks bigint, attestations bigint, implausible boolean) LANGUAGE plpgsql VOLATILE
            \(pinned) AS $f$
        #variable_conflict use_variable
        DECLARE
            high \(tables).metadata; low \(tables).low_watermarks; keep \(tables).signed_attestations;
            newest numeric; kept numeric; source numeric;
        BEGIN
            PERFORM \(own).prepare_v1('5s');
            PERFORM pg_advisory_xact_lock(0, validator), pg_advisory_xact_lock(1, validator);
            SELECT * INTO high FROM \(tables).metadata AS m WHERE m.id = 1;
            SELECT * INTO low FROM \(tables).low_watermarks AS w WHERE w.validator_id = validator;
            blocks := 0; attestations := 0;
            implausible :=
                EXISTS (SELECT FROM \(tables).signed_blocks AS b WHERE b.validator_id = validator AND b.slot > latest_slot)
                OR EXISTS (SELECT FROM \(tables).signed_attestations AS a
                           WHERE a.validator_id = validator AND a.target_epoch > latest_target);

            SELECT max(b.slot) INTO newest FROM \(tables).signed_blocks AS b
                WHERE b.validator_id = validator AND b.slot <= latest_slot;
            SELECT min(b.slot) INTO kept FROM \(tables).signed_blocks AS b
                WHERE b.validator_id = validator AND b.slot <= newest
                AND b.slot >= greatest(newest - kept_slots + 1, low.slot, 0);
            IF kept IS NOT NULL AND kept <= coalesce(high.high_watermark_slot, kept) THEN
                INSERT INTO \(tables).low_watermarks AS w (validator_id, slot) VALUES (validator, kept)
                    ON CONFLICT (validator_id) DO UPDATE SET slot = greatest(w.slot, excluded.slot);
                DELETE FROM \(tables).signed_blocks AS b WHERE b.validator_id = validator AND b.slot < kept;
                GET DIAGNOSTICS blocks = ROW_COUNT;
            END IF;

            SELECT max(a.target_epoch) INTO newest FROM \(tables).signed_attestations AS a
                WHERE a.validator_id = validator AND a.target_epoch <= latest_target;
            SELECT * INTO keep FROM \(tables).signed_attestations AS a
                WHERE a.validator_id = validator AND a.target_epoch <= newest
                AND a.target_epoch >= greatest(newest - kept_epochs + 1, low.target_epoch, 0)
                ORDER BY a.target_epoch LIMIT 1;
            IF keep.id IS NOT NULL THEN
                -- Only a history that was slashable before has a higher source at a lower target.
                SELECT greatest(low.source_epoch, keep.source_epoch, max(a.source_epoch)) INTO source
                    FROM \(tables).signed_attestations AS a
                    WHERE a.validator_id = validator AND a.target_epoch < keep.target_epoch;
                IF greatest(source, keep.target_epoch)
                    <= coalesce(high.high_watermark_epoch, greatest(source, keep.target_epoch)) THEN
                    INSERT INTO \(tables).low_watermarks AS w (validator_id, source_epoch, target_epoch)
                        VALUES (validator, source, keep.target_epoch)
                        ON CONFLICT (validator_id) DO UPDATE SET
                            source_epoch = greatest(w.source_epoch, excluded.source_epoch),
                            target_epoch = greatest(w.target_epoch, excluded.target_epoch);
                    DELETE FROM \(tables).signed_attestations AS a
                        WHERE a.validator_id = validator AND a.target_epoch < keep.target_epoch;
                    GET DIAGNOSTICS attestations = ROW_COUNT;
                END IF;
            END IF;
            RETURN NEXT;
        END $f$;
        """
    }
}

extension PostgreSQLAdministrator {
    /// One validator a transaction, so that nobody waits long for its locks.
    mutating func prune(_ validators: [RecordIdentity], keepEpochs: UInt64) throws(StoreError) -> PruningReport {
        guard keepEpochs > 0 else { throw .refused(reason: "at least one epoch of history must be kept") }
        let range = PruningRange(
            keepEpochs: keepEpochs,
            slotsPerEpoch: settings.slotsPerEpoch,
            latestEpoch: settings.latestEpoch()
        )
        var report = PruningReport()
        var held: [PublicKey] = []
        for validator in try self.validators(validators) {
            let table: ResultTable
            do throws(PostgreSQLError) {
                table = try attempt([Self.begin, pruning(of: validator.id, keepEpochs, range), Self.commit])[1]
            } catch {
                guard case .server(let state, _) = error, SQLState.passes(state) else {
                    throw .storage(reason: "\(error)")
                }
                held.append(validator.key)
                continue
            }
            let blocks = Int(table.int64(0, 0) ?? 0)
            let attestations = Int(table.int64(0, 1) ?? 0)
            if blocks + attestations > 0 { report.validators += 1 }
            if table.bool(0, 2) == true { report.implausible += 1 }
            report.blocks += blocks
            report.attestations += attestations
        }
        if let first = held.first {
            throw .storage(
                reason:
                    "\(held.count) validators were not pruned, \(first) among them, because another session of the database "
                    + "holds their locks; all others were. Try again"
            )
        }
        return report
    }

    private func pruning(of id: Int32, _ keepEpochs: UInt64, _ range: PruningRange) -> PostgreSQLStatement {
        let (slots, overflow) = keepEpochs.multipliedReportingOverflow(by: settings.slotsPerEpoch)
        return PostgreSQLStatement(
            "SELECT blocks, attestations, implausible FROM \(schema.call("prune_v1"))($1, $2, $3, $4, $5)",
            [
                .int32(id), .int64(Int64(clamping: keepEpochs)), .int64(overflow ? .max : Int64(clamping: slots)),
                .int64(Int64(clamping: range.latestSlot.value)), .int64(Int64(clamping: range.latestTarget.value)),
            ]
        )
    }
}
