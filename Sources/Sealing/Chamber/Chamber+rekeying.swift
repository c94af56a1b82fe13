// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Secrets
internal import SignerState

/// Rotating the master key itself: a next one is made and held beside the current one, everything is encrypted under it anew,
/// and then it is the current one. Each step is one write of the record or one of a row, so that a crash leaves a state from
/// which any instance goes on.
///
/// The next key never lies under the current one: it is shared out as the current one was, and every instance gets it the way
/// it got that: from the KMS keys, or from its operators.
extension Chamber {
    /// Makes the next master key. The rest goes on by itself, in the background.
    func beginRekeying(_ standing: Standing) async throws(ChamberError) {
        let generation = standing.record.current.generation + 1
        let next = MasterKey.random(MasterKeyIdentity(chamber: standing.record.chamber, generation: generation))
        var isKept = false
        defer { if !isKept { next.destroy() } }
        let custody = try await hold(next, by: standing.record.current.plan)
        let record = standing.record.succeeded(at: now(), current: standing.record.current, next: custody)
        let body = try encode(record, under: [standing.keys.current, next])
        try await write([StateChange(ChamberRows.masterKey, expecting: standing.stored.version, body: body)])
        isKept = true
        // Before the record is read back: this instance needs neither KMS keys nor operators for it.
        await take(MasterKeys(standing.keys.current, next: next))
        try await follow()
        continueRekeying()
    }

    /// Goes on with what was begun, by this instance or another, at most once at a time. Nothing where there is nothing to do.
    package func continueRekeying() {
        state.withLock { state in
            guard state.rekeyingTask == nil, !state.isOver, let keys = state.keys, let next = keys.next else { return }
            let generation = next.identity.generation
            // Where there are operators, somebody says when it ends.
            guard state.rekeyed != generation || state.record?.quorum == nil else { return }
            if state.rekeying?.generation != generation {
                state.rekeying = RekeyingProgress(generation: generation, done: 0, total: 0, reason: nil)
            }
            state.rekeyingTask = Task { [weak self] in
                await self?.rekey(keys)
                self?.state.withLock { $0.rekeyingTask = nil }
            }
        }
    }

    /// Why nothing can be written under the master keys of this instance; looks at the record as it stands this moment. Nil
    /// where nothing stands against it.
    package func hindranceToWriting() async -> WritingHindrance? {
        do throws(StateError) { try await refresh() } catch { return .state(error) }
        return state.withLock { state in
            guard let keys = state.keys, state.machine.isOpen else {
                return .sealed(reason: state.machine.reason ?? "it is being opened")
            }
            guard let record = try? state.record?.record.get() else { return nil }
            let newest = record.next ?? record.current
            guard keys.key(newest.generation) == nil else { return nil }
            return .awaitsKey(isRotated: record.next == nil, byOperators: newest.quorum != nil)
        }
    }

    static let withoutNextKey =
        "the master key is being rotated, and this instance does not have the next one yet: it takes it from its KMS keys, or its operators bring it (operator unseal --operator NAME)"

    private func rekey(_ keys: MasterKeys) async {
        // Other instances write under the current key until they have noticed that there is a next one; then they are refused.
        try? await Task.sleep(for: settings.grace)
        guard !Task.isCancelled, let next = keys.next else { return }
        let generation = next.identity.generation
        do throws(ChamberContentsError) {
            try await contents.rekey(keys) { [self] done, total in
                state.withLock {
                    $0.rekeying = RekeyingProgress(generation: generation, done: done, total: total, reason: nil)
                }
            }
        } catch { return halt(generation, "\(error)") }
        let hasOperators = state.withLock { state in
            state.rekeyed = generation
            return state.record?.quorum != nil
        }
        guard !Task.isCancelled, !hasOperators else { return }
        do throws(ChamberError) { try await conclude() } catch { halt(generation, "\(error)") }
    }

    /// Whoever watches the chamber calls again; the same reason is told once.
    private func halt(_ generation: UInt64, _ reason: String) {
        let isNews = state.withLock { state in
            state.rekeying = RekeyingProgress(
                generation: generation,
                done: state.rekeying?.done ?? 0,
                total: state.rekeying?.total ?? 0,
                reason: reason
            )
            defer { state.rekeyingHalt = reason }
            return state.rekeyingHalt != reason
        }
        if isNews { witness.rekeyingFailed(reason) }
    }

    /// Makes the next master key the current one; nothing lies under the old one any more. Where there are operators, somebody
    /// says when: instances to which they have not brought the next key have to be opened anew from then on.
    package func endRekeying() async throws(ChamberError) {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        await settle()
        try await conclude()
        await settle()
    }

    /// Waits for nothing that the chamber does: closing it waits for this.
    private func conclude() async throws(ChamberError) {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let standing = try standing()
        guard let custody = standing.record.next, let next = standing.keys.next else { throw .notRotating }
        let generation = next.identity.generation
        guard state.withLock({ $0.rekeyed == generation }) else { throw .rotating }
        // Once more: another instance may have written under the old key since, and nobody could read that again.
        do throws(ChamberContentsError) {
            try await contents.rekey(standing.keys) { _, _ in }
            try await contents.conclude(standing.keys)
        } catch { throw .contents(error) }
        let record = standing.record.succeeded(at: now(), current: custody, next: nil)
        let body = try encode(record, under: [next])
        let confirmed = try confirmation(of: standing, under: next)
        try await write(
            [StateChange(ChamberRows.masterKey, expecting: standing.stored.version, body: body)]
                + (confirmed.map { [$0] } ?? [])
        )
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
    }
}

extension Chamber.StoredRow {
    var quorum: OperatorQuorum? { (try? record.get())?.quorum }
}
