// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
internal import Foundation
internal import Secrets
internal import SignerState

/// The list of all rows that stand, with their versions and tags, under a tag of its own: what is not in it was not put
/// there by the chamber, whatever tag it has, and what is missing was not taken away by it.
///
/// A list and not a digest of one, so that a row that fails is known by its name, and the others go on.
struct AccessCatalogue: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        let version: UInt64
        let tag: Bytes<32>
    }

    /// Rises by one with every change of a row.
    let sequence: UInt64
    let entries: [StateRowName: Entry]
    /// Of the master key under which it was found; 0 for one that has still to be written.
    private(set) var generation: UInt64 = 0

    init(sequence: UInt64, entries: [StateRowName: Entry]) {
        self.sequence = sequence
        self.entries = entries
    }

    // MARK: As it lies in the state

    private struct Document: Codable {
        struct Row: Codable {
            let kind: String
            let name: String
            let version: UInt64
            let tag: String
        }
        let chamber: String
        let sequence: UInt64
        let rows: [Row]
    }

    /// - Parameter version: the one that its row will have.
    func encoded(under seal: any AccessSeal, version: UInt64) -> [UInt8] {
        let rows = entries.sorted { $0.key < $1.key }.map { name, entry in
            Document.Row(
                kind: name.kind,
                name: name.name,
                version: entry.version,
                tag: Hex.encode(entry.tag.span, prefix: false)
            )
        }
        let chamber = Hex.encode(seal.chamber.span, prefix: false)
        let body = AccessRows.encode(Document(chamber: chamber, sequence: sequence, rows: rows))
        let tag = seal.catalogueTag(version: version, body: body)
        return TaggedBody(generation: seal.generation, tag: tag, body: body).encoded
    }

    /// Nil where none of the seals has made it as it stands.
    init?(_ bytes: [UInt8], version: UInt64, under seals: [any AccessSeal]) {
        guard let tagged = TaggedBody(bytes), let seal = seals.first(where: { $0.generation == tagged.generation })
        else { return nil }
        let own = seal.catalogueTag(version: version, body: tagged.body)
        guard ConstantTime.areEqual(own.span, tagged.tag.span),
            let document = try? JSONDecoder().decode(Document.self, from: Data(tagged.body)),
            document.chamber == Hex.encode(seal.chamber.span, prefix: false)
        else { return nil }
        var entries: [StateRowName: Entry] = [:]
        for row in document.rows {
            guard let tag: Bytes<32> = try? Hex.decode(row.tag) else { return nil }
            entries[StateRowName(row.kind, row.name)] = Entry(version: row.version, tag: tag)
        }
        self.init(sequence: document.sequence, entries: entries)
        generation = tagged.generation
    }
}
