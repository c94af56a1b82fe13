// SPDX-License-Identifier: Apache-2.0
package import Encoding
package import SealedKeys

/// What an instance knows of the rows of keys: the version of each that it has seen, so that an older one that is put back
/// is noticed, and which of them sign. A plain value: entries in, what to do out; it opens nothing.
package struct KeyLedger: Sendable {
    package enum Step: Sendable {
        /// Open the row and sign with it.
        case load(SealedKeyRow)
        /// Sign with it no more.
        case remove(Bytes<48>)
        case refuse(Bytes<48>, KeyRowFault)
    }

    private struct Known: Sendable {
        var version: UInt64
        /// What tells two entries of one version apart.
        var seal: [UInt8]
        var isLoaded = false
    }

    private let statuses: Set<SealedKeyStatus>
    /// The versions below which no row counts, whoever has seen it: of keys that were deactivated or deleted.
    package var withdrawn = WithdrawnVersions()
    private var known: [Bytes<48>: Known] = [:]
    /// The list against which keys that sign were held last, and those that it had a later version of.
    private var compared = WithdrawnVersions()
    private var suspects: Set<Bytes<48>> = []

    /// - Parameter statuses: of the keys that sign.
    package init(statuses: Set<SealedKeyStatus>) { self.statuses = statuses }

    /// Takes over an entry whose seal was verified.
    package mutating func take(_ entry: SealedKeyEntry) -> Step? {
        let key = entry.publicKey
        guard !withdrawn.isWithdrawn(key, at: entry.version) else { return .refuse(key, .replayed) }
        let before = known[key]
        let isSame = before.map { $0.version == entry.version && $0.seal == entry.seal } ?? false
        // Another entry of the same version is as wrong as an older one: the chamber never writes two.
        if let before, !isSame, entry.version <= before.version { return .refuse(key, .replayed) }
        let row = entry.row
        let signs = row.map { statuses.contains($0.status) } ?? false
        var now = Known(version: entry.version, seal: entry.seal)
        defer { known[key] = now }
        guard let row, signs else { return before?.isLoaded ?? false ? .remove(key) : nil }
        now.isLoaded = true
        // The secret of a key does not change while it is there, but its row may be another after a deletion.
        return before?.isLoaded ?? false ? nil : .load(row)
    }

    /// Takes over the list: keys that sign although it has a later version than theirs for the second time. Between the first
    /// and the second look their rows come, where they were withdrawn rightly.
    package mutating func withdraw(_ versions: WithdrawnVersions) -> [Step] {
        guard versions != withdrawn || versions != compared || !suspects.isEmpty else { return [] }
        (withdrawn, compared) = (versions, versions)
        let below = Set(known.filter { $0.value.isLoaded && versions.isWithdrawn($0.key, at: $0.value.version) }.keys)
        defer { suspects = below.subtracting(suspects) }
        return below.intersection(suspects).flatMap { key -> [Step] in
            known[key]?.isLoaded = false
            return [.remove(key), .refuse(key, .replayed)]
        }
    }

    /// Nothing signs any more; what was seen stays known.
    package mutating func unload() {
        for key in known.keys { known[key]?.isLoaded = false }
    }

    /// After everything was read anew: what should be there and was not told. Whether it was deleted, its entries say.
    package func missing(from told: Set<Bytes<48>>) -> [Bytes<48>] {
        known.filter { $0.value.isLoaded && !told.contains($0.key) }.map(\.key)
    }

    /// A key of which there is nothing left: it signs no more.
    package mutating func lose(_ key: Bytes<48>) -> Step? {
        guard let before = known[key], before.isLoaded else { return nil }
        known[key]?.isLoaded = false
        return .refuse(key, .vanished)
    }

    /// A key that somebody says is not to sign any more, in a row that cannot be verified: that it is believed takes nothing
    /// but a signature.
    package mutating func withdraw(_ key: Bytes<48>) -> Step? {
        guard let before = known[key], before.isLoaded else { return nil }
        known[key]?.isLoaded = false
        return .remove(key)
    }

    package func isLoaded(_ key: Bytes<48>) -> Bool { known[key]?.isLoaded ?? false }

    /// How many sign.
    package var count: Int { known.values.count { $0.isLoaded } }
}
