// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Encoding
package import SignerState

/// The list of the keys that were deactivated or deleted, in the signer state: another database than that of the keys, so
/// that whoever writes the latter cannot put the old row of such a key back.
///
/// It is written before the row of a key is. What an instance has read of it once, it does not forget: rows that are put back
/// do nothing to one that runs. There are sixteen, all of which are there as soon as one is: each change is
/// a compare-and-set, with which an instance that has an old master key only finds out.
package final class WithdrawnKeys: Sendable {
    struct State {
        /// Of the master keys of the open chamber, the newest last.
        var seals: [WithdrawalSeal] = []
        /// Of the signer state, up to which it was read.
        var revision: UInt64 = 0
        var known = WithdrawnVersions()
        var rows = [Row](repeating: Row(), count: WithdrawnVersions.shardCount)
    }

    /// What was seen of a row.
    struct Row {
        /// 0 where it was never there.
        var version: UInt64 = 0
        var generation: UInt64 = 0
        /// The highest that was seen.
        var sequence: UInt64 = 0
        /// Whether an older one stands there now.
        var isPutBack = false
    }

    let store: any StateStore
    let memory: StateMemory?
    let state = Lock(State())
    /// One at a time reads or writes.
    private let turnstile = Turnstile()
    /// - Parameter memory: what is known of the state outside of it.
    package init(store: any StateStore, memory: StateMemory? = nil) {
        self.store = store
        self.memory = memory
    }

    /// What is known of the list.
    package var versions: WithdrawnVersions { state.withLock { $0.known } }

    // MARK: Opening and closing

    /// The empty list of a new chamber, in the place of whatever stands there.
    package func founding(_ master: MasterKey) async throws(WithdrawnKeysError) -> [StateChange] {
        let seal = try Self.seals(MasterKeys(master))[0]
        let rows = try await reading(after: 0).rows
        return WithdrawnShard.names.indices.map { shard in
            let standing = rows.first { $0.name == WithdrawnShard.names[shard] }
            return StateChange(
                WithdrawnShard.names[shard],
                expecting: standing?.body == nil ? 0 : standing?.version ?? 0,
                body: WithdrawnShard(sequence: 1, versions: [:]).encoded(as: shard, under: seal)
            )
        }
    }

    /// Reads and verifies the whole list; makes it in a chamber of before, which has none. Where this throws nothing may be
    /// loaded: nobody knows which rows count.
    package func open(_ keys: MasterKeys) async throws(WithdrawnKeysError) {
        let seals = try Self.seals(keys)
        try await turnstile.pass { () async throws(WithdrawnKeysError) in
            state.withLock { $0.seals = seals }
            try await readAll()
            try await advance(to: [:]) { $0.version == 0 }
            await remember()
        }
    }

    /// Nothing is verified or written any more; what was read stays known.
    package func close() async {
        await turnstile.pass { state.withLock { $0.seals = [] } }
    }

    private static func seals(_ keys: MasterKeys) throws(WithdrawnKeysError) -> [WithdrawalSeal] {
        do throws(SealingError) {
            var seals: [WithdrawalSeal] = []
            for key in keys.all { seals.append(try WithdrawalSeal(key)) }
            return seals
        } catch { throw .sealed }
    }

    // MARK: Following and changing

    /// Takes over what others have written since; mostly one small read.
    @discardableResult
    package func refresh() async throws(WithdrawnKeysError) -> WithdrawnVersions {
        try await turnstile.pass { () async throws(WithdrawnKeysError) in try await readNew() }
        return versions
    }

    /// Looks at every row anew, also at those that say that they have not changed.
    package func review() async throws(WithdrawnKeysError) {
        try await turnstile.pass { () async throws(WithdrawnKeysError) in try await readAll() }
    }

    /// From now on only these versions of some keys count, and later ones: durable when this returns. Where it throws, nothing
    /// of it is known to be written.
    package func withdraw(_ versions: [Bytes<48>: UInt64]) async throws(WithdrawnKeysError) {
        guard !versions.isEmpty else { return }
        try await turnstile.pass { () async throws(WithdrawnKeysError) in
            try await advance(to: versions.mapValues { min($0, WithdrawnVersions.highest) }) { _ in false }
            await remember()
        }
    }

    /// Tags what lies under another master key than the newest anew. What was cut off goes on where it was.
    package func retag() async throws(WithdrawnKeysError) {
        try await turnstile.pass { () async throws(WithdrawnKeysError) in
            try await readAll()
            let newest = state.withLock { $0.seals.last?.identity.generation }
            try await advance(to: [:]) { $0.generation != newest }
            await remember()
        }
    }

    /// Best effort: what cannot be remembered protects later starts only, and the chamber tells of a memory that fails.
    private func remember() async {
        let seen = state.withLock { state in
            state.seals.last.map { ($0.identity.chamber.bytes, state.rows.map(\.sequence)) }
        }
        guard let memory, let (chamber, sequences) = seen else { return }
        _ = try? await memory.remember(withdrawn: sequences, of: chamber)
    }
}
