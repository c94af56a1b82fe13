// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
package import SignerState

/// What becomes of each row where an operator accepts those whose own tags are right.
package struct AccessReview: Sendable {
    package struct Line: Sendable {
        package let name: StateRowName
        package let version: UInt64
        /// What is wrong with it; nil of a row that the last good catalogue has.
        package let fault: AccessFault?
    }

    package let accepted: [Line]
    /// Version 0 is that of a row that is gone.
    package let dropped: [Line]
    /// Of all of it: what is accepted is what was shown.
    package let digest: String
    let entries: [StateRowName: AccessCatalogue.Entry]

    /// What deletes the rows that are dropped.
    var drops: [StateChange] {
        dropped.filter { $0.version > 0 }.map { StateChange($0.name, expecting: $0.version, body: nil) }
    }

    init(_ ledger: AccessLedger, _ reading: StateReading) {
        var (accepted, dropped): ([Line], [Line]) = ([], [])
        var entries: [StateRowName: AccessCatalogue.Entry] = [:]
        for (name, row) in ledger.rows.sorted(by: { $0.key < $1.key }) where row.isThere {
            let fault = ledger.faultOnReview(name, row)
            if let tag = ledger.acceptedTag(name, row) {
                entries[name] = .init(version: row.version, tag: tag)
                accepted.append(Line(name: name, version: row.version, fault: fault))
            } else {
                dropped.append(Line(name: name, version: row.version, fault: fault ?? .tampered))
            }
        }
        for name in (ledger.catalogue?.entries.keys.sorted() ?? []) where !(ledger.rows[name]?.isThere ?? false) {
            dropped.append(Line(name: name, version: 0, fault: .missing))
        }
        self.accepted = accepted
        self.dropped = dropped
        self.entries = entries
        digest = Self.digest(accepted, dropped, entries, reading.revision)
    }

    private static func digest(
        _ accepted: [Line],
        _ dropped: [Line],
        _ entries: [StateRowName: AccessCatalogue.Entry],
        _ revision: UInt64
    ) -> String {
        var text = "\(revision)\n"
        for line in accepted + dropped { text += "\(line.name) \(line.version) \(line.fault?.rawValue ?? "")\n" }
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            text += "\(name) \(Hex.encode(entry.tag.span, prefix: false))\n"
        }
        let bytes = Array(text.utf8)
        let hash = hash(bytes.span)
        return Hex.encode(hash.span, prefix: false)
    }
}

private func hash(_ bytes: Span<UInt8>) -> Bytes<32> {
    do throws(CryptoError) { return try Digest.sha256(bytes) } catch {
        preconditionFailure("a list of rows cannot be hashed: \(error)")
    }
}

extension AccessLedger {
    /// How many rows of the catalogue carry no tag of their own.
    var untagged: Int { rows.count { $0.value.generation == nil && isCatalogued($0.key, $0.value) } }

    /// The highest number of a catalogue that this chamber has made, as far as it is known here. Where nothing is, the
    /// version of the row is near it: both rise with every change. It is not believed further than anybody counts.
    var highestSequence: UInt64 {
        max(catalogue?.sequence ?? 0, refusedSequence, catalogueVersion < 1 << 40 ? catalogueVersion : 0)
    }

    /// The tag under which an operator can accept a row; nil of one that he cannot.
    ///
    /// Where the catalogue is good it knows best. Where it is not, a row counts that carries a tag of its own and is not
    /// older than one that this instance has seen.
    fileprivate func acceptedTag(_ name: StateRowName, _ row: Row) -> Bytes<32>? {
        guard row.item != nil, let tag = row.tags.first else { return nil }
        if isCatalogued(name, row) { return catalogue?.entries[name]?.tag }
        guard catalogueFault != nil, row.generation != nil else { return nil }
        return row.version < catalogue?.entries[name]?.version ?? 0 ? nil : tag
    }

    fileprivate func faultOnReview(_ name: StateRowName, _ row: Row) -> AccessFault? {
        if isCatalogued(name, row) { return nil }
        if row.tags.isEmpty || row.generation == nil { return .tampered }
        guard let entry = catalogue?.entries[name] else { return .uncatalogued }
        return row.version < entry.version ? .replayed : .uncatalogued
    }
}
