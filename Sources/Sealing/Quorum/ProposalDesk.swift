// SPDX-License-Identifier: Apache-2.0

/// Proposals that wait for operators. In the memory of one instance: the signatures under a proposal are checked against the
/// quorum of the record that this instance has verified, and a proposal is performed once. No clock: time is told to it.
package struct ProposalDesk: Sendable {
    private var proposals: [Proposal] = []
    /// Seconds from proposing to performing.
    private let lifetime: Int64

    /// The most that wait at a time. Whoever is on the signer's machine finds room all the same.
    package static let most = 16
    /// The most of one proposer.
    package static let mostOfOne = 4

    package init(lifetime: Int64) { self.lifetime = lifetime }

    package mutating func add(
        _ change: CustodyChange,
        to record: MasterKeyRecord,
        needing needed: Int,
        by proposer: Proposer,
        at now: Int64
    ) throws(QuorumRefusal) -> Proposal {
        forget(at: now)
        let own = proposals.filter { $0.proposer == proposer }
        if own.count >= Self.mostOfOne {
            // Whoever is on the signer's machine has no other way to take one back: the oldest makes room.
            guard proposer == .local, let oldest = own.first else { throw .tooManyProposals(own: own.count) }
            proposals.removeAll { $0.identifier == oldest.identifier }
        }
        guard proposals.count < Self.most || proposer == .local else { throw .noRoomForProposals(Self.most) }
        let proposal = Proposal(
            CeremonyIdentifier.random().description,
            change,
            of: record,
            needing: needed,
            until: now + lifetime,
            by: proposer
        )
        proposals.append(proposal)
        return proposal
    }

    /// Takes back what one has proposed.
    package mutating func withdraw(
        _ identifier: String,
        by proposer: Proposer,
        at now: Int64
    ) throws(QuorumRefusal) {
        guard try proposal(identifier, at: now).proposer == proposer else { throw .notYourProposal }
        proposals.removeAll { $0.identifier == identifier }
    }

    package mutating func list(at now: Int64) -> [Proposal] {
        forget(at: now)
        return proposals
    }

    package mutating func proposal(_ identifier: String, at now: Int64) throws(QuorumRefusal) -> Proposal {
        forget(at: now)
        guard let proposal = proposals.first(where: { $0.identifier == identifier }) else { throw .unknownProposal }
        return proposal
    }

    /// Takes the approval of an operator. Approving twice changes nothing.
    package mutating func approve(
        _ identifier: String,
        with approval: Approval,
        in quorum: OperatorQuorum,
        at now: Int64
    ) throws(QuorumRefusal) -> Proposal {
        let proposal = try proposal(identifier, at: now)
        let approved = proposal.approved(by: try approval.check(proposal.document, in: quorum))
        proposals = proposals.map { $0.identifier == identifier ? approved : $0 }
        return approved
    }

    /// Takes an approved proposal away, to be performed.
    package mutating func take(_ identifier: String, at now: Int64) throws(QuorumRefusal) -> Proposal {
        let proposal = try proposal(identifier, at: now)
        guard proposal.isApproved else {
            throw .notApproved(have: proposal.approvals.count, need: proposal.needed)
        }
        proposals.removeAll { $0.identifier == identifier }
        return proposal
    }

    /// Puts one back that was taken and could not be performed.
    package mutating func putBack(_ proposal: Proposal) { proposals.append(proposal) }

    /// Whatever changes the custody makes everything void that was proposed before.
    package mutating func clear() { proposals = [] }

    /// Drops what was proposed for another record than the one of a sequence.
    package mutating func forget(besides sequence: UInt64) { proposals.removeAll { $0.sequence != sequence } }

    private mutating func forget(at now: Int64) { proposals.removeAll { $0.expires <= now } }
}
