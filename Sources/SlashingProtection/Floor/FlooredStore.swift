// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus

/// A record beside which this instance keeps a floor: what the record has made durable is written to the floor too
/// before it is released, and a record that knows less than the floor has gone back in time. Then nothing is signed with
/// any key until the floors of all instances have been merged (`anti-slashing reconcile`).
///
/// The order is: record, floor, release. A crash between the first two leaves a record that is ahead of the floor, which
/// is safe: the client may ask for the very message again.
package final class FlooredStore: RecordStore {
    package struct Settings: Sendable {
        /// The record has history and this instance a floor, or something was lost.
        package var expectsHistory: Bool
        /// The low watermarks of the clock floor now; nil where the clock says nothing of what may have been signed.
        package var clockFloor: @Sendable () -> Watermarks?

        /// A message that met a new connection is decided once more if no more than this has passed: together with the
        /// record's own limit, the time that a client waits.
        package var askAgainWithin = Duration.seconds(2)

        package init(expectsHistory: Bool = false, clockFloor: @escaping @Sendable () -> Watermarks? = { nil }) {
            self.expectsHistory = expectsHistory
            self.clockFloor = clockFloor
        }
    }

    struct State {
        var alarm: String?
        /// Rises with every change of what may be released: what began under another number is not.
        var passage: UInt64 = 0
        /// The generation of connections that the floor was held against.
        var compared: UInt64?
        var comparison: Task<Result<Void, StoreError>, Never>?
        /// Why the last comparison could not be made.
        var obstacle: String?
        var seen: DatabaseIdentity?
        /// A look has found the database behind what was seen; the alarm follows when the record was asked what it lacks.
        var suspicion: String?
        var isReconciling = false
        /// Whether the alarm is only that others reconcile the record: then this floor may be merged without being asked.
        var joinsByItself = false
    }

    let inner: any RecordStore
    let floor: any FloorKeeper
    let settings: Settings
    let state: Lock<State>

    /// Nothing is released before the first comparison; `start` makes it at once and says what came of it.
    package init(inner: any RecordStore, floor: any FloorKeeper, settings: Settings = Settings()) {
        self.inner = inner
        self.floor = floor
        self.settings = settings
        let condition = floor.condition
        state = Lock(State(alarm: condition.alarm, seen: condition.seen))
        inner.prepare(for: floor.instance, seen: condition.seen)
        inner.watch { [weak self] in self?.beginLook() ?? { _ in } }
    }

    /// Holds the floor against the record. An alarm is no failure: the store refuses, says why in `health`, and can be
    /// reconciled.
    ///
    /// - Throws: where history is expected and the record has none, or the two cannot be compared.
    package func start() async throws(StoreError) {
        guard state.withLock({ $0.alarm == nil }) else { return }
        do throws(StoreError) {
            _ = try await enter()
        } catch {
            if state.withLock({ $0.alarm == nil }) { throw error }
        }
    }

    /// Why nothing is signed until the record was reconciled.
    package var alarm: String? { state.withLock { $0.alarm } }

    /// The database as it was seen last.
    package var lastSeen: DatabaseIdentity? { state.withLock { $0.seen } }

    // MARK: RecordStore

    package var health: StoreHealth {
        let (alarm, obstacle, suspicion) = state.withLock { ($0.alarm, $0.obstacle, $0.suspicion) }
        if let alarm { return .unusable(reason: alarm) }
        if let suspicion { return .suspended(reason: suspicion) }
        if inner.health != .ready { return inner.health }
        if floor.health != .ready { return floor.health }
        return obstacle.map { .suspended(reason: $0) } ?? .ready
    }

    package var connectionGeneration: UInt64 { inner.connectionGeneration }

    package func decide(_ batch: DutyBatch) async -> [Verdict] {
        if let reason = floor.health.reason { return batch.refused(reason) }
        let began = MonotonicClock.nanoseconds
        let first = await decideOnce(batch)
        let spent = MonotonicClock.nanoseconds &- began
        guard first.isWorthAsking, spent < UInt64(clamping: settings.askAgainWithin.nanoseconds) else {
            return first.verdicts
        }
        return await decideOnce(batch).verdicts
    }

    /// What came of one attempt.
    private struct Attempt {
        let verdicts: [Verdict]
        /// Whether something was refused only because the database was found anew meanwhile. Asking again is safe: nothing
        /// of what was refused was released, and the record knows the very message again if it has it.
        var isWorthAsking = false
    }

    private func decideOnce(_ batch: DutyBatch) async -> Attempt {
        let passage: Passage
        do throws(StoreError) { passage = try await enter() } catch {
            return Attempt(verdicts: batch.refused("\(error)"))
        }
        let decision = await inner.decide(batch, generation: passage.generation)
        let verdicts: [Verdict]
        do throws(StoreError) {
            try await release(decision, of: batch, passage)
            verdicts = decision.verdicts
        } catch {
            verdicts = decision.verdicts.map { $0.refusal == nil ? .refused(.notCheckable(reason: "\(error)")) : $0 }
        }
        let isUnchecked = verdicts.contains { $0.refusal?.isUnsafe == false }
        return Attempt(verdicts: verdicts, isWorthAsking: isUnchecked && isOver(passage))
    }

    /// Raises the floor to what the record allowed; when this returns it may be released.
    private func release(
        _ decision: IdentifiedVerdicts,
        of batch: DutyBatch,
        _ passage: Passage
    ) async throws(StoreError) {
        try await watch(decision.identity, passage)
        var released: [RecordIdentity] = []
        for (record, verdict) in zip(batch.records, decision.verdicts) where verdict.refusal == nil {
            released.append(record)
        }
        guard !released.isEmpty else { return }
        try check(passage)
        try await floor.raise(FloorRelease(duty: batch.duty, records: released, seen: decision.identity))
        try check(passage)
    }

    package func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        let answer = try await inner.administer(task.named(floor.instance))
        guard case .status(let status) = answer else { return answer }
        return .status(status.withHealth(health))
    }

    package func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer { try await inner.perform(task) }

    package func close() async {
        await inner.close()
        await floor.close()
    }

    // MARK: The way of a message

    /// What held when a message began.
    struct Passage {
        let number: UInt64
        let generation: UInt64
        let seen: DatabaseIdentity?
    }

    /// Lets a message begin: no alarm, and the floor held against the database that the store speaks with now.
    private func enter() async throws(StoreError) -> Passage {
        // Once more where the connection was lost while it was being looked at; then the caller may try again.
        for _ in 0..<2 {
            let generation = inner.connectionGeneration
            let passage = state.withLock { state -> Result<Passage?, StoreError> in
                if let alarm = state.alarm { return .failure(.storage(reason: alarm)) }
                guard state.compared == generation else { return .success(nil) }
                return .success(Passage(number: state.passage, generation: generation, seen: state.seen))
            }
            if let passage = try passage.get() { return passage }
            try await compareOnce()
        }
        throw .storage(
            reason: "the connection to the slashing record was lost again while it was held against the floor"
        )
    }

    /// Whether what began as `passage` may go on.
    private func check(_ passage: Passage) throws(StoreError) {
        let (number, alarm) = state.withLock { ($0.passage, $0.alarm) }
        guard number != passage.number else { return }
        throw .storage(reason: alarm ?? "the connection to the slashing record changed meanwhile; ask again")
    }

    /// Whether `passage` ended without an alarm: the store speaks with another database, or with the same one started anew.
    private func isOver(_ passage: Passage) -> Bool {
        guard inner.health == .ready else { return false }
        let (number, alarm) = state.withLock { ($0.passage, $0.alarm) }
        return alarm == nil && (number != passage.number || inner.connectionGeneration != passage.generation)
    }

    /// Looks at the database that answered. What was seen before the message began is what counts: answers may overtake
    /// each other.
    private func watch(_ identity: DatabaseIdentity?, _ passage: Passage) async throws(StoreError) {
        guard let identity else { return }
        if let seen = passage.seen, identity.isStepBack(from: seen) {
            throw .storage(reason: await latch(FloorFinding(Self.stepBack(seen, identity)), since: passage.number))
        }
        see(identity, passage.number)
    }

    static func stepBack(_ seen: DatabaseIdentity, _ now: DatabaseIdentity) -> String {
        "the database of the slashing record is not the one that was seen before, or has lost writes: "
            + "last seen was \(seen), now it is \(now)"
    }

    // MARK: The alarm

    /// What to do about every alarm.
    private static let advice =
        "; nothing is signed with any key until `containment-chamber anti-slashing reconcile` has run for every instance"

    /// Stops all keys, here at once and durably. Gives the text of the alarm.
    @discardableResult
    func latch(_ finding: FloorFinding, since passage: UInt64) async -> String {
        let (text, isNew) = stop(finding, since: passage)
        // Where this fails the floor cannot be raised either, so nothing is released, and the next start compares anew.
        if isNew { try? await floor.update { $0.alarm = text } }
        return text
    }

    /// Stops all keys here, at once; a new alarm is still to be made durable.
    func stop(_ finding: FloorFinding, since passage: UInt64) -> (text: String, isNew: Bool) {
        let text = finding.text + Self.advice
        return state.withLock { state in
            // Found by a message that began before the alarm was over.
            if state.passage != passage { return (state.alarm ?? finding.text, false) }
            if let alarm = state.alarm { return (alarm, false) }
            state.alarm = text
            state.suspicion = nil
            state.joinsByItself = finding.isOnlyOfOthers
            state.passage += 1
            return (text, true)
        }
    }
}

/// What is wrong with a record.
struct FloorFinding: Sendable {
    let text: String
    /// Nothing that this instance let out is missing; others have found something.
    let isOnlyOfOthers: Bool

    init(_ text: String, isOnlyOfOthers: Bool = false) {
        self.text = text
        self.isOnlyOfOthers = isOnlyOfOthers
    }
}

extension AdministrativeTask {
    /// Disabling and enabling happen in the name of the instance that keeps the floor.
    fileprivate func named(_ instance: FloorInstance) -> AdministrativeTask {
        switch self {
        case .disable(let validators, by: nil): .disable(validators, by: instance)
        case .enable(let validators, .owner(nil)): .enable(validators, .owner(instance))
        default: self
        }
    }
}

extension RecordStatus {
    fileprivate func withHealth(_ health: StoreHealth) -> RecordStatus {
        var status = self
        status.health = health.reason ?? "ready"
        return status
    }
}
