// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// What the record sees of its database while nobody asks for a signature: an instance that signs nothing must notice a
/// step back too, because it may be the next that signs.
extension FlooredStore {
    /// Called before each look. What was seen until then is what counts: messages go on meanwhile.
    func beginLook() -> @Sendable (DatabaseIdentity) -> Void {
        let (passage, seen) = state.withLock { ($0.passage, $0.seen) }
        return { [weak self] identity in self?.note(identity, passage, seen) }
    }

    /// On a thread of the record: stops at once what must not go on, and leaves to a task what takes time. What was seen
    /// becomes durable with the next release, or when the daemon tends the floor.
    private func note(_ identity: DatabaseIdentity, _ passage: UInt64, _ seen: DatabaseIdentity?) {
        if let seen, identity.isStepBack(from: seen) {
            if suspect(Self.stepBack(seen, identity), since: passage) { Task { await follow() } }
            return
        }
        see(identity, passage)
        let isNew = state.withLock { $0.alarm == nil && $0.compared != inner.connectionGeneration }
        // Before somebody's message has to wait for it.
        if isNew { Task { try? await compareOnce() } }
    }

    /// Lets nothing pass until `follow` has asked the record what it lacks: an operator is told of validators sooner than of
    /// positions. The suspicion stays whatever the record says, because others may have written it past what was seen by
    /// then. False where somebody else suspects already, or knows.
    func suspect(_ text: String, since passage: UInt64) -> Bool {
        state.withLock { state in
            guard state.passage == passage, state.alarm == nil, state.suspicion == nil else { return false }
            state.suspicion = text
            state.passage += 1
            state.compared = nil
            return true
        }
    }

    /// Ends a suspicion as an alarm, at the latest when the record could not be asked for some seconds.
    func follow() async {
        for attempt in 0..<Self.mostQuestions {
            if attempt > 0 { try? await Task.sleep(for: .milliseconds(250)) }
            try? await compareOnce()
            if state.withLock({ $0.suspicion }) == nil { return }
        }
        let (standing, passage) = state.withLock { ($0.suspicion, $0.passage) }
        if let standing { await latch(FloorFinding(standing), since: passage) }
    }

    /// A server that has only just started may not take the first connections.
    private static let mostQuestions = 8

    /// Keeps the latest that was seen.
    func see(_ identity: DatabaseIdentity, _ passage: UInt64) {
        state.withLock { state in
            guard state.passage == passage else { return }
            if let seen = state.seen, identity.isStepBack(from: seen) { return }
            state.seen = identity
        }
    }
}
