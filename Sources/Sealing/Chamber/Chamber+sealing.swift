// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Secrets
internal import SignerState

/// Sealing, and taking back the order to seal.
extension Chamber {
    /// Closes the chamber here at once, and orders all other instances to close theirs. Returns when nothing is under way
    /// here, and the master key is gone.
    package func seal() async -> SealReport {
        let now = now()
        let closing = handle { state in
            state.isSealedHere = true
            return state.news(at: now)
        }
        await closing?.value
        do throws(StateError) {
            let order = try await orderSealing()
            // From here on the order is everybody's, and whoever takes it back takes it back for this instance too.
            state.withLock { state in
                state.standing.see(order, at: now)
                state.isSealedHere = false
            }
            await rememberOrders()
            return SealReport(problem: nil)
        } catch { return SealReport(problem: error) }
    }

    /// Takes back the order to seal, and opens the chamber as at a start. Returns when that has ended, either way.
    ///
    /// - Throws: where KMS keys alone open the chamber and do not: taking it back needs the master key, and the order stands.
    package func unseal() async throws(ChamberError) {
        // Who does not follow the state may not know yet that there is a master key.
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let standing = status.state
        guard standing != .uninitialized, standing != .awaitingRegistration else { throw .uninitialized }
        if state.withLock({ $0.seal.isOrdered || $0.standing.isOrdered }) { try await takeBack() }
        let now = now()
        handle { state in
            state.isSealedHere = false
            return state.news(at: now)
        }
        try await follow()
    }

    // MARK: The row

    /// The order that stands, or a new one.
    private func orderSealing() async throws(StateError) -> SealOrder? {
        for _ in 0...Self.tries {
            try await refresh()
            let now = now()
            let (seal, standing) = state.withLock { ($0.seal, $0.standing) }
            if seal.isOrdered { return seal.order }
            let order = SealOrder(sealing: standing.next(at: now), at: now)
            // Read back: the status says so at once.
            _ = try await replace(seal, with: order)
        }
        throw .unavailable(reason: Self.contention)
    }

    private func takeBack() async throws(ChamberError) {
        let keys = try await keysForTakingBack()
        defer { for key in keys?.all ?? [] { key.destroy() } }
        for _ in 0..<Self.tries {
            let now = now()
            let (seal, standing) = state.withLock { ($0.seal, $0.standing) }
            let order: SealOrder
            do throws(SealingError) {
                order = try SealOrder(unsealing: standing.next(at: now), at: now, under: keys?.current)
            } catch { throw .failed(error) }
            do throws(StateError) {
                let isWritten = try await replace(seal, with: order)
                try await refresh()
                if isWritten { return }
            } catch { throw .state(error) }
        }
        throw .state(.unavailable(reason: Self.contention))
    }

    /// The master key, for as long as it takes to tag with it; nil where operators open the chamber, who have to come anyway.
    private func keysForTakingBack() async throws(ChamberError) -> MasterKeys? {
        guard let stored = state.withLock({ $0.record }) else { throw .uninitialized }
        do throws(OpeningFailure) {
            let record = try stored.readable()
            try admit(record)
            return record.quorum == nil ? try await masterKeys(of: record, in: stored) : nil
        } catch {
            throw .sealed(
                reason: "the order to seal stands, because taking it back needs the master key: \(error.reason)"
            )
        }
    }

    /// Whether it was written; not where somebody else has ordered something meanwhile, and it has to be looked at again.
    private func replace(_ seal: SealRow, with order: SealOrder) async throws(StateError) -> Bool {
        do throws(StateError) {
            try await store.apply([
                StateChange(ChamberRows.seal, expecting: seal.isThere ? seal.version : 0, body: order.body)
            ])
            return true
        } catch {
            guard case .conflict = error else { throw error }
            return false
        }
    }

    private static let tries = 3
    private static let contention = "others seal and unseal the chamber at the same time; try again"

    // MARK: Orders that others take back

    /// Refuses to open against an order to seal that was not taken back by the chamber itself. Where operators have opened it,
    /// they have said what there is to say.
    func checkOrder(under keys: MasterKeys) throws(OpeningFailure) {
        try state.withLock { (state) throws(OpeningFailure) in
            guard state.standing.isOrdered else { return }
            guard let order = state.seal.order, let number = order.number,
                order.takesBack(state.standing.sealed, under: keys)
            else { throw OpeningFailure(ChamberMachine.sealDisputed, passes: false) }
            state.standing.answer(number)
        }
    }

    /// What says of an order that was taken back long ago that it was, to whoever has not been there: under another master
    /// key, or where there are no operators any more. Nil where there was none.
    func confirmation(under master: MasterKey) throws(ChamberError) -> StateChange? {
        let now = now()
        let (seal, standing) = state.withLock { ($0.seal, $0.standing) }
        guard seal.isThere, !seal.isOrdered else { return nil }
        do throws(SealingError) {
            let order = try SealOrder(unsealing: standing.next(at: now), at: now, under: master)
            return StateChange(ChamberRows.seal, expecting: seal.version, body: order.body)
        } catch { throw .failed(error) }
    }

    /// Orders are remembered outside the signer state, so that one which is gone from it is known for what it was.
    func rememberOrders() async {
        let (standing, chamber) = state.withLock { ($0.standing, (try? $0.record?.record.get())?.chamber) }
        guard standing != SealStanding(), let memory, let chamber else { return }
        var problem: String?
        do throws(StateMemoryError) {
            try await memory.remember(sealed: standing.sealed, answered: standing.answered, of: chamber.bytes)
        } catch { problem = "\(error)" }
        let isNews = state.withLock { state in
            defer { state.forgotten = problem }
            return problem != state.forgotten
        }
        if let problem, isNews { witness.forgotten(problem) }
    }
}
