// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus

extension FlooredStore {
    package func reconcile(acceptingClockFloor: Bool) async throws(StoreError) -> ReconcileReport {
        let isFree = state.withLock { state in
            defer { state.isReconciling = true }
            return !state.isReconciling
        }
        guard isFree else { throw .refused(reason: "the record is being reconciled already") }
        let result: Result<ReconcileReport, StoreError>
        do throws(StoreError) {
            result = .success(try await reconcileAlone(acceptingClockFloor))
        } catch {
            result = .failure(error)
        }
        state.withLock { $0.isReconciling = false }
        return try result.get()
    }

    private func reconcileAlone(_ acceptsClockFloor: Bool) async throws(StoreError) -> ReconcileReport {
        if alarm == nil { try? await compareOnce() }
        guard alarm != nil else {
            if let obstacle = state.withLock({ $0.obstacle }) { throw .storage(reason: obstacle) }
            return ReconcileReport(
                instance: floor.instance,
                recovery: 0,
                merged: 0,
                raised: 0,
                clockFloor: nil,
                missing: []
            )
        }
        // Everything that began before the alarm has ended or will not be released, so the marks are whole.
        let condition = floor.condition
        let merge = FloorMerge(
            instance: floor.instance,
            marks: try await floor.marks(),
            joined: condition.joined,
            completed: condition.completed,
            clockFloor: try acceptsClockFloor ? clockFloor() : nil
        )
        guard case .merged(let report) = try await inner.perform(.merge(merge)) else {
            preconditionFailure("the record answered another task than it was given")
        }
        let missing = report.recovery.missing.map(\.instance)
        try await end(report, isComplete: missing.isEmpty)
        return ReconcileReport(
            instance: floor.instance,
            recovery: report.recovery.number,
            merged: merge.marks.count,
            raised: report.raised,
            clockFloor: merge.clockFloor,
            missing: missing
        )
    }

    private func clockFloor() throws(StoreError) -> Watermarks {
        if let floor = settings.clockFloor() { return floor }
        throw .refused(
            reason:
                "without a clock guard nothing bounds what was signed, so there is no clock floor; merge the floors of all "
                + "instances, or set anti_slashing.clock_guard_epochs if it was in force when they signed"
        )
    }

    /// Writes down how far this instance has come, and ends its alarm where all floors are in the record.
    private func end(_ report: FloorMergeReport, isComplete: Bool) async throws(StoreError) {
        try await floor.update { condition in
            condition.isKnown = true
            condition.joined = isComplete ? nil : report.recovery.number
            guard isComplete else { return }
            condition.alarm = nil
            condition.completed = report.recovery.number
            condition.seen = report.identity
        }
        guard isComplete else { return }
        state.withLock { state in
            state.alarm = nil
            state.suspicion = nil
            state.passage += 1
            // Held against the record once more before anything is released.
            state.compared = nil
            state.seen = report.identity
        }
    }

    /// Whether to reconcile without being asked again: others do and this instance has lost nothing, or an operator did
    /// and the recovery is complete, or there is another one.
    private func shouldGoOn() async -> Bool {
        guard let joined = floor.condition.joined else { return state.withLock { $0.joinsByItself } }
        guard case .comparison(let comparison)? = try? await inner.perform(.compare([])) else { return false }
        let recovery = comparison.recovery
        let stillWaits = recovery.number == joined && recovery[floor.instance.identifier]?.merged == joined
        return !stillWaits || recovery.isComplete
    }

    /// What the daemon does every few seconds: looks after the database even where nobody asks for a signature, joins a
    /// reconciliation that others have begun where nothing is missing here, and goes on with one that waits for others.
    package func tend() async {
        if alarm == nil {
            let isCompared = state.withLock { $0.compared } == inner.connectionGeneration
            if isCompared { await lookAgain() } else { try? await compareOnce() }
        } else if await shouldGoOn() {
            _ = try? await reconcile(acceptingClockFloor: false)
        }
    }
}
