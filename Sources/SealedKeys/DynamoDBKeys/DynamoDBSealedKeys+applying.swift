// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import Concurrency
internal import DynamoDB
internal import Encoding

extension DynamoDBSealedKeys {
    /// Of one transaction, which has 100 operations and 4 MB: the header and the item of the ring come on top.
    private static let part = (count: DynamoDB.largestTransaction - 2, bytes: 3_000_000)
    /// Tries of a transaction that those of other instances keep coming before.
    private static let rounds = 12

    package func apply(_ changes: [SealedKeyChange]) async throws(SealedKeyError) -> [SealedKeyOutcome] {
        try changes.check()
        var outcomes: [SealedKeyOutcome] = []
        for part in changes.parts(count: Self.part.count, bytes: Self.part.bytes) {
            outcomes += try await changing.pass { () async throws(SealedKeyError) -> [SealedKeyOutcome] in
                try await change(Array(part))
            }
        }
        return outcomes
    }

    /// In one transaction; no key twice. What is not clear is looked at again: a change that was made after all is found to
    /// stand there, and one that is still on its way finds another revision than it expects.
    private func change(_ part: [SealedKeyChange]) async throws(SealedKeyError) -> [SealedKeyOutcome] {
        var last = DynamoDBError.canceled([.conflict])
        let latest = MonotonicClock.nanoseconds &+ UInt64(clamping: patience.nanoseconds)
        for round in 0..<Self.rounds {
            if round > 0 { await pause(round) }
            let header = try await header()
            // What is new is first believed to be so: an import would read all of its keys in vain. Not what comes too late: it
            // may have been there in time.
            let known = part.filter { $0.expected > 0 || $0.entry.keyGeneration < header.fence }
            let standing = try await standing(round == 0 ? known : part)
            let decisions = part.map { $0.decision(over: standing[$0.entry.publicKey], fence: header.fence) }
            let writes = zip(part, decisions).filter { $1 == .write }.map(\.0)
            if writes.isEmpty { return decisions.map(\.outcome) }
            if MonotonicClock.nanoseconds > latest { break }
            do throws(DynamoDBError) {
                try await database.transactWrite(transaction(writes, over: standing, header))
                return decisions.map(\.outcome)
            } catch {
                guard error.mayHaveBeenDone || error.isContention else { throw failure(error) }
                last = error
            }
        }
        if last.isContention { throw tooBusy }
        throw failure(last)
    }

    package func raiseFence(to generation: UInt64) async throws(SealedKeyError) {
        try await changing.pass { () async throws(SealedKeyError) in try await raise(to: generation) }
    }

    /// Puts the header on the condition that it is the one that was read: a change that has read the one of before is
    /// canceled by this, or comes first.
    private func raise(to generation: UInt64) async throws(SealedKeyError) {
        var last = DynamoDBError.conditionFailed(nil)
        for round in 0..<Self.rounds {
            if round > 0 { await pause(round) }
            let header = try await header()
            guard header.fence < generation else { return }
            var next = header
            next.fence = generation
            do throws(DynamoDBError) {
                return try await database.putItem(table: table, next.item, where: header.isCurrent)
            } catch {
                guard error.mayHaveBeenDone || error.isContention else { throw failure(error) }
                last = error
            }
        }
        if last.isContention { throw tooBusy }
        throw failure(last)
    }

    private func standing(_ part: [SealedKeyChange]) async throws(SealedKeyError) -> [Bytes<48>: SealedKeyEntry] {
        let entries = try await entries(of: part.map(\.entry.publicKey))
        return Dictionary(entries.map { ($0.publicKey, $0) }) { $1 }
    }

    /// Every key on the condition that it still has the version that was read: the header's revision says so too, but not
    /// of items that something else than a chamber has written.
    private func transaction(
        _ writes: [SealedKeyChange],
        over standing: [Bytes<48>: SealedKeyEntry],
        _ header: SealedKeyHeader
    ) -> [TransactionWrite] {
        var next = header
        next.revision += 1
        for entry in writes.map(\.entry) { next.replace(standing[entry.publicKey], with: entry) }
        let changed = Dictionary(writes.map { ($0.entry.publicKey, $0.entry.version) }) { $1 }
        let log = SealedKeyLogItem(revision: next.revision, changed: changed)
        return [
            .put(table: table, next.item, where: header.isCurrent),
            .put(table: table, log.item(slots: header.slots)),
        ]
            + writes.map { change in
                let isExpected =
                    change.expected == 0
                    ? SealedKeyItems.absent
                    : Expression("row_version = :v", values: [":v": .number(change.expected)])
                return .put(table: table, SealedKeyItems.item(change.entry), where: isExpected)
            }
    }

    private var tooBusy: SealedKeyError {
        .unavailable(reason: "the DynamoDB table \(table) is too busy to be changed; try again")
    }

    /// A random time that grows, so that instances which change keys at once come through one after the other.
    private func pause(_ round: Int) async {
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...(10 << min(round, 6)))))
    }
}

extension DynamoDBError {
    /// Whether a write that ended so may stand in the table all the same.
    fileprivate var mayHaveBeenDone: Bool {
        if case .aws(.unclear) = self { true } else { false }
    }

    /// Whether other changes were in the way.
    fileprivate var isContention: Bool {
        if case .conditionFailed = self { return true }
        guard case .canceled(let reasons) = self else { return false }
        return reasons.contains { reason in
            switch reason {
            case .conditionFailed, .conflict: true
            case .none, .throttled, .other: false
            }
        }
    }
}
