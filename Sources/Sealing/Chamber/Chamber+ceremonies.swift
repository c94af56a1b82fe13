// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Secrets
internal import SignerState

/// Initialising, sealing, and taking back the order to seal.
extension Chamber {
    /// Makes the master key of a new chamber and shares it out among KMS keys. When the record is durable, the chamber opens
    /// by the same way as at every start; returns when that has ended too.
    package func initialize(keys: [KeyName], threshold: Int) async throws(ChamberError) {
        guard status.state == .uninitialized else { throw .alreadyInitialized }
        try await makeMasterKey(by: CustodyPlan(keys: keys, threshold: threshold), ending: nil)
        try await follow()
    }

    /// Begins the registration of the operators of a new chamber. There is no master key before all have registered.
    ///
    /// - Parameter tokens: as many as there are operators, for each one in their order.
    package func initialize(
        keys: [KeyName],
        threshold: Int,
        operators: [OperatorName],
        operatorThreshold: Int,
        tokens: [SecretBox]
    ) async throws(ChamberError) {
        guard status.state == .uninitialized else { throw .alreadyInitialized }
        do throws(CustodyError) {
            try Custodian.check(keys, threshold: threshold)
            try OperatorPlan.check(operators, threshold: operatorThreshold)
        } catch { throw .custody(error) }
        try await beginRegistration(
            of: operators,
            threshold: operatorThreshold,
            tokens: tokens,
            for: CustodyPlan(keys: keys, threshold: threshold),
            changing: nil
        )
        try await follow()
    }

    /// Makes the master key and its record, in one step with the end of the registration that it comes from.
    func makeMasterKey(by plan: CustodyPlan, ending registration: StateChange?) async throws(ChamberError) {
        // Where the record of an open chamber is gone, nobody puts another chamber in its place: what is in memory is all
        // there is left of the right one.
        guard state.withLock({ $0.keys == nil }) else { throw .alreadyInitialized }
        let master = MasterKey.random(MasterKeyIdentity(chamber: .random(), generation: 1))
        defer { master.destroy() }
        let custody = try await hold(master, by: plan)
        let record = MasterKeyRecord(chamber: master.identity.chamber, sequence: 1, made: now(), current: custody)
        let body = try encode(record, under: [master])
        var changes = [StateChange(ChamberRows.masterKey, expecting: 0, body: body)]
        do throws(ChamberContentsError) { changes += try await contents.founding(master) } catch {
            throw .contents(error)
        }
        if let registration { changes.append(registration) }
        do throws(StateError) { try await store.apply(changes) } catch {
            if case .conflict = error { throw .alreadyInitialized }
            throw .state(error)
        }
    }

    func hold(_ master: MasterKey, by plan: CustodyPlan) async throws(ChamberError) -> MasterKeyCustody {
        do throws(CustodyError) { return try await custodian.hold(master, by: plan) } catch { throw .custody(error) }
    }

    func encode(_ record: MasterKeyRecord, under masters: [MasterKey]) throws(ChamberError) -> [UInt8] {
        do throws(SealingError) { return try record.encoded(under: masters) } catch { throw .failed(error) }
    }

    // MARK: Sealing

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
            try await order(sealed: true)
            // From here on the order is everybody's, and whoever takes it back takes it back for this instance too.
            state.withLock { $0.isSealedHere = false }
            return SealReport(problem: nil)
        } catch { return SealReport(problem: error) }
    }

    /// Takes back the order to seal, and opens the chamber as at a start. Returns when that has ended, either way.
    package func unseal() async throws(ChamberError) {
        // Who does not follow the state may not know yet that there is a master key.
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let standing = status.state
        guard standing != .uninitialized, standing != .awaitingRegistration else { throw .uninitialized }
        do throws(StateError) { try await order(sealed: false) } catch { throw .state(error) }
        let now = now()
        handle { state in
            state.isSealedHere = false
            return state.news(at: now)
        }
        try await follow()
    }

    /// Writes the order where it is another than the one that stands.
    private func order(sealed: Bool) async throws(StateError) {
        for _ in 0..<3 {
            try await refresh()
            let standing = state.withLock { $0.seal }
            guard standing.isOrdered != sealed else { return }
            let body = ChamberRows.body(of: .init(sealed: sealed, at: now()))
            do throws(StateError) {
                try await store.apply([
                    StateChange(ChamberRows.seal, expecting: standing.isThere ? standing.version : 0, body: body)
                ])
            } catch {
                // Somebody else ordered something meanwhile: look again.
                guard case .conflict = error else { throw error }
            }
        }
        throw .unavailable(reason: "others seal and unseal the chamber at the same time; try again")
    }
}
