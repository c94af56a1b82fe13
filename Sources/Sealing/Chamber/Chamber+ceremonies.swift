// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Secrets
internal import SignerState

/// Initialising.
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
        // Before anybody is asked to register.
        try await admitFounding()
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
        try await admitFounding()
        let master = MasterKey.random(
            MasterKeyIdentity(chamber: .random(), generation: MasterKeyIdentity.firstGeneration)
        )
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

    private func admitFounding() async throws(ChamberError) {
        do throws(ChamberContentsError) { try await contents.admitFounding() } catch { throw .contents(error) }
    }

    func hold(_ master: MasterKey, by plan: CustodyPlan) async throws(ChamberError) -> MasterKeyCustody {
        do throws(CustodyError) { return try await custodian.hold(master, by: plan) } catch { throw .custody(error) }
    }

    func encode(_ record: MasterKeyRecord, under masters: [MasterKey]) throws(ChamberError) -> [UInt8] {
        do throws(SealingError) { return try record.encoded(under: masters) } catch { throw .failed(error) }
    }
}
