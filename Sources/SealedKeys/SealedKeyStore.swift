// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Where validators' secret keys are kept, encrypted, for all instances of a chamber: one entry for each public key.
///
/// A store knows nothing of cryptography. Who writes encrypts and seals; who reads checks the seals, and remembers versions:
/// an entry that comes back with a lower one has been put back by somebody. A deleted key leaves a tombstone, so that making
/// it again goes on with its versions.
///
/// Every change has a place in one order, which no clock has a part in. An instance loads once and asks from then on for what
/// came after the cursor that it was given.
package protocol SealedKeyStore: Sendable {
    /// Reads every key of some statuses, a batch at a time; the cursor from which `changes` goes on.
    ///
    /// What nobody changes meanwhile is told once. What somebody does may be told as it was, as it is or not at all, and
    /// comes again with the changes after the cursor: of two versions the higher one counts.
    func load(
        _ statuses: Set<SealedKeyStatus>,
        _ take: ([SealedKeyRow]) async -> Void
    ) async throws(SealedKeyError) -> SealedKeyCursor

    /// What was changed after a cursor. Where nothing was, this costs one small read.
    func changes(after cursor: SealedKeyCursor) async throws(SealedKeyError) -> SealedKeyChanges

    /// The entries of some keys as they stand, in the order in which they are asked for. Keys that never were are left out.
    func entries(of publicKeys: [Bytes<48>]) async throws(SealedKeyError) -> [SealedKeyEntry]

    /// The keys behind one, in the order of their bytes; fewer than `limit` only where there are no more.
    ///
    /// - Parameters:
    ///   - publicKey: nil for the first page. It need not be there any more.
    ///   - limit: 1 to `SealedKeyLimits.page`.
    ///   - status: nil for all.
    func page(
        after publicKey: Bytes<48>?,
        limit: Int,
        status: SealedKeyStatus?
    ) async throws(SealedKeyError) -> [SealedKeyRow]

    /// Puts each entry in the place of the one of the version that is expected, and says what came of it, in order. Each is
    /// done or not for itself, and durable when this returns.
    ///
    /// An entry that stands already exactly as it is given counts as done. So where this throws, nobody knows which changes
    /// were made, and the same call again finds out.
    func apply(_ changes: [SealedKeyChange]) async throws(SealedKeyError) -> [SealedKeyOutcome]

    /// Takes no entry from now on that lies under a master key of a lower generation, whoever brings it: what comes late to
    /// a rotation of the master key would lie under a key that nobody has any more. The fence never goes back.
    ///
    /// Durable when this returns; changes that were decided on before are visible by then.
    func raiseFence(to generation: UInt64) async throws(SealedKeyError)

    /// The fence as it stands; 0 where none was raised.
    func leastGeneration() async throws(SealedKeyError) -> UInt64

    func count() async throws(SealedKeyError) -> SealedKeyCount

    func close() async
}

extension SealedKeyStore {
    /// Entries that each come in the place of the one of the version before.
    package func apply(_ entries: [SealedKeyEntry]) async throws(SealedKeyError) -> [SealedKeyOutcome] {
        try await apply(entries.map { SealedKeyChange($0) })
    }
}

/// An entry that is to be written.
package struct SealedKeyChange: Hashable, Sendable {
    package let entry: SealedKeyEntry
    /// The version of what stands in its place; 0 for nothing.
    package let expected: UInt64

    /// - Parameter expected: nil for the version before that of the entry. A lower one is given where the chamber knows of
    ///   versions that the store has lost.
    package init(_ entry: SealedKeyEntry, over expected: UInt64? = nil) {
        precondition(entry.version > expected ?? 0, "an entry that is not newer than what it replaces")
        self.entry = entry
        self.expected = expected ?? entry.version - 1
    }
}

/// What one change came to.
package enum SealedKeyOutcome: Hashable, Sendable {
    case done
    /// The entry does not follow on what stands there; nil where nothing ever did. Nothing was changed.
    case conflict(SealedKeyEntry?)
    /// The entry lies under a master key of a lower generation than the fence lets in: that key was exchanged meanwhile.
    /// Nothing was changed.
    case outdated
}

/// How far a reader has come in the order of changes.
package struct SealedKeyCursor: Hashable, Sendable {
    /// Made at random with the store: another store under the same name knows nothing of what was read in this one.
    let store: Bytes<16>
    let revision: UInt64
}

/// What came after a cursor.
package enum SealedKeyChanges: Hashable, Sendable {
    /// Nothing; the cursor stays.
    case unchanged
    /// Entries of every status and tombstones as they stand now, each key once, and the cursor from which to ask on: there
    /// may be more.
    case changed([SealedKeyEntry], SealedKeyCursor)
    /// What was changed is not known any more, or the store is another one, or has gone back. Everything has to be loaded
    /// again, and what is not told then is gone.
    case reload
}

package struct SealedKeyCount: Hashable, Sendable {
    package let active: UInt64
    package let inactive: UInt64
}

package enum SealedKeyLimits {
    /// Bytes of all parts of a row together; an encrypted mnemonic has some hundred for each of its recipients. An item of
    /// DynamoDB has at most 400 KB.
    package static let body = 300_000
    /// Rows of one page.
    package static let page = 1_000
    /// Rows that are read at once; with bodies of the largest size they have 60 MB.
    static let batch = 200
}
