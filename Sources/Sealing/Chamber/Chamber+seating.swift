// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Secrets
internal import SignerState

/// The end of a registration. Whoever has a registration token takes its seat, and the tokens pass through other hands than
/// the operators': so, where there are operators, these look at who has taken the seats before they give up theirs.
extension Chamber {
    /// Whether operators decide on those who have registered: nobody does for a new chamber, or one that KMS keys hold alone.
    func isForOperators(_ stored: StoredStage) throws(ChamberError) -> Bool {
        guard stored.stage.base > 0 else { return false }
        return try ordered(stored).record.quorum != nil
    }

    /// Makes the custody in one step with the end of its registration: whoever reads the state sees one or the other.
    func complete(_ stored: StoredStage, in row: RegistrationRow) async throws(ChamberError) {
        let end = StateChange(ChamberRows.registration, expecting: row.version, body: nil)
        guard stored.stage.base > 0 else { return try await makeMasterKey(by: stored.stage.plan, ending: end) }
        try await rewrite(try ordered(stored), by: stored.stage.plan, with: end)
    }

    /// The chamber as it stands, where it has ordered this registration, and nothing has changed since.
    private func ordered(_ stored: StoredStage) throws(ChamberError) -> Standing {
        let standing = try standing()
        do throws(SealingError) {
            guard standing.record.sequence == stored.stage.base, try stored.isOrdered(under: standing.keys.current)
            else { throw SealingError.notAuthentic }
        } catch { throw .failed(error) }
        return standing
    }

    // MARK: Approving

    /// Keeps the approval where every instance finds it, also after a restart: three days are long. With the last one the
    /// new operators take their place.
    func approveSeats(_ identifier: String, with approval: Approval) async throws(ChamberError) -> Proposal {
        for _ in 0..<Self.tries {
            let seats = try seats(identifier)
            let name = try check(approval, seats)
            let approved = seats.proposal.approved(by: name)
            if approved != seats.proposal {
                guard try await keep(approval, seats) else { continue }
            }
            if approved.isApproved { try await seat(identifier) }
            return approved
        }
        throw .state(.conflict(ChamberRows.registration))
    }

    private func check(_ approval: Approval, _ seats: Seats) throws(ChamberError) -> OperatorName {
        guard let quorum = seats.standing.record.quorum else { throw .refused(.unknownProposal) }
        do throws(QuorumRefusal) { return try approval.check(seats.proposal.document, in: quorum) } catch {
            throw .refused(error)
        }
    }

    /// Whether it is kept; not where somebody else approved at the same moment, and it has to be tried again.
    private func keep(_ approval: Approval, _ seats: Seats) async throws(ChamberError) -> Bool {
        guard let quorum = seats.standing.record.quorum else { throw .refused(.unknownProposal) }
        let body = seats.stored.approved(with: approval, of: seats.proposal.document, in: quorum).bytes
        var isKept = true
        do throws(StateError) {
            do throws(StateError) {
                try await store.apply([
                    StateChange(ChamberRows.registration, expecting: seats.row.version, body: body)
                ])
            } catch {
                guard case .conflict = error else { throw error }
                isKept = false
            }
            try await refresh()
        } catch { throw .state(error) }
        return isKept
    }

    /// Puts those in the place of the operators of before whom enough of these have approved.
    func seat(_ identifier: String) async throws(ChamberError) {
        let seats = try seats(identifier)
        guard seats.proposal.isApproved else {
            throw .refused(.notApproved(have: seats.proposal.approvals.count, need: seats.proposal.needed))
        }
        do throws(ChamberError) { try await complete(seats.stored, in: seats.row) } catch {
            guard case .state(.conflict) = error else { throw error }
            // Whoever approved at the same moment has done it; or it was cancelled.
            do throws(StateError) { try await refresh() } catch { throw .state(error) }
            let quorum = state.withLock { (try? $0.record?.record.get())?.quorum }
            guard quorum?.plan == seats.stored.stage.plan.operators else { throw error }
        }
        try await follow()
    }

    private static let tries = 4

    /// A registration that waits for operators, as it stands.
    private struct Seats {
        let row: RegistrationRow
        let stored: StoredStage
        let standing: Standing
        let proposal: Proposal
    }

    private func seats(_ identifier: String) throws(ChamberError) -> Seats {
        let now = now()
        let (row, stored) = state.withLock { ($0.registration, $0.stage(at: now)) }
        guard let row, let stored else { throw .refused(.unknownProposal) }
        let standing = try ordered(stored)
        guard let proposal = stored.proposal(to: standing.record), proposal.identifier == identifier else {
            throw .refused(.unknownProposal)
        }
        return Seats(row: row, stored: stored, standing: standing, proposal: proposal)
    }
}

extension Chamber.State {
    /// That those who have registered take the place of the operators, which these decide; nil where nobody waits for that,
    /// and where it cannot be known whether the chamber has ordered it.
    func seating(at now: Int64) -> Proposal? {
        guard let stored = stage(at: now), stored.stage.isComplete, let key = keys?.current,
            (try? stored.isOrdered(under: key)) == true
        else { return nil }
        return (try? record?.record.get()).flatMap { stored.proposal(to: $0) }
    }

    mutating func proposals(at now: Int64) -> [Proposal] {
        proposals.list(at: now) + (seating(at: now).map { [$0] } ?? [])
    }

    mutating func proposal(_ identifier: String, at now: Int64) throws(QuorumRefusal) -> Proposal {
        if let seating = seating(at: now), seating.identifier == identifier { return seating }
        return try proposals.proposal(identifier, at: now)
    }
}
