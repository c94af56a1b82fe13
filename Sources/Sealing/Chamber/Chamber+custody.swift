// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Secrets
internal import SignerState

/// Changing how the master key is held. Every change makes all shares anew, so that those of before are worth nothing beside
/// what stands in the record now.
extension Chamber {
    /// A chamber whose custody can be changed: its record as it stands, verified, and its keys.
    struct Standing: Sendable {
        let stored: StoredRow
        let record: MasterKeyRecord
        let keys: MasterKeys
    }

    /// What became of a change.
    package enum Outcome: Sendable {
        case done
        /// Operators have to approve it first.
        case proposed(Proposal)
    }

    /// What a raw state says since the last look is not to be built on: it has to be this chamber's, and none of before. An
    /// older record, put back, would let those act who held the chamber then.
    func standing() throws(ChamberError) -> Standing {
        let keys = try masterKeys()
        let (stored, seen) = state.withLock { ($0.record, $0.sequence) }
        guard let stored, let record = try? stored.record.get() else {
            throw .state(
                .unusable(
                    reason:
                        "the MASTER_KEY row is gone or cannot be read: put it back from a backup before anything is restarted"
                )
            )
        }
        do throws(SealingError) { try MasterKeyRecord.verify(stored.body, with: keys.current) } catch {
            throw .failed(error)
        }
        guard record.sequence >= seen else {
            throw .state(.unusable(reason: OpeningFailure.putBack(record, seen).reason))
        }
        // What was proposed to those who held it before is void, also where this instance has not looked since.
        state.withLock { $0.proposals.forget(besides: record.sequence) }
        return Standing(stored: stored, record: record, keys: keys)
    }

    /// Changes the custody at once where the KMS keys hold it alone; proposes the change to the operators where there are
    /// some.
    ///
    /// - Parameter tokens: for a change of the operators, as many as there will be.
    package func change(
        _ change: CustodyChange,
        by proposer: Proposer,
        tokens: [SecretBox] = []
    ) async throws(ChamberError) -> Outcome {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let standing = try standing()
        try check(change, standing)
        guard let quorum = standing.record.quorum else {
            try await carryOut(change, standing, tokens)
            return .done
        }
        let now = now()
        return try state.withLock { (state) throws(ChamberError) in
            do throws(QuorumRefusal) {
                let proposal = try state.proposals.add(
                    change,
                    to: standing.record,
                    needing: quorum.threshold,
                    by: proposer,
                    at: now
                )
                return .proposed(proposal)
            } catch { throw .refused(error) }
        }
    }

    /// The proposal with that operator's approval. With the last one new operators take their place at once; everything else
    /// waits for whoever proposed it.
    package func approve(_ identifier: String, with approval: Approval) async throws(ChamberError) -> Proposal {
        guard let quorum = try standing().record.quorum else { throw .refused(.unknownOperator(approval.name)) }
        let now = now()
        if state.withLock({ $0.seating(at: now) })?.identifier == identifier {
            return try await approveSeats(identifier, with: approval)
        }
        return try state.withLock { (state) throws(ChamberError) in
            do throws(QuorumRefusal) {
                return try state.proposals.approve(identifier, with: approval, in: quorum, at: now)
            } catch { throw .refused(error) }
        }
    }

    /// Takes back what one has proposed.
    package func withdraw(_ identifier: String, by proposer: Proposer) throws(ChamberError) {
        let now = now()
        try state.withLock { (state) throws(ChamberError) in
            do throws(QuorumRefusal) {
                guard state.seating(at: now)?.identifier != identifier else { throw .notYourProposal }
                try state.proposals.withdraw(identifier, by: proposer, at: now)
            } catch { throw .refused(error) }
        }
    }

    /// A proposal that waits.
    package func proposal(_ identifier: String) throws(ChamberError) -> Proposal {
        let now = now()
        return try state.withLock { (state) throws(ChamberError) in
            do throws(QuorumRefusal) { return try state.proposal(identifier, at: now) } catch {
                throw .refused(error)
            }
        }
    }

    /// Performs an approved proposal, once. Where it fails it can be performed again, until its time is over.
    ///
    /// - Parameter tokens: for a change of the operators, as many as there will be.
    package func perform(_ identifier: String, tokens: [SecretBox] = []) async throws(ChamberError) {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let standing = try standing()
        let now = now()
        if state.withLock({ $0.seating(at: now) })?.identifier == identifier { return try await seat(identifier) }
        let proposal = try state.withLock { (state) throws(ChamberError) in
            do throws(QuorumRefusal) { return try state.proposals.take(identifier, at: now) } catch {
                throw .refused(error)
            }
        }
        do throws(ChamberError) {
            try check(proposal.change, standing)
            try await carryOut(proposal.change, standing, tokens)
        } catch {
            // A KMS key that was away takes no approvals with it. Where the change was made all the same, the record has
            // another sequence, and the proposal goes with the one of before.
            state.withLock { $0.proposals.putBack(proposal) }
            throw error
        }
    }

    /// Whether something that is as good as the custody itself may be done, by whoever is on the signer's machine: at once
    /// where no operators hold the chamber; else it is proposed to them, and done when `proposal` has been approved.
    package func authorize(_ deed: CustodyChange, proposal: String?) async throws(ChamberError) -> Outcome {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let now = status.state
        // There is nobody to ask before there is a master key; from then on only its record, verified, says that there are no
        // operators.
        guard now != .uninitialized, now != .awaitingRegistration else { return .done }
        guard try standing().record.quorum != nil else { return .done }
        guard let proposal else { return try await change(deed, by: .local) }
        guard try self.proposal(proposal).change == deed else { throw .refused(.unknownProposal) }
        try await perform(proposal)
        return .done
    }

    // MARK: Carrying out

    /// Refuses what cannot be done, before anybody is asked to approve it.
    private func check(_ change: CustodyChange, _ standing: Standing) throws(ChamberError) {
        if change.isDeed { return }
        guard standing.record.next == nil else { throw .rotating }
        let now = now()
        if state.withLock({ $0.stage(at: now) }) != nil { throw .registering }
        do throws(CustodyError) {
            switch change {
            case .keys(let keys, let threshold): try Custodian.check(keys, threshold: threshold)
            case .operators(let names, let threshold): try OperatorPlan.check(names, threshold: threshold)
            case .withoutOperators:
                guard standing.record.quorum != nil else {
                    throw CustodyError.invalid("the KMS keys open the chamber alone already")
                }
            case .addCredential, .removeCredential: _ = try standing.record.current.plan.changed(by: change)
            case .masterKey, .seats, .rootToken, .acceptRows: break
            }
        } catch { throw .custody(error) }
    }

    private func carryOut(
        _ change: CustodyChange,
        _ standing: Standing,
        _ tokens: [SecretBox]
    ) async throws(ChamberError) {
        switch change {
        case .seats, .rootToken, .acceptRows: break
        case .masterKey: try await beginRekeying(standing)
        case .operators(let names, let threshold):
            try await beginRegistration(
                of: names,
                threshold: threshold,
                tokens: tokens,
                for: standing.record.current.plan,
                changing: standing
            )
            try await follow()
        case .keys, .withoutOperators, .addCredential, .removeCredential:
            let plan: CustodyPlan
            do throws(CustodyError) { plan = try standing.record.current.plan.changed(by: change) } catch {
                throw .custody(error)
            }
            // Who was away when operators took an order to seal back is told so in the way that is believed without them.
            let isLast = change == .withoutOperators
            let confirmed = try isLast ? confirmation(of: standing, under: standing.keys.current) : nil
            try await rewrite(standing, by: plan, with: confirmed)
            try await follow()
        }
    }

    /// Shares the master key out anew, and puts that in the place of what stood there.
    func rewrite(
        _ standing: Standing,
        by plan: CustodyPlan,
        with more: StateChange?
    ) async throws(ChamberError) {
        let custody = try await hold(standing.keys.current, by: plan)
        let record = standing.record.succeeded(at: now(), current: custody, next: nil)
        let body = try encode(record, under: [standing.keys.current])
        try await write(
            [StateChange(ChamberRows.masterKey, expecting: standing.stored.version, body: body)]
                + (more.map { [$0] } ?? [])
        )
    }
}

extension MasterKeyRecord {
    /// What comes after it.
    func succeeded(at now: Int64, current: MasterKeyCustody, next: MasterKeyCustody?) -> MasterKeyRecord {
        MasterKeyRecord(chamber: chamber, sequence: sequence + 1, made: now, current: current, next: next)
    }
}

extension CustodyPlan {
    /// The plan after a change of it that needs nobody to register.
    func changed(by change: CustodyChange) throws(CustodyError) -> CustodyPlan {
        var plan = self
        switch change {
        case .keys(let keys, let threshold): (plan.keys, plan.threshold) = (keys, threshold)
        case .withoutOperators: plan.operators = nil
        case .addCredential(let name, let credential):
            let place = try plan.place(of: name)
            let standing = plan.operators?.operators.flatMap(\.credentials) ?? []
            guard !standing.contains(where: { $0.clashes(with: credential) }) else {
                throw .invalid("somebody has this credential already")
            }
            let most = OperatorPlan.mostCredentials
            guard plan.operators?.operators[place].credentials.count ?? 0 < most else {
                throw .invalid("the operator \(name) has \(most) credentials already, the most that one can have")
            }
            plan.operators?.operators[place].credentials.append(credential)
        case .removeCredential(let name, let identifier):
            let place = try plan.place(of: name)
            let standing = plan.operators?.operators[place].credentials ?? []
            let rest = standing.filter { $0.identifier != identifier }
            guard rest.count < standing.count else {
                throw .invalid("the operator \(name) has no credential \(identifier.prefix(32))")
            }
            guard !rest.isEmpty else {
                throw .invalid("this is the last credential of the operator \(name): add another first")
            }
            plan.operators?.operators[place].credentials = rest
        case .operators, .masterKey, .seats, .rootToken, .acceptRows: break
        }
        return plan
    }

    private func place(of name: OperatorName) throws(CustodyError) -> Int {
        guard let place = operators?.operators.firstIndex(where: { $0.name == name }) else {
            throw .invalid("there is no operator \(name) in the quorum")
        }
        return place
    }
}
