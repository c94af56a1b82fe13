// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus
internal import Encoding

extension FlooredStore {
    /// Holds the floor against the record; whoever comes meanwhile waits for the same comparison.
    func compareOnce() async throws(StoreError) {
        let task = state.withLock { state in
            if let running = state.comparison { return running }
            let task = Task { () -> Result<Void, StoreError> in
                let result: Result<Void, StoreError>
                do throws(StoreError) {
                    try await compare()
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                self.state.withLock { state in
                    state.comparison = nil
                    if case .failure(let error) = result { state.obstacle = "\(error)" } else { state.obstacle = nil }
                }
                return result
            }
            state.comparison = task
            return task
        }
        try await task.value.get()
    }

    private func compare() async throws(StoreError) {
        // First, messages under way lose their passage: what they recorded may lie in a database that is gone. Those that
        // pass their last check before this have raised the floor before its marks are read. What was seen is taken
        // before the record is read: answers of messages may be newer than that.
        let (passage, seen) = state.withLock { state in
            state.passage += 1
            return (state.passage, state.seen)
        }
        let generation = inner.connectionGeneration
        let marks = try await floor.marks()
        guard case .comparison(let comparison) = try await inner.perform(.compare(marks)) else {
            preconditionFailure("the record answered another task than it was given")
        }
        if settings.expectsHistory, !comparison.hasHistory, marks.isEmpty {
            throw .emptyThoughExpected
        }
        if let finding = finding(in: comparison, seen) {
            throw .storage(reason: await latch(finding, since: passage))
        }
        try await introduce(comparison.recovery)
        state.withLock { state in
            guard state.passage == passage, state.alarm == nil else { return }
            state.compared = generation
            // From here on this is what must not step back.
            if let identity = comparison.identity { state.seen = identity }
        }
    }

    /// Looks at the database of connections that the floor was held against already: whether it still is what was seen,
    /// and whether another instance has begun to reconcile it. Keeps what it sees, so that an instance which signs
    /// little notices a database that went back while it was down.
    func lookAgain() async {
        let (passage, seen) = state.withLock { ($0.passage, $0.seen) }
        guard case .comparison(let comparison)? = try? await inner.perform(.compare([])) else { return }
        if let seen, let now = comparison.identity, now.isStepBack(from: seen) {
            if suspect(Self.stepBack(seen, now), since: passage) { await follow() }
        } else if let finding = finding(in: comparison, seen) {
            await latch(finding, since: passage)
        } else if let identity = comparison.identity, identity != floor.condition.seen {
            see(identity, passage)
            try? await floor.update { condition in
                guard condition.alarm == nil, condition.seen.map({ !identity.isStepBack(from: $0) }) ?? true else {
                    return
                }
                condition.seen = identity
            }
        }
    }

    /// What is wrong, first the gravest.
    private func finding(in comparison: RecordComparison, _ seen: DatabaseIdentity?) -> FloorFinding? {
        if comparison.uncoveredCount > 0 {
            let some = comparison.uncovered.map(\.description).joined(separator: "; ")
            let more = comparison.uncoveredCount - comparison.uncovered.count
            return FloorFinding(
                "the slashing record went back in time: it lacks what this instance has released for "
                    + "\(comparison.uncoveredCount) validators: \(some)" + (more > 0 ? "; and \(more) more" : "")
            )
        }
        if let suspicion = state.withLock({ $0.suspicion }) { return FloorFinding(suspicion) }
        if let seen, let now = comparison.identity, now.isStepBack(from: seen) {
            return FloorFinding(Self.stepBack(seen, now))
        }
        return finding(in: comparison.recovery, floor.condition)
    }

    private func finding(in recovery: RecoveryList, _ condition: FloorCondition) -> FloorFinding? {
        let instance = floor.instance
        if let own = recovery[instance.identifier] {
            if own.merged < max(condition.completed, condition.joined ?? 0) {
                return FloorFinding(
                    "the slashing record went back in time: it has forgotten a recovery in which the floor of this "
                        + "instance was merged"
                )
            }
        } else if condition.isKnown {
            return FloorFinding(
                "the slashing record does not know this instance (\(instance.digits), \(instance.name)), "
                    + "which was entered in it before: the record is an older or another one, or this instance was retired"
            )
        } else if let finding = lostFloor(recovery) {
            return FloorFinding(finding)
        }
        let missing = recovery.missing
        guard !missing.isEmpty else { return nil }
        return FloorFinding(
            "the slashing record is being reconciled after it went back in time (recovery \(recovery.number)); "
                + "not merged: " + missing.map(\.instance.name).joined(separator: ", "),
            isOnlyOfOthers: true
        )
    }

    /// A floor that was made just now: at the first start, or because it is gone.
    private func lostFloor(_ recovery: RecoveryList) -> String? {
        let name = floor.instance.name
        let former = recovery.instances.first { $0.instance.name == name }
        guard settings.expectsHistory || former != nil else { return nil }
        return "the floor of this instance is gone: "
            + (former.map { "the slashing record knows it as \($0.instance.digits), \(name)" }
                ?? "anti_slashing.expect_history says that there was one")
            + ". Put the file back, or accept the clock floor (--accept-clock-floor), since nobody knows what it held"
    }

    /// Makes sure that the record's list has this instance, before anything is released.
    private func introduce(_ recovery: RecoveryList) async throws(StoreError) {
        let instance = floor.instance
        if recovery[instance.identifier]?.instance != instance { _ = try await inner.perform(.register(instance)) }
        if !floor.condition.isKnown { try await floor.update { $0.isKnown = true } }
    }
}
