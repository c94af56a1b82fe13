// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import SQLite

extension SQLiteWriter {
    /// Does what the floor asks for, in one step.
    mutating func perform(_ task: FloorTask) throws(StoreError) -> FloorAnswer {
        switch task {
        case .compare(let marks):
            return .comparison(
                try administrativeTransaction { record throws(SQLiteError) in try record.compare(marks) }
            )
        case .register(let instance):
            try administrativeTransaction { record throws(SQLiteError) in try record.register(instance) }
            return .registered
        case .merge(let merge):
            try merge.refuse(
                above: administrativeTransaction { record throws(SQLiteError) in try record.highWatermark() }
            )
            return .merged(try administrativeTransaction { record throws(SQLiteError) in try record.merge(merge) })
        }
    }
}

extension SQLiteRecord {
    fileprivate func compare(_ marks: [FloorMark]) throws(SQLiteError) -> RecordComparison {
        var comparison = RecordComparison(recovery: try recoveryList(), hasHistory: try hasHistory())
        for mark in marks {
            guard let known = try statements.load(mark.record.publicKey) else {
                comparison.hold(
                    mark,
                    recorded: Watermarks(),
                    low: try statements.floor(),
                    hasSlot: false,
                    hasTarget: false
                )
                continue
            }
            comparison.hold(
                mark,
                recorded: Watermarks(slot: known.newestSlot, source: known.highestSource, target: known.newestTarget),
                low: known.watermarks,
                hasSlot: try holdsBlock(mark.marks.slot, known),
                hasTarget: try holdsAttestation(mark.marks.target, known)
            )
        }
        return comparison
    }

    private func holdsBlock(_ slot: Slot?, _ known: RememberedValidator) throws(SQLiteError) -> Bool {
        guard let slot else { return true }
        return try statements.block(at: slot, validator: known.id) != nil
    }

    private func holdsAttestation(_ target: Epoch?, _ known: RememberedValidator) throws(SQLiteError) -> Bool {
        guard let target else { return true }
        return try statements.attestation(target: target, validator: known.id) != nil
    }

    private func hasHistory() throws(SQLiteError) -> Bool {
        try connection.integer(
            """
            SELECT EXISTS (SELECT 1 FROM signed_blocks) OR EXISTS (SELECT 1 FROM signed_attestations)
                OR EXISTS (SELECT 1 FROM low_watermarks)
                OR EXISTS (SELECT 1 FROM metadata WHERE floor_slot IS NOT NULL OR floor_epoch IS NOT NULL)
            """
        ) != 0
    }

    private func recoveryList() throws(SQLiteError) -> RecoveryList {
        let rows = try connection.prepare("SELECT identifier, name, merged FROM instances ORDER BY name, identifier")
        var instances: [KnownInstance] = []
        while try rows.step() {
            guard let identifier: Bytes<16> = rows.bytes(0) else { continue }
            let name = rows.withBlob(1) { span in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) }
            instances.append(KnownInstance(FloorInstance(identifier: identifier, name: name), merged: rows.number(2)))
        }
        let number = try connection.integer("SELECT number FROM recovery WHERE id = 1")
        return RecoveryList(number: UInt64(clamping: number), instances: instances)
    }

    fileprivate func register(_ instance: FloorInstance) throws(SQLiteError) {
        var list = try recoveryList()
        let merged = list[instance.identifier]?.merged ?? list.number
        list.instances.removeAll { $0.instance.identifier == instance.identifier }
        list.instances.append(KnownInstance(instance, merged: merged))
        try write(list)
    }

    private func write(_ list: RecoveryList) throws(SQLiteError) {
        try connection.execute("DELETE FROM instances")
        let insert = try connection.prepare("INSERT INTO instances (identifier, name, merged) VALUES (?1, ?2, ?3)")
        for known in list.instances {
            try insert.bind(known.instance.identifier.span, at: 1)
            try insert.bind(Array(known.instance.name.utf8).span, at: 2)
            try insert.bind(Int64(known.merged), at: 3)
            try insert.run()
        }
        let update = try connection.prepare("UPDATE recovery SET number = ?1 WHERE id = 1")
        try update.bind(Int64(list.number), at: 1)
        try update.run()
    }

    /// Raises the low watermarks and writes the list, in one transaction.
    fileprivate mutating func merge(_ merge: FloorMerge) throws(SQLiteError) -> FloorMergeReport {
        var raised: Set<PublicKey> = []
        for mark in merge.marks {
            if try raise(mark.record.publicKey, to: mark.marks) { raised.insert(mark.record.publicKey) }
            try disown(mark.record.publicKey, upTo: mark.marks)
        }
        if let floor = merge.clockFloor {
            try statements.setFloor(statements.floor().raised(to: floor))
            for key in try allValidators() {
                if try raise(key, to: floor) { raised.insert(key) }
                try disown(key, upTo: floor)
            }
        }
        let list = merge.applied(to: try recoveryList())
        try write(list)
        return FloorMergeReport(raised: raised.count, recovery: list)
    }

    /// Forgets which messages the entries were that could stand against something behind the marks: a record that had gone
    /// back may have taken them without anybody releasing them, and as repeats they would pass. The entries stay, and
    /// refuse every message in their place.
    private mutating func disown(_ key: PublicKey, upTo marks: Watermarks) throws(SQLiteError) {
        let validator = try validator(for: key).id
        let blocks = try connection.prepare(
            "UPDATE signed_blocks SET signing_root = NULL WHERE validator_id = ?1 AND slot <= ?2"
        )
        let attestations = try connection.prepare(
            """
            UPDATE signed_attestations SET signing_root = NULL
                WHERE validator_id = ?1 AND (target_epoch <= ?2 OR source_epoch < ?3)
            """
        )
        if let slot = marks.slot {
            try blocks.bind(validator, at: 1)
            try blocks.bind(Int64(clamping: slot.value), at: 2)
            try blocks.run()
        }
        if marks.source != nil || marks.target != nil {
            try attestations.bind(validator, at: 1)
            try attestations.bind(Int64(clamping: marks.target?.value ?? 0), at: 2)
            try attestations.bind(Int64(clamping: marks.source?.value ?? 0), at: 3)
            try attestations.run()
        }
        forget(key)
    }

    /// True where something rose.
    private mutating func raise(_ key: PublicKey, to floor: Watermarks) throws(SQLiteError) -> Bool {
        let state = try validator(for: key)
        var marks = state.watermarks.raised(to: floor)
        // A row names both epochs or none.
        if marks.target != nil || marks.source != nil {
            marks.source = marks.source ?? 0
            marks.target = marks.target ?? 0
        }
        guard marks != state.watermarks else { return false }
        try statements.write(marks, validator: state.id)
        forget(key)
        return true
    }
}
