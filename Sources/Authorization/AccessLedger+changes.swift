// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import SignerState

/// A change of one row, as whoever asked for it means it.
struct AccessPlan: Sendable {
    let name: StateRowName
    /// The version that is to be changed; 0 where the directory has none of that name.
    let expected: UInt64
    /// Nil deletes.
    let body: [UInt8]?
}

extension AccessLedger {
    /// The changes of the state that make a change of a row: the row with its tag, and the catalogue, which is written
    /// with every change. Two instances that change something at once change the same version of the catalogue, so that
    /// one of them looks again.
    ///
    /// - Returns: with them, the number of the catalogue that they make; 0 where there is none.
    func changes(for plan: AccessPlan) throws(AccessChangeError) -> (rows: [StateChange], sequence: UInt64) {
        switch custody {
        case .sealed: throw .sealed
        case .none: return ([StateChange(plan.name, expecting: plan.expected, body: plan.body)], 0)
        case .open(let seals):
            guard let seal = writer(among: seals) else { throw .sealed }
            let catalogue = try writableCatalogue()
            var entries = catalogue.entries
            var changes: [StateChange] = []
            if let change = changed(plan, under: seal, &entries) { changes.append(change) }
            let next = AccessCatalogue(sequence: catalogue.sequence + 1, entries: entries)
            return (changes + [written(next, under: seal)], next.sequence)
        }
    }

    func writableCatalogue() throws(AccessChangeError) -> AccessCatalogue {
        if let fault = catalogueFault { throw .distrusted(fault) }
        guard let catalogue else { throw .sealed }
        return catalogue
    }

    /// Nil where only the catalogue has something to forget.
    private func changed(
        _ plan: AccessPlan,
        under seal: any AccessSeal,
        _ entries: inout [StateRowName: AccessCatalogue.Entry]
    ) -> StateChange? {
        let standing = rows[plan.name]
        // A row that is refused stands in the place of the one that is made: it goes.
        let expected = plan.expected > 0 ? plan.expected : (standing?.isThere == true ? standing?.version ?? 0 : 0)
        guard let body = plan.body else {
            entries[plan.name] = nil
            return expected > 0 ? StateChange(plan.name, expecting: expected, body: nil) : nil
        }
        // A version that somebody names can be any number; one that is not the row's is refused by the state.
        let version = (expected > 0 ? expected : standing?.version ?? 0) &+ 1
        let tag = seal.tag(plan.name, version: version, body: body)
        entries[plan.name] = .init(version: version, tag: tag)
        let tagged = TaggedBody(generation: seal.generation, tag: tag, body: body)
        return StateChange(plan.name, expecting: expected, body: tagged.encoded)
    }

    /// The change that puts a catalogue in the place of the one that stands.
    func written(_ catalogue: AccessCatalogue, under seal: any AccessSeal) -> StateChange {
        StateChange(
            AccessRows.catalogue,
            expecting: catalogueIsThere ? catalogueVersion : 0,
            body: catalogue.encoded(under: seal, version: catalogueVersion &+ 1)
        )
    }

    /// The version of a row that is refused; 0 of one that is gone; nil where nothing of that name is wrong.
    func refusedVersion(of name: StateRowName) -> UInt64? {
        guard let row = rows[name], row.isThere else { return catalogue?.entries[name] == nil ? nil : 0 }
        guard case .open = custody, !isCatalogued(name, row) || row.item == nil else { return nil }
        return row.version
    }

    // MARK: Rotation

    /// Rows that are believed and carry no tag of a master key, and what they are to be: with one.
    func retagged(
        _ reading: StateReading,
        under seal: any AccessSeal,
        most: Int
    ) throws(AccessChangeError) -> [StateChange] {
        let catalogue = try writableCatalogue()
        var entries = catalogue.entries
        var changes: [StateChange] = []
        for row in reading.rows {
            guard changes.count < most, let known = rows[row.name], known.version == row.version, let body = row.body,
                isCatalogued(row.name, known), known.generation != seal.generation
            else { continue }
            let plan = AccessPlan(name: row.name, expected: row.version, body: TaggedBody(body)?.body ?? body)
            if let change = changed(plan, under: seal, &entries) { changes.append(change) }
        }
        guard !changes.isEmpty || catalogue.generation != seal.generation else { return [] }
        return changes + [written(AccessCatalogue(sequence: catalogue.sequence + 1, entries: entries), under: seal)]
    }
}
