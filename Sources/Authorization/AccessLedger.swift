// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Secrets
internal import SignerState

/// All rows of policies, tokens and bound certificates that were seen, and which of them are believed. A plain value:
/// readings and seals are told to it.
struct AccessLedger {
    enum Custody {
        /// There is no master key: rows are believed as they stand.
        case none
        /// There is one, but not here now: nothing can be verified, and nothing is written.
        case sealed
        /// Two seals while the master key is exchanged.
        case open([any AccessSeal])
    }

    /// What tags that which is written: the seal of the catalogue that it is written on top of. So nobody writes under the
    /// key of before once somebody has tagged everything under the new one, and nobody under the new one before.
    func writer(among seals: [any AccessSeal]) -> (any AccessSeal)? {
        seals.first { $0.generation == catalogue?.generation } ?? seals.first
    }

    struct Row {
        let version: UInt64
        let revision: UInt64
        /// Nil of a deleted row, and of one that cannot be read.
        let item: AccessItem?
        let isThere: Bool
        /// Under which master key it carries a tag that fits; nil where it carries none.
        var generation: UInt64?
        /// Those that the catalogue may have of it as it stands.
        var tags: [Bytes<32>] = []
    }

    struct Placed: Hashable {
        let item: AccessItem
        let version: UInt64
    }

    var custody: Custody = .none
    /// The state's, up to which it was read.
    private(set) var revision: UInt64 = 0
    private(set) var rows: [StateRowName: Row] = [:]
    /// Of the catalogue's row; 0 where there is none.
    private(set) var catalogueVersion: UInt64 = 0
    private(set) var catalogueIsThere = false
    private var catalogueRevision: UInt64 = 0
    /// The last one that was right.
    private(set) var catalogue: AccessCatalogue?
    private(set) var catalogueFault: CatalogueFault?
    /// Of an older one that is the chamber's; a new one has to be beyond it.
    private(set) var refusedSequence: UInt64 = 0
    /// What the directory has.
    private var placed: [StateRowName: Placed] = [:]

    // MARK: Taking over

    /// Takes over a reading: all is read before anything of it is put in place, and put in place only where nothing newer
    /// is. Readings can overtake each other, and an older one must not give back what was revoked.
    ///
    /// - Parameters:
    ///   - isWhole: the reading has every row; what is not in it is not there.
    ///   - masterKey: the row whose presence says that there is a master key.
    mutating func take(
        _ reading: StateReading,
        isWhole: Bool,
        masterKey: StateRowName?,
        remembered: StateMemory.Mark?
    ) throws(StateError) {
        if isWhole, reading.revision < revision { return }
        if case .none = custody, Self.isProtected(reading, masterKey) || remembered != nil { custody = .sealed }
        var fresh: [StateRowName: Row] = [:]
        for row in reading.rows where AccessRows.kinds.contains(row.name.kind) {
            let standing = rows[row.name]
            guard isWhole || row.revision > standing?.revision ?? 0 else { continue }
            if case .none = custody, row.revision > standing?.revision ?? 0, row.version <= standing?.version ?? 0 {
                throw .unusable(
                    reason: "the row \(row.name) was changed past this program: it went from version "
                        + "\(standing?.version ?? 0) to \(row.version)"
                )
            }
            fresh[row.name] = try read(row)
        }
        let listed = reading.rows.first { $0.name == AccessRows.catalogue }
        if isWhole { rows = fresh } else { rows.merge(fresh) { _, new in new } }
        revision = max(revision, reading.revision)
        if isWhole || (listed?.revision ?? 0) > catalogueRevision { take(catalogue: listed, remembered) }
    }

    /// Whether a state belongs to a chamber with a master key: it has one, or rows that only such a chamber makes.
    private static func isProtected(_ reading: StateReading, _ masterKey: StateRowName?) -> Bool {
        reading.rows.contains { row in
            guard let body = row.body else { return false }
            if row.name == masterKey || row.name == AccessRows.catalogue { return true }
            return AccessRows.kinds.contains(row.name.kind) && TaggedBody(body) != nil
        }
    }

    private func read(_ row: StateRow) throws(StateError) -> Row {
        guard let body = row.body else {
            return Row(version: row.version, revision: row.revision, item: nil, isThere: false)
        }
        let tagged = TaggedBody(body)
        let plain = tagged?.body ?? body
        var item: AccessItem?
        do throws(StateError) { item = try AccessRows.item(row, plain) } catch {
            // What cannot be read is refused by its name where rows are verified, and stops everything where they are not.
            if case .none = custody { throw error }
        }
        var result = Row(version: row.version, revision: row.revision, item: item, isThere: true)
        guard case .open(let seals) = custody else { return result }
        if let tagged {
            guard let seal = seals.first(where: { $0.generation == tagged.generation }) else { return result }
            let own = seal.tag(row.name, version: row.version, body: plain)
            guard ConstantTime.areEqual(own.span, tagged.tag.span) else { return result }
            result.generation = tagged.generation
            result.tags = [own]
        } else {
            result.tags = seals.map { $0.tag(row.name, version: row.version, body: plain) }
        }
        return result
    }

    private mutating func take(catalogue row: StateRow?, _ remembered: StateMemory.Mark?) {
        catalogueVersion = row?.version ?? 0
        catalogueRevision = row?.revision ?? 0
        catalogueIsThere = row?.body != nil
        guard case .open(let seals) = custody, let chamber = seals.last?.chamber else { return }
        if let remembered, remembered.chamber != chamber {
            let (old, new) = (
                Hex.encode(remembered.chamber.span, prefix: false), Hex.encode(chamber.span, prefix: false)
            )
            catalogueFault = CatalogueFault(
                fault: .replayed,
                reason:
                    "the signer state is of the chamber \(new), and this instance remembers the chamber \(old): where "
                    + "that is meant, remove the file of signer_state.memory_path"
            )
            return
        }
        guard let row, let body = row.body else {
            catalogueFault = CatalogueFault(
                fault: .missing,
                reason: "the catalogue of policies and tokens is gone from the signer state"
            )
            return
        }
        guard let found = AccessCatalogue(body, version: row.version, under: seals) else {
            catalogueFault = CatalogueFault(
                fault: .tampered,
                reason: "the catalogue of policies and tokens was not written by this chamber, or was edited"
            )
            return
        }
        let floor = max(catalogue?.sequence ?? 0, remembered?.catalogue ?? 0)
        let isOther = found.sequence == catalogue?.sequence && found.entries != catalogue?.entries
        guard found.sequence >= floor, !isOther else {
            refusedSequence = found.sequence
            catalogueFault = CatalogueFault(
                fault: .replayed,
                reason: "the catalogue of policies and tokens is number \(found.sequence), and this instance has seen "
                    + "number \(floor): the signer state was set back, and what was revoked since may stand in it"
            )
            return
        }
        catalogue = found
        catalogueFault = nil
    }

    // MARK: What is believed

    var trust: AccessTrust {
        switch custody {
        case .none: .everything
        case .sealed: .harmless
        case .open: catalogue == nil ? .nothing : .everything
        }
    }

    /// Whether the catalogue has a row as it stands.
    func isCatalogued(_ name: StateRowName, _ row: Row) -> Bool {
        guard let entry = catalogue?.entries[name], entry.version == row.version else { return false }
        return row.tags.contains { ConstantTime.areEqual($0.span, entry.tag.span) }
    }

    private func believed(_ name: StateRowName, _ row: Row) -> Placed? {
        guard let item = row.item else { return nil }
        if case .open = custody, !isCatalogued(name, row) { return nil }
        return Placed(item: item, version: row.version)
    }

    /// What has to be done to the directory so that it has what is believed; nothing where nothing has changed.
    mutating func place() -> [@Sendable (inout AccessDirectory) -> Void] {
        var next: [StateRowName: Placed] = [:]
        for (name, row) in rows { next[name] = believed(name, row) }
        var changes: [@Sendable (inout AccessDirectory) -> Void] = []
        for (name, old) in placed where next[name] == nil { changes.append { $0.remove(old.item) } }
        // Policies first: a token looks up what its policies say.
        for (_, new) in next.filter({ placed[$0.key] != $0.value }).sorted(by: { $0.key < $1.key }) {
            changes.append { $0.put(new.item, version: new.version) }
        }
        placed = next
        return changes
    }

    /// Rows that are refused; nothing where nothing can be said of single ones.
    var faults: [AccessRowFault] {
        guard case .open = custody, let catalogue else { return [] }
        let gone = catalogue.entries.keys.filter { !(rows[$0]?.isThere ?? false) }
            .map { AccessRowFault(name: $0, fault: .missing) }
        let wrong = rows.compactMap { name, row in
            fault(name, row).map { AccessRowFault(name: name, fault: $0) }
        }
        return (gone + wrong).sorted()
    }

    /// Of a row that stands.
    private func fault(_ name: StateRowName, _ row: Row) -> AccessFault? {
        guard row.isThere else { return nil }
        guard let entry = catalogue?.entries[name] else { return .uncatalogued }
        if isCatalogued(name, row) { return row.item == nil ? .tampered : nil }
        return row.version < entry.version ? .replayed : .tampered
    }
}
