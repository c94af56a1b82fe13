// SPDX-License-Identifier: Apache-2.0
import Encoding
import SealedKeys
import Testing

/// A public key with a number in its first bytes, so that the order of the keys is the order of the numbers, and spread over
/// all last bytes.
func key(_ number: Int) -> Bytes<48> {
    var bytes = Bytes<48>()
    bytes[0] = 0x80
    for place in 0..<4 { bytes[1 + place] = UInt8(truncatingIfNeeded: number >> (24 - 8 * place)) }
    bytes[47] = UInt8(truncatingIfNeeded: number &* 37)
    return bytes
}

func row(
    _ number: Int,
    _ version: UInt64 = 1,
    _ status: SealedKeyStatus = .active,
    _ text: String = ""
) -> SealedKeyRow {
    SealedKeyRow(
        publicKey: key(number),
        version: version,
        status: status,
        createdAt: 1_700_000_000,
        updatedAt: 1_700_000_000 + version,
        keyGeneration: 3,
        secret: Array("secret \(number) \(version) \(text)".utf8),
        seal: Array("seal \(number) \(version) \(text)".utf8)
    )
}

func tombstone(_ number: Int, _ version: UInt64, _ text: String = "") -> SealedKeyTombstone {
    SealedKeyTombstone(
        publicKey: key(number),
        version: version,
        deletedAt: 1_700_000_000 + version,
        keyGeneration: 3,
        seal: Array("gone \(number) \(version) \(text)".utf8)
    )
}

extension SealedKeyEntry {
    static func put(
        _ number: Int,
        _ version: UInt64 = 1,
        _ status: SealedKeyStatus = .active,
        _ text: String = ""
    ) -> SealedKeyEntry {
        .standing(SealedKeysTests.row(number, version, status, text))
    }

    static func delete(_ number: Int, _ version: UInt64, _ text: String = "") -> SealedKeyEntry {
        .deleted(tombstone(number, version, text))
    }
}

extension SealedKeyStore {
    /// Everything with some statuses, by key.
    func all(
        _ statuses: Set<SealedKeyStatus> = [.active, .inactive]
    ) async throws -> (rows: [SealedKeyRow], cursor: SealedKeyCursor) {
        var rows: [SealedKeyRow] = []
        let cursor = try await load(statuses) { batch in
            #expect(!batch.isEmpty)
            rows += batch
        }
        return (rows.sorted { $0.publicKey < $1.publicKey }, cursor)
    }

    /// All changes after a cursor, until there are no more; nil for a reload.
    func allChanges(
        after cursor: SealedKeyCursor
    ) async throws -> (entries: [SealedKeyEntry], cursor: SealedKeyCursor)? {
        var (entries, cursor): ([SealedKeyEntry], SealedKeyCursor) = ([], cursor)
        while true {
            switch try await changes(after: cursor) {
            case .unchanged: return (entries.sorted { $0.publicKey < $1.publicKey }, cursor)
            case .changed(let more, let next):
                #expect(Set(more.map(\.publicKey)).count == more.count, "a key was told twice at once")
                entries += more
                cursor = next
            case .reload: return nil
            }
        }
    }

    /// Everything, page after page.
    func pages(of limit: Int, _ status: SealedKeyStatus? = nil) async throws -> [SealedKeyRow] {
        var rows: [SealedKeyRow] = []
        while true {
            let page = try await page(after: rows.last?.publicKey, limit: limit, status: status)
            rows += page
            if page.count < limit { return rows }
        }
    }

    /// Changes that all have to be done.
    func make(_ entries: [SealedKeyEntry]) async throws {
        let outcomes = try await apply(entries)
        #expect(outcomes == entries.map { _ in .done })
    }
}

/// An instance that has loaded once and follows the changes from then on.
struct Follower {
    private(set) var entries: [Bytes<48>: SealedKeyEntry] = [:]
    private(set) var reloads = 0
    private var cursor: SealedKeyCursor?

    /// Comes up to date, a step at a time; returns whether there was nothing new.
    mutating func step(_ store: any SealedKeyStore) async throws -> Bool {
        guard let cursor else {
            let (rows, cursor) = try await store.all()
            entries = Dictionary(uniqueKeysWithValues: rows.map { ($0.publicKey, .standing($0)) })
            self.cursor = cursor
            return false
        }
        switch try await store.changes(after: cursor) {
        case .unchanged: return true
        case .reload:
            self.cursor = nil
            reloads += 1
        case .changed(let changed, let next):
            for entry in changed {
                let known = entries[entry.publicKey]?.version ?? 0
                #expect(entry.version >= known, "an older version was told after a newer one")
                entries[entry.publicKey] = entry
            }
            self.cursor = next
        }
        return false
    }

    mutating func catchUp(_ store: any SealedKeyStore) async throws {
        while try await !step(store) {}
    }

    var rows: [SealedKeyRow] { entries.values.compactMap(\.row).sorted { $0.publicKey < $1.publicKey } }
}
