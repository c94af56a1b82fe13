// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Encoding
internal import SignerState

/// Reading and writing the rows of the list; by one task at a time.
extension WithdrawnKeys {
    /// Tries of a change that those of other instances keep coming before.
    private static let rounds = 12
    /// Bytes of one change: DynamoDB takes 3.5 MB.
    private static let bytesAtOnce = 3_000_000

    func reading(after revision: UInt64) async throws(WithdrawnKeysError) -> StateReading {
        do throws(StateError) { return try await store.rows(after: revision) } catch { throw .state(error) }
    }

    // MARK: Reading

    func readAll() async throws(WithdrawnKeysError) { try take(try await reading(after: 0), isWhole: true) }

    func readNew() async throws(WithdrawnKeysError) {
        let seen = state.withLock { $0.revision }
        let reading = try await reading(after: seen)
        // A state that has gone back: what is known stays known, and what stands there now is looked at as a whole.
        guard reading.revision >= seen else { return try await readAll() }
        try take(reading, isWhole: seen == 0)
    }

    /// Takes over what a reading has of the list. Nothing is forgotten by that, whatever stands there now.
    private func take(_ reading: StateReading, isWhole: Bool) throws(WithdrawnKeysError) {
        let standing = Dictionary(
            reading.rows.filter { $0.name.kind == WithdrawnShard.kind }.map { ($0.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        try state.withLock { (state) throws(WithdrawnKeysError) in
            guard let chamber = state.seals.last?.identity.chamber.bytes else { throw .sealed }
            let remembered = memory?.highestWithdrawn(of: chamber) ?? []
            if isWhole, standing.isEmpty, remembered.isEmpty, state.rows.allSatisfy({ $0.version == 0 }) {
                // It was never made.
                return state.revision = reading.revision
            }
            for (shard, name) in WithdrawnShard.names.enumerated() {
                guard let row = standing[name] else {
                    if isWhole { throw .missing(name) }
                    continue
                }
                // What this instance has written itself, mostly; a look at everything takes nothing for granted.
                if !isWhole, row.version == state.rows[shard].version { continue }
                let known = remembered.indices.contains(shard) ? remembered[shard] : 0
                try state.take(row, of: shard, remembered: known)
            }
            state.revision = reading.revision
        }
    }

    // MARK: Writing

    private struct Pending {
        let shard: Int
        let content: WithdrawnShard
        let change: StateChange
    }

    /// Writes what is still to be written, under the newest key: shards in which a key has a lower version than is asked
    /// for, those that are due for another reason, and those that somebody has put back.
    func advance(
        to versions: [Bytes<48>: UInt64],
        where isDue: (Row) -> Bool
    ) async throws(WithdrawnKeysError) {
        for _ in 0..<Self.rounds {
            let (pending, generation) = try state.withLock { (state) throws(WithdrawnKeysError) in
                guard let seal = state.seals.last else { throw .sealed }
                return (Self.pending(state, versions, seal, isDue), seal.identity.generation)
            }
            var rest = pending[...]
            do throws(StateError) {
                while !rest.isEmpty {
                    let batch = Self.batch(rest)
                    try await store.apply(batch.map(\.change))
                    state.withLock { state in for done in batch { state.wrote(done.content, done.shard, generation) } }
                    rest = rest.dropFirst(batch.count)
                }
                return
            } catch .conflict {
                // Another instance was faster, or has another master key by now: reading tells.
                try await readAll()
            } catch { throw .state(error) }
        }
        throw .busy
    }

    private static func pending(
        _ state: State,
        _ versions: [Bytes<48>: UInt64],
        _ seal: WithdrawalSeal,
        _ isDue: (Row) -> Bool
    ) -> [Pending] {
        var (next, touched) = (state.known, Set<Int>())
        for (key, version) in versions where state.known.lowest(of: key) < version {
            next.raise(key, to: version)
            touched.insert(WithdrawnVersions.shard(of: key))
        }
        return state.rows.enumerated().filter { touched.contains($0) || isDue($1) || $1.isPutBack }.map { shard, row in
            let content = WithdrawnShard(sequence: row.sequence + 1, versions: next.shards[shard])
            return Pending(
                shard: shard,
                content: content,
                change: StateChange(
                    WithdrawnShard.names[shard],
                    expecting: row.version,
                    body: content.encoded(as: shard, under: seal)
                )
            )
        }
    }

    private static func batch(_ pending: ArraySlice<Pending>) -> ArraySlice<Pending> {
        var bytes = 0
        let count = pending.prefix { one in
            bytes += one.change.body?.count ?? 0
            return bytes <= bytesAtOnce
        }.count
        return pending.prefix(max(1, count))
    }
}

extension WithdrawnKeys.State {
    /// - Parameter remembered: the highest sequence that is known outside of the state.
    fileprivate mutating func take(
        _ row: StateRow,
        of shard: Int,
        remembered: UInt64
    ) throws(WithdrawnKeysError) {
        guard let body = row.body else { throw .missing(row.name) }
        let (read, generation) = try WithdrawnShard.read(body, as: shard, seals)
        let seen = rows[shard].sequence
        guard max(read.sequence, seen) >= remembered else {
            throw .replayed(row.name, sequence: read.sequence, seen: remembered)
        }
        known.merge(read.versions, in: shard)
        rows[shard] = .init(
            version: row.version,
            generation: generation,
            sequence: max(read.sequence, seen),
            isPutBack: read.sequence < seen
        )
    }

    /// What is durable by now.
    fileprivate mutating func wrote(_ content: WithdrawnShard, _ shard: Int, _ generation: UInt64) {
        known.merge(content.versions, in: shard)
        rows[shard] = .init(
            version: rows[shard].version + 1,
            generation: generation,
            sequence: content.sequence
        )
    }
}
