// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// Changing how the master key is held, with KMS keys alone and with operators.
@Suite(.timeLimit(.minutes(2))) struct CustodyChangeTests {
    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }

    init() throws { place = try QuorumPlace() }

    private func withKMS() async throws -> TestChamber {
        let chamber = try await place.started()
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        return chamber
    }

    private func others(_ numbers: ClosedRange<Int>) throws -> [KeyName] {
        try numbers.map { try KeyName("local:/keys/\($0)") }
    }

    private func done(_ outcome: Chamber.Outcome) -> Bool { if case .done = outcome { true } else { false } }

    private func proposal(_ outcome: Chamber.Outcome) throws -> Proposal {
        guard case .proposed(let proposal) = outcome else { throw QuorumRefusal.unknownProposal }
        return proposal
    }

    /// Proposed, approved by two and performed.
    private func change(_ change: CustodyChange, at chamber: Chamber, tokens: [SecretBox] = []) async throws {
        let proposal = try proposal(try await chamber.change(change))
        for one in operators.prefix(2) { _ = try await one.approve(proposal, at: chamber) }
        try await chamber.perform(proposal.identifier, tokens: tokens)
    }

    // MARK: The KMS keys

    @Test func `other KMS keys hold the same master key, and those of before open nothing any more`() async throws {
        let chamber = try await withKMS()
        let master = try chamber.chamber.masterKeys().current
        let verifier = try master.verifier()
        #expect(done(try await chamber.chamber.change(.keys(others(4...6), threshold: 3))))
        // It was never closed.
        #expect(try chamber.chamber.isOpen && master.verifier() == verifier)
        #expect(chamber.chamber.status.record?.sequence == 2)
        for name in try TestCustody.names(3) { place.custody.fail(name) }
        let later = try await place.started()
        #expect(try later.chamber.masterKeys().current.verifier() == verifier)
        place.custody.fail(try KeyName("local:/keys/5"))
        #expect(try await place.started().chamber.status.state == .sealed)
    }

    @Test func `an instance that is open stays open when another rotates`() async throws {
        let first = try await withKMS()
        let second = try await place.started()
        _ = try await first.chamber.change(.keys(others(4...5), threshold: 1))
        try await second.look()
        #expect(second.chamber.isOpen && second.chamber.status.record?.sequence == 2)
        #expect(second.contents.state.withLock { $0.loads } == 1)
        // And rotates further from there.
        _ = try await second.chamber.change(.keys(others(6...6), threshold: 1))
        try await first.look()
        #expect(first.chamber.isOpen && first.chamber.status.record?.sequence == 3)
    }

    @Test func `nothing changes where a new key fails, or two rotate at once`() async throws {
        let first = try await withKMS()
        let second = try await place.started()
        place.custody.fail(try KeyName("local:/keys/5"))
        await #expect(throws: ChamberError.self) {
            _ = try await first.chamber.change(.keys(others(4...5), threshold: 1))
        }
        #expect(first.chamber.status.record?.sequence == 1)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for (number, instance) in [first, second].enumerated() {
                group.addTask {
                    do {
                        _ = try await instance.chamber.change(.keys(others(6 + number...6 + number), threshold: 1))
                        return true
                    } catch { return false }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        // Both, one behind the other, or one of them; never half of each.
        let sequence = try await place.started().chamber.status.record?.sequence
        #expect(sequence == UInt64(1 + outcomes) && outcomes >= 1)
        #expect(try await place.started().chamber.isOpen)
    }

    @Test func `a sealed chamber changes nothing of its custody`() async throws {
        let chamber = try await withKMS()
        _ = await chamber.chamber.seal()
        await #expect(throws: ChamberError.self) {
            _ = try await chamber.chamber.change(.keys(others(4...4), threshold: 1))
        }
        await #expect(throws: ChamberError.self) { _ = try await chamber.chamber.change(.masterKey) }
    }

    // MARK: With operators

    @Test func `where there are operators nothing changes before enough have approved`() async throws {
        let chamber = try await place.opened()
        let change = CustodyChange.keys(try others(4...6), threshold: 2)
        let proposal = try proposal(try await chamber.chamber.change(change))
        #expect(proposal.needed == 2 && proposal.document.contains("/keys/4"))
        await refused(.notApproved(have: 0, need: 2)) { try await chamber.chamber.perform(proposal.identifier) }
        _ = try await operators[0].approve(proposal, at: chamber.chamber)
        // Twice the same operator is one.
        #expect(try await operators[0].approve(proposal, at: chamber.chamber).approvals == [operators[0].name])
        let stranger = try TestOperator("bob", seed: 9, identifier: operators[1].credential.identifier)
        await refused(.badSignature(operator: "bob", credential: stranger.credential.identifier)) {
            _ = try await stranger.approve(proposal, at: chamber.chamber)
        }
        await refused(.notApproved(have: 1, need: 2)) { try await chamber.chamber.perform(proposal.identifier) }
        #expect(chamber.chamber.status.record?.sequence == 1)
        _ = try await operators[2].approve(proposal, at: chamber.chamber)
        try await chamber.chamber.perform(proposal.identifier)
        #expect(try chamber.chamber.isOpen && chamber.chamber.status.record?.custody.shares.map(\.key) == others(4...6))
        // Once.
        await refused(.unknownProposal) { try await chamber.chamber.perform(proposal.identifier) }
        // The operators' credentials are the same, for new shares.
        for name in try TestCustody.names(3) { place.custody.fail(name) }
        let later = try await place.started()
        for one in operators.suffix(2) { try await one.unseal(later.chamber) }
        #expect(later.chamber.isOpen)
    }

    @Test func `a KMS key that was away takes no approvals with it`() async throws {
        let chamber = try await place.opened()
        let keys = try others(4...6)
        let proposal = try proposal(try await chamber.chamber.change(.keys(keys, threshold: 2)))
        for one in operators.prefix(2) { _ = try await one.approve(proposal, at: chamber.chamber) }
        place.custody.fail(keys[0], transiently: true)
        await #expect(throws: ChamberError.self) { try await chamber.chamber.perform(proposal.identifier) }
        #expect(chamber.chamber.status.record?.sequence == 1)
        place.custody.mend(keys[0])
        try await chamber.chamber.perform(proposal.identifier)
        #expect(chamber.chamber.status.record?.custody.shares.map(\.key) == keys)
        await refused(.unknownProposal) { try await chamber.chamber.perform(proposal.identifier) }
    }

    @Test func `an approval is for one proposal`() async throws {
        let chamber = try await place.opened()
        let first = try proposal(try await chamber.chamber.change(.keys(try others(4...6), threshold: 2)))
        let second = try proposal(try await chamber.chamber.change(.keys(try others(7...9), threshold: 2)))
        let forged = Proposal.under(second, saying: first.document)
        await #expect(throws: ChamberError.self) { _ = try await operators[0].approve(forged, at: chamber.chamber) }
        #expect(try chamber.chamber.proposal(second.identifier).approvals.isEmpty)
    }

    @Test func `proposals end with their time, with the first that is performed, and are not endless`() async throws {
        let chamber = try await place.opened()
        let kms = CustodyChange.keys(try others(4...6), threshold: 2)
        let old = try proposal(try await chamber.chamber.change(kms))
        chamber.clock.withLock { $0 += 1800 }
        await refused(.unknownProposal) { _ = try await operators[0].approve(old, at: chamber.chamber) }
        let standing = try proposal(try await chamber.chamber.change(kms))
        try await change(kms, at: chamber.chamber)
        await refused(.unknownProposal) { _ = try await operators[0].approve(standing, at: chamber.chamber) }
        for _ in 0..<ProposalDesk.mostOfOne { _ = try await chamber.chamber.change(kms) }
        await refused(.tooManyProposals(own: ProposalDesk.mostOfOne)) { _ = try await chamber.chamber.change(kms) }
    }

    @Test func `what one has proposed keeps nobody else from proposing, and only they take it back`() async throws {
        let chamber = try await place.opened()
        let kms = CustodyChange.keys(try others(4...6), threshold: 2)
        for number in 0..<ProposalDesk.most {
            _ = try await chamber.chamber.change(kms, by: Proposer("token \(number / ProposalDesk.mostOfOne)"))
        }
        await refused(.noRoomForProposals(ProposalDesk.most)) {
            _ = try await chamber.chamber.change(kms, by: Proposer("another token"))
        }
        let deed = CustodyChange.rootToken(name: "root", lifetime: nil)
        // Whoever is on the machine finds room.
        let own = try proposal(try await chamber.chamber.authorize(deed, proposal: nil))
        let first = try #require(chamber.chamber.status.proposals.first)
        for other in [Proposer("token 1"), .local] {
            await refused(.notYourProposal) { try chamber.chamber.withdraw(first.identifier, by: other) }
        }
        for one in chamber.chamber.status.proposals.prefix(2) {
            try chamber.chamber.withdraw(one.identifier, by: Proposer("token 0"))
        }
        await refused(.unknownProposal) { _ = try await operators[0].approve(first, at: chamber.chamber) }
        _ = try await chamber.chamber.change(kms, by: Proposer("another token"))
        #expect(chamber.chamber.status.proposals.contains(own))
        // Who is there can withdraw nothing, and need not: the oldest goes.
        for _ in 0..<ProposalDesk.mostOfOne { _ = try await chamber.chamber.authorize(deed, proposal: nil) }
        #expect(!chamber.chamber.status.proposals.contains(own))
    }

    @Test func `other operators take over when all of them have registered, and those of before are out`() async throws
    {
        let chamber = try await place.opened()
        let fresh = [try TestOperator("dave", seed: 4), try TestOperator("alice", seed: 5)]
        let tokens = QuorumPlace.tokens(2)
        let order = CustodyChange.operators(fresh.map(\.name), threshold: 2)
        try await change(order, at: chamber.chamber, tokens: tokens)
        #expect(chamber.chamber.status.state == .awaitingRotation && chamber.chamber.isOpen)
        await #expect(throws: ChamberError.registering) { _ = try await chamber.chamber.change(.withoutOperators) }
        try await fresh[0].register(tokens[0], at: chamber.chamber)
        // Until then those of before open it.
        let meanwhile = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(meanwhile.chamber) }
        #expect(meanwhile.chamber.isOpen && meanwhile.chamber.status.state == .awaitingRotation)
        try await fresh[1].register(tokens[1], at: meanwhile.chamber)
        try await chamber.look()
        // All have registered, and those of before say whether these are the right ones: one here, one there.
        let seats = try #require(meanwhile.chamber.status.proposals.first)
        #expect(chamber.chamber.status.proposals == [seats] && seats.needed == 2)
        #expect(chamber.chamber.status.state == .awaitingRotation)
        _ = try await operators[0].approve(seats, at: chamber.chamber)
        try await meanwhile.look()
        #expect(meanwhile.chamber.status.proposals.first?.approvals == [operators[0].name])
        _ = try await operators[1].approve(seats, at: meanwhile.chamber)
        try await chamber.look()
        #expect(chamber.chamber.status.state == .unsealed && meanwhile.chamber.status.state == .unsealed)
        let later = try await place.started()
        await refused(.unknownOperator("bob")) { try await operators[1].unseal(later.chamber) }
        let gone = operators[0].credential.identifier
        await refused(.unknownCredential(operator: "alice", credential: gone)) {
            try await operators[0].unseal(later.chamber)
        }
        for one in fresh { try await one.unseal(later.chamber) }
        #expect(later.chamber.isOpen)
    }

    @Test func `a registration that nobody ordered makes no quorum`() async throws {
        let chamber = try await place.opened()
        let keys = chamber.chamber.status.record?.custody.shares.map(\.key) ?? []
        let mallory = [try TestOperator("mallory", seed: 8), try TestOperator("oscar", seed: 9)]
        let tokens = QuorumPlace.tokens(2)
        // With a key of their own, and a row that says all the right things.
        let elsewhere = try QuorumPlace()
        let other = try await elsewhere.opened()
        let proposal = try proposal(try await other.chamber.change(.operators(mallory.map(\.name), threshold: 2)))
        for one in elsewhere.operators.prefix(2) { _ = try await one.approve(proposal, at: other.chamber) }
        try await other.chamber.perform(proposal.identifier, tokens: tokens)
        let row = try #require(
            try await elsewhere.store.rows(after: 0).rows.first { $0.name == ChamberRows.registration }
        )
        try await place.store.apply([StateChange(ChamberRows.registration, expecting: 0, body: row.body)])
        try await chamber.look()
        try await mallory[0].register(tokens[0], at: chamber.chamber)
        await #expect(throws: ChamberError.self) { try await mallory[1].register(tokens[1], at: chamber.chamber) }
        #expect(chamber.chamber.status.record?.quorum?.members.map(\.name) == place.names)
        #expect(chamber.chamber.status.record?.custody.shares.map(\.key) == keys && chamber.chamber.isOpen)
        try await chamber.chamber.cancelRegistration()
        #expect(chamber.chamber.status.state == .unsealed)
    }

    @Test func `from operators to KMS keys alone, and back`() async throws {
        let chamber = try await place.opened()
        try await change(.withoutOperators, at: chamber.chamber)
        #expect(chamber.chamber.status.record?.quorum == nil && chamber.chamber.isOpen)
        #expect(try await place.started().chamber.isOpen)
        let tokens = QuorumPlace.tokens(3)
        #expect(done(try await chamber.chamber.change(.operators(place.names, threshold: 3), tokens: tokens)))
        for (one, token) in zip(operators, tokens) { try await one.register(token, at: chamber.chamber) }
        #expect(chamber.chamber.isOpen && chamber.chamber.status.state == .unsealed)
        let later = try await place.started()
        #expect(later.chamber.status.state == .kmsUnsealed)
        for one in operators { try await one.unseal(later.chamber) }
        #expect(later.chamber.isOpen)
    }

    @Test func `a credential more opens too, and one that is taken away does not`() async throws {
        let chamber = try await place.opened()
        let spare = try TestOperator("alice", seed: 7)
        try await change(.addCredential(operators[0].name, spare.credential), at: chamber.chamber)
        var later = try await place.started()
        try await spare.unseal(later.chamber)
        await refused(.duplicate(operator: "alice")) { try await operators[0].unseal(later.chamber) }
        try await operators[1].unseal(later.chamber)
        #expect(later.chamber.isOpen)
        let lost = operators[0].credential.identifier
        let proposal = try proposal(
            try await later.chamber.change(.removeCredential(operators[0].name, lost))
        )
        _ = try await spare.approve(proposal, at: later.chamber)
        _ = try await operators[1].approve(proposal, at: later.chamber)
        try await later.chamber.perform(proposal.identifier)
        await #expect(throws: ChamberError.self) {
            _ = try await later.chamber.change(.removeCredential(operators[0].name, spare.credential.identifier))
        }
        later = try await place.started()
        await refused(.unknownCredential(operator: "alice", credential: lost)) {
            try await operators[0].unseal(later.chamber)
        }
        try await spare.unseal(later.chamber)
        try await operators[2].unseal(later.chamber)
        #expect(later.chamber.isOpen)
    }

    // MARK: The state backend in other hands

    @Test func `a quorum that was put back is noticed`() async throws {
        let chamber = try await place.opened()
        let row = try #require(try await place.store.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        try await change(.withoutOperators, at: chamber.chamber)
        try await place.store.apply([StateChange(ChamberRows.masterKey, expecting: 2, body: row.body)])
        try await chamber.look()
        #expect(!chamber.chamber.isOpen)
        #expect(chamber.chamber.status.reason?.contains("an older MASTER_KEY row was put back") == true)
    }

    @Test func `boxes of a rotation ago open nothing`() async throws {
        let chamber = try await place.registered()
        let (invitation, shown) = try operators[0].invited(by: chamber.chamber)
        let boxes = try operators[0].boxes(from: chamber.chamber, invitation, shown)
        let old = try operators[0].opened(boxes[0], invitation)
        for one in operators.suffix(2) { try await one.unseal(chamber.chamber) }
        try await change(.keys(try others(4...5), threshold: 1), at: chamber.chamber)
        let later = try await place.started()
        let (again, fresh) = try operators[0].invited(by: later.chamber)
        _ = try operators[0].boxes(from: later.chamber, again, fresh)
        let question = try #require(again.ceremony)
        let bytes = try TestOperator.close(old, question, again, fresh)
        await refused(.foreignShare(operator: "alice")) {
            try await later.chamber.give([.init(ceremony: boxes[0].ceremony, bytes: bytes)], from: fresh)
        }
    }
}

extension Proposal {
    /// What somebody shows to an operator in the place of another proposal.
    static func under(_ proposal: Proposal, saying document: String) -> Proposal {
        Proposal(
            identifier: proposal.identifier,
            change: proposal.change,
            sequence: proposal.sequence,
            document: document,
            needed: proposal.needed,
            approvals: [],
            expires: proposal.expires,
            proposer: proposal.proposer
        )
    }
}
