// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Secrets
package import SignerState

/// The chamber of this instance: follows the signer state, puts the master key together, holds it while it is open, and
/// wipes it when it closes. What to do when is `ChamberMachine`'s; this performs it.
package final class Chamber: Sendable {
    let store: any StateStore
    let custodian: Custodian
    let contents: any ChamberContents
    let witness: any ChamberWitness
    let memory: StateMemory?
    let settings: Settings
    let now: @Sendable () -> Int64
    let state: Lock<State>

    /// Times of a chamber.
    package struct Settings: Sendable {
        /// Seconds in which operators have to follow each other, and a proposal has to be approved and performed
        /// (`signer_state.unseal_timeout_minutes`).
        package var patience: Int64
        /// After a next master key was made: most other instances have noticed by then, and write under it. No key depends
        /// on this time, so it need not reach `refresh_interval_seconds`: from the start of the rotation on the store takes
        /// nothing under the old key, and whoever has not noticed is told so (`SealedKeyStore.raiseFence`).
        package var grace: Duration

        package init(patience: Int64 = 30 * 60, grace: Duration = .seconds(5)) {
            self.patience = patience
            self.grace = grace
        }
    }

    /// - Parameters:
    ///   - memory: remembers the record outside the signer state; nil for nowhere.
    ///   - now: seconds since 1970.
    package init(
        store: any StateStore,
        custodian: Custodian,
        contents: any ChamberContents,
        witness: any ChamberWitness,
        memory: StateMemory? = nil,
        settings: Settings = Settings(),
        now: @escaping @Sendable () -> Int64
    ) {
        self.store = store
        self.custodian = custodian
        self.contents = contents
        self.witness = witness
        self.memory = memory
        self.settings = settings
        self.now = now
        var state = State(proposals: ProposalDesk(lifetime: settings.patience))
        if let known = memory?.known { state.standing = SealStanding(sealed: known.sealed, answered: known.answered) }
        self.state = Lock(state)
    }

    // MARK: Looking

    /// Whether the master key is in memory and what lies under it is loaded: only then is anything signed.
    package var isOpen: Bool { state.withLock { $0.machine.isOpen && !$0.isOver } }

    package var status: ChamberStatus {
        let now = now()
        return state.withLock { ChamberStatus(&$0, at: now) }
    }

    /// The master keys of an open chamber.
    package func masterKeys() throws(ChamberError) -> MasterKeys {
        let (keys, now, reason) = state.withLock { state in
            (state.machine.isOpen && !state.isOver ? state.keys : nil, state.machine.state, state.machine.reason)
        }
        if let keys { return keys }
        throw switch now {
        case .uninitialized, .awaitingRegistration: .uninitialized
        case .kmsUnsealed: .sealed(reason: reason ?? Self.waiting)
        default: .sealed(reason: reason)
        }
    }

    private static let waiting =
        "it waits for its operators: `containment-chamber operator unseal --operator NAME`, each on their own machine"

    // MARK: Following the signer state

    /// Reads the state. What it says is begun, and not waited for.
    package func refresh() async throws(StateError) {
        let seen = state.withLock { $0.revision }
        let reading = try await store.rows(after: seen ?? 0)
        let now = now()
        let fault = state.withLock { $0.registrationFault }
        defer { tellOfRegistration(since: fault) }
        handle { state in
            if state.revision.map({ reading.revision > $0 }) ?? true {
                state.revision = reading.revision
                for row in reading.rows { state.take(row, at: now) }
            }
            return state.passed(to: now, settings.patience)
        }
        await rememberOrders()
    }

    private func tellOfRegistration(since last: String?) {
        guard let fault = state.withLock({ $0.registrationFault }), fault != last else { return }
        witness.registrationRefused(fault)
    }

    /// Ends ceremonies and registrations whose time is over, for a chamber that does not follow the signer state. Reads nothing.
    package func keepTime() {
        let now = now()
        handle { $0.passed(to: now, settings.patience) }
    }

    /// Waits until what was begun has ended, one way or another.
    package func settle() async {
        for _ in 0..<2 {
            await state.withLock { $0.last }?.value
            await state.withLock { $0.opening }?.value
        }
        await state.withLock { $0.last }?.value
    }

    func follow() async throws(ChamberError) {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        await settle()
    }

    /// Wipes everything, and begins nothing any more: libraries that a late attempt would use go away with the process.
    /// Nobody else is told.
    package func shutDown() async {
        let last = state.withLock { state in
            state.isOver = true
            return state.last
        }
        await last?.value
        await close()
    }

    // MARK: What the machine says

    /// Tells the machine of an event, and performs what it says behind everything that it said before.
    @discardableResult
    func handle(_ make: (inout State) -> ChamberMachine.Event?) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.isOver, let event = make(&state) else { return state.last }
            let before = (state.machine.state, state.machine.reason)
            let actions = state.machine.handle(event)
            let after = (state.machine.state, state.machine.reason)
            let (previous, hasChanged) = (state.last, before != after)
            let next = Task { [self] in
                await previous?.value
                if hasChanged { witness.changed(from: before.0, to: after.0, reason: after.1) }
                for action in actions { await perform(action) }
            }
            state.last = next
            return next
        }
    }

    private func perform(_ action: ChamberMachine.Action) async {
        switch action {
        case .open(let attempt):
            let opening = Task { await open(attempt) }
            state.withLock { $0.opening = opening }
        case .load(let attempt):
            let opening = Task { await load(attempt) }
            state.withLock { $0.opening = opening }
        case .pause(let duration):
            // Weak: a chamber that nobody has any more tries nothing.
            let pause = Task { [weak self] in
                guard (try? await Task.sleep(for: duration)) != nil else { return }
                self?.handle { _ in .pauseEnded }
            }
            state.withLock { $0.pause = pause }
        case .close: await close()
        case .check(let attempt): await check(attempt)
        case .warnOfLoss: witness.recordLost()
        }
    }

    private func close() async {
        let (opening, pause, rekeying) = state.withLock { ($0.opening, $0.pause, $0.rekeyingTask) }
        pause?.cancel()
        opening?.cancel()
        rekeying?.cancel()
        await contents.unload()
        await opening?.value
        await rekeying?.value
        // What the opening brought at its end.
        await contents.unload()
        state.withLock { state in
            state.keys?.destroy()
            state.keys = nil
            state.endCeremony()
            state.opening = nil
            state.rekeyingTask = nil
            state.rekeying = nil
            state.rekeyed = nil
            state.rekeyingHalt = nil
        }
    }
}

extension Chamber.State {
    /// What came of time alone, and what the machine has not been told yet.
    mutating func passed(to now: Int64, _ patience: Int64) -> ChamberMachine.Event? {
        if ceremony?.expire(at: now) ?? false { renewCeremony(patience) }
        return news(at: now)
    }

    /// What the machine has not been told yet.
    mutating func news(at now: Int64) -> ChamberMachine.Event? {
        let observation = observation(at: now)
        guard observation != told else { return nil }
        told = observation
        return .observed(observation)
    }
}
