// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Secrets
internal import SignerState

/// Sealing, and taking back the order to seal.
extension Chamber {
    /// Closes the chamber here at once, and orders all other instances to close theirs. Returns when nothing is under way
    /// here, and the master key is gone.
    ///
    /// The order is remembered before it is written: where it cannot be, or is removed at once, this instance at least stays
    /// closed, also after a restart.
    package func seal() async -> SealReport {
        let now = now()
        let closing = handle { state in
            state.isSealedHere = true
            return state.news(at: now)
        }
        await closing?.value
        do throws(StateError) {
            try await orderSealing()
            // From here on the order is everybody's, and whoever takes it back takes it back for this instance too.
            state.withLock { $0.isSealedHere = false }
            return SealReport(problem: nil)
        } catch { return SealReport(problem: error) }
    }

    /// Takes back the order to seal, and opens the chamber as at a start. Returns when that has ended, either way.
    ///
    /// - Parameter isAllowed: asked with the master key, before anything is written: in a sealed chamber nobody can say whether
    ///   a token is one that it has given out. Not asked where operators open the chamber.
    /// - Throws: where KMS keys alone open the chamber and do not: taking it back needs the master key, and the order stands.
    package func unseal(
        where isAllowed: @Sendable (MasterKeys) async -> Bool = { _ in true }
    ) async throws(ChamberError) {
        // Who does not follow the state may not know yet that there is a master key.
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let standing = status.state
        guard standing != .uninitialized, standing != .awaitingRegistration else { throw .uninitialized }
        if state.withLock({ $0.seal.isOrdered || $0.standing.isOrdered }) { try await takeBack(where: isAllowed) }
        let now = now()
        handle { state in
            state.isSealedHere = false
            return state.news(at: now)
        }
        try await follow()
    }

    // MARK: The row

    /// A new order each time: whoever is about to take the one that stands back has not heard of this one.
    private func orderSealing() async throws(StateError) {
        let now = now()
        // An order is remembered, whatever the one that is written says in the end.
        _ = nextOrder(at: now)
        await rememberOrders()
        for _ in 0..<Self.tries {
            try await refresh()
            let seal = state.withLock { $0.seal }
            // Later than what it replaces, whoever's clock that was written by.
            let order = nextOrder(at: now)
            guard try await replace(seal, with: order) else { continue }
            // Read back: the status says so at once.
            return try await refresh()
        }
        throw .unavailable(reason: "others seal and unseal the chamber at the same time; try again")
    }

    private func nextOrder(at now: Int64) -> SealOrder {
        state.withLock { state in
            let order = SealOrder(sealing: state.standing.next(at: now, behind: state.seal.order), at: now)
            state.standing.see(order, at: now)
            return order
        }
    }

    /// Nothing that was ordered meanwhile is taken back with it: then it ends with a conflict.
    private func takeBack(where isAllowed: @Sendable (MasterKeys) async -> Bool) async throws(ChamberError) {
        let seal = state.withLock { $0.seal }
        let keys = try await keysForTakingBack()
        defer { for key in keys?.all ?? [] { key.destroy() } }
        if let keys {
            guard await isAllowed(keys) else { throw .notAllowed }
        }
        let now = now()
        let number = state.withLock { $0.standing.next(at: now, behind: $0.seal.order) }
        let order: SealOrder
        do throws(SealingError) { order = try SealOrder(unsealing: number, at: now, under: keys?.current) } catch {
            throw .failed(error)
        }
        do throws(StateError) {
            guard try await replace(seal, with: order) else { throw StateError.conflict(ChamberRows.seal) }
            // For this instance no clock has to agree.
            if keys != nil { state.withLock { $0.standing.answer(number) } }
            try await refresh()
        } catch { throw .state(error) }
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

    private static let tries = 5

    // MARK: Orders that others take back

    /// Refuses to open against an order to seal that was not taken back by the chamber itself. Where operators have opened it,
    /// they have said what there is to say.
    func checkOrder(under keys: MasterKeys) throws(OpeningFailure) {
        let now = now()
        try state.withLock { (state) throws(OpeningFailure) in
            guard state.standing.isOrdered else { return }
            guard state.standing.isOvercome(by: state.seal.order, at: now), let order = state.seal.order,
                order.isGenuine(under: keys), let number = order.number
            else { throw OpeningFailure(ChamberMachine.sealDisputed, passes: false) }
            state.standing.answer(number)
        }
    }

    /// What says of an order that was taken back long ago that it was, to whoever has not been there: under another master
    /// key, or where there are no operators any more. Nil where there was none, or nobody who may has taken it back: what
    /// somebody else has written there is not made good by this.
    func confirmation(of standing: Standing, under master: MasterKey) throws(ChamberError) -> StateChange? {
        let now = now()
        let (seal, orders) = state.withLock { ($0.seal, $0.standing) }
        let hasOperators = standing.record.quorum != nil
        guard seal.isThere, let last = seal.order, !last.sealed,
            hasOperators ? !orders.isOrdered : last.isGenuine(under: standing.keys)
        else { return nil }
        do throws(SealingError) {
            // The same taking back, which says nothing of orders that came after it.
            let number = hasOperators ? orders.next(at: now) : last.number ?? 0
            let order = try SealOrder(unsealing: number, at: now, under: master)
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
