// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// Somebody with a management token who can write any row of the signer state, and is no operator.
@Suite(.timeLimit(.minutes(2))) struct AttackedChamberTests {
    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }
    private let mallory: TestOperator

    init() throws {
        place = try QuorumPlace()
        mallory = try TestOperator("mallory", seed: 66)
    }

    /// KMS keys that are the attacker's.
    private func own() throws -> CustodyChange { .keys([try KeyName("local:/mallory/1")], threshold: 1) }

    private var hasWrapped: Bool {
        get throws { place.custody.state.withLock { $0.keys.keys.contains { $0.text.contains("mallory") } } }
    }

    // MARK: The attacker's hand

    private func row(_ name: StateRowName) async throws -> StateRow {
        try #require(try await place.store.rows(after: 0).rows.first { $0.name == name })
    }

    /// Puts a body in the place of whatever stands there.
    private func put(_ name: StateRowName, _ body: [UInt8]?) async throws {
        let standing = try await place.store.rows(after: 0).rows.first { $0.name == name }
        let expected = standing.flatMap { $0.body == nil ? nil : $0.version } ?? 0
        try await place.store.apply([StateChange(name, expecting: expected, body: body)])
    }

    private func proposed(_ change: CustodyChange, at chamber: TestChamber) async throws -> Proposal {
        guard case .proposed(let proposal) = try await chamber.chamber.change(change, by: Proposer(change.kind)) else {
            throw QuorumRefusal.unknownProposal
        }
        return proposal
    }

    /// Proposed, approved by two and performed.
    private func change(_ change: CustodyChange, at chamber: TestChamber, tokens: [SecretBox] = []) async throws {
        let proposal = try await proposed(change, at: chamber)
        for one in operators.prefix(2) { _ = try await one.approve(proposal, at: chamber.chamber) }
        try await chamber.chamber.perform(proposal.identifier, tokens: tokens)
    }

    /// A chamber that KMS keys held alone before operators did, and its record of then.
    private func formerlyWithoutOperators() async throws -> (TestChamber, [UInt8]) {
        let chamber = try await place.started()
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        let old = try #require(try await row(ChamberRows.masterKey).body)
        let tokens = QuorumPlace.tokens(3)
        _ = try await chamber.chamber.change(.operators(place.names, threshold: 2), tokens: tokens)
        for (one, token) in zip(operators, tokens) { try await one.register(token, at: chamber.chamber) }
        #expect(chamber.chamber.isOpen && chamber.chamber.status.record?.quorum != nil)
        return (chamber, old)
    }

    // MARK: Without the operators

    @Test func `nothing of the custody changes, whatever is asked for, and nobody approves for an operator`()
        async throws
    {
        let chamber = try await place.opened()
        let before = try await row(ChamberRows.masterKey)
        let changes: [CustodyChange] = [
            try own(), .withoutOperators, .operators([mallory.name, operators[0].name], threshold: 2), .masterKey,
            .addCredential(operators[0].name, mallory.credential),
            .removeCredential(operators[0].name, operators[0].credential.identifier),
        ]
        let tokens = QuorumPlace.tokens(2)
        for change in changes.prefix(5) {
            let proposal = try await proposed(change, at: chamber)
            await refused(.notApproved(have: 0, need: 2)) {
                try await chamber.chamber.perform(proposal.identifier, tokens: tokens)
            }
            await refused(.unknownOperator("mallory")) { _ = try await mallory.approve(proposal, at: chamber.chamber) }
            // As an operator, with one's own key: under one's own credential, and under theirs.
            let plain = try TestOperator("alice", seed: 66)
            let posing = try TestOperator("alice", seed: 66, identifier: operators[0].credential.identifier)
            await refused(.unknownCredential(operator: "alice", credential: plain.credential.identifier)) {
                _ = try await plain.approve(proposal, at: chamber.chamber)
            }
            await refused(.badSignature(operator: "alice", credential: posing.credential.identifier)) {
                _ = try await posing.approve(proposal, at: chamber.chamber)
            }
        }
        // The last credential of an operator is not taken away at all.
        await #expect(throws: ChamberError.self) { _ = try await chamber.chamber.change(changes[5]) }
        for deed in [CustodyChange.rootToken(name: "root", lifetime: nil), .acceptRows("00")] {
            guard case .proposed(let proposal) = try await chamber.chamber.authorize(deed, proposal: nil) else {
                Issue.record("\(deed) was authorised")
                continue
            }
            await refused(.notApproved(have: 0, need: 2)) {
                _ = try await chamber.chamber.authorize(deed, proposal: proposal.identifier)
            }
        }
        #expect(try await row(ChamberRows.masterKey) == before && !hasWrapped)
    }

    @Test func `an order to unseal does not open what operators hold`() async throws {
        let chamber = try await place.opened()
        _ = await chamber.chamber.seal()
        try await put(ChamberRows.seal, nil)
        try await chamber.look()
        try await chamber.chamber.unseal()
        #expect(chamber.chamber.status.state == .kmsUnsealed && !chamber.chamber.isOpen)
        let later = try await place.started()
        try await later.chamber.unseal()
        #expect(!later.chamber.isOpen)
    }

    @Test func `an approved proposal is performed once, and for what was approved`() async throws {
        let chamber = try await place.opened()
        let wanted = try await proposed(.rootToken(name: "root", lifetime: 60), at: chamber)
        for one in operators.prefix(2) { _ = try await one.approve(wanted, at: chamber.chamber) }
        // Approved for another deed.
        for other in [CustodyChange.rootToken(name: "root", lifetime: nil), .acceptRows("00")] {
            await refused(.unknownProposal) {
                _ = try await chamber.chamber.authorize(other, proposal: wanted.identifier)
            }
        }
        let deed = CustodyChange.rootToken(name: "root", lifetime: 60)
        _ = try await chamber.chamber.authorize(deed, proposal: wanted.identifier)
        await refused(.unknownProposal) {
            _ = try await chamber.chamber.authorize(deed, proposal: wanted.identifier)
        }
        // Nor with the same signatures elsewhere, or after a restart.
        let later = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(later.chamber) }
        await refused(.unknownProposal) { _ = try await operators[0].approve(wanted, at: later.chamber) }
    }

    // MARK: Records

    @Test func `a record of before there were operators changes nothing, not even for a moment`() async throws {
        let (chamber, old) = try await formerlyWithoutOperators()
        try await put(ChamberRows.masterKey, old)
        let order = try own()
        await #expect(throws: ChamberError.self) { _ = try await chamber.chamber.change(order) }
        #expect(try !hasWrapped)
        await #expect(throws: ChamberError.self) {
            _ = try await chamber.chamber.authorize(.rootToken(name: "root", lifetime: nil), proposal: nil)
        }
        await chamber.chamber.settle()
        #expect(!chamber.chamber.isOpen)
        #expect(chamber.chamber.status.reason?.contains("an older MASTER_KEY row was put back") == true)
    }

    @Test func `a record of before there were operators opens nothing at the next start`() async throws {
        let memory = try StateMemory(path: place.folder.file("memory"))
        let chamber = TestChamber(place.store, place.custody, memory: memory)
        try await chamber.look()
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        let old = try #require(try await row(ChamberRows.masterKey).body)
        let tokens = QuorumPlace.tokens(3)
        _ = try await chamber.chamber.change(.operators(place.names, threshold: 2), tokens: tokens)
        for (one, token) in zip(operators, tokens) { try await one.register(token, at: chamber.chamber) }
        await chamber.chamber.shutDown()
        try await put(ChamberRows.masterKey, old)
        let later = TestChamber(
            place.store,
            place.custody,
            memory: try StateMemory(path: place.folder.file("memory"))
        )
        try await later.look()
        #expect(later.chamber.status.state == .sealed && !later.chamber.isOpen)
        #expect(later.chamber.status.reason?.contains("an older MASTER_KEY row was put back") == true)
        let order = try own()
        await #expect(throws: ChamberError.self) { _ = try await later.chamber.change(order) }
    }

    @Test func `a chamber of somebody else is not opened by who remembers another`() async throws {
        let path = place.folder.file("memory")
        let chamber = TestChamber(place.store, place.custody, memory: try StateMemory(path: path))
        try await chamber.look()
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        await chamber.chamber.shutDown()
        // With KMS keys that this instance may use, but a master key of the attacker's making.
        let elsewhere = try TemporaryFolder()
        let others = try SQLiteState(path: elsewhere.file("state"))
        let other = TestChamber(others, place.custody)
        try await other.look()
        try await other.chamber.initialize(keys: TestCustody.names(1), threshold: 1)
        let rows = try await others.rows(after: 0).rows
        try await put(ChamberRows.masterKey, rows.first { $0.name == ChamberRows.masterKey }?.body)
        let later = TestChamber(place.store, place.custody, memory: try StateMemory(path: path))
        try await later.look()
        #expect(!later.chamber.isOpen && later.contents.state.withLock { $0.loads } == 0)
        #expect(later.chamber.status.reason?.contains("remembers another chamber") == true)
    }

    @Test(arguments: ["gone", "unreadable", "without its operators"])
    func `a record that was taken away or edited lets nobody act for the operators`(_ what: String) async throws {
        let chamber = try await place.opened()
        let body = try #require(try await row(ChamberRows.masterKey).body)
        switch what {
        case "gone": try await put(ChamberRows.masterKey, nil)
        case "unreadable": try await put(ChamberRows.masterKey, Array("{}".utf8))
        default:
            var record = try MasterKeyRecord(reading: body)
            let custody = record.current
            record = MasterKeyRecord(
                chamber: record.chamber,
                sequence: record.sequence + 1,
                made: record.made,
                current: .init(
                    generation: custody.generation,
                    verifier: custody.verifier,
                    shares: custody.shares,
                    quorum: nil
                ),
                next: nil
            )
            let forger = MasterKey.random(record.identity(of: record.current))
            try await put(ChamberRows.masterKey, try record.encoded(under: [forger]))
        }
        let order = try own()
        for deed in [CustodyChange.rootToken(name: "root", lifetime: nil), .acceptRows("00")] {
            await #expect(throws: ChamberError.self) {
                _ = try await chamber.chamber.authorize(deed, proposal: nil)
            }
        }
        await #expect(throws: ChamberError.self) { _ = try await chamber.chamber.change(order) }
        await chamber.chamber.settle()
        await #expect(throws: ChamberError.self) {
            _ = try await chamber.chamber.authorize(.rootToken(name: "root", lifetime: nil), proposal: nil)
        }
        #expect(try !hasWrapped)
    }

    @Test func `an operator who was put out approves nothing at an instance that has not noticed`() async throws {
        let first = try await place.opened()
        let second = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(second.chamber) }
        let standing = try await proposed(try own(), at: first)
        for one in operators.prefix(2) { _ = try await one.approve(standing, at: first.chamber) }
        // Elsewhere others take over.
        let fresh = [try TestOperator("dave", seed: 4), try TestOperator("erin", seed: 5)]
        let tokens = QuorumPlace.tokens(2)
        try await change(.operators(fresh.map(\.name), threshold: 2), at: second, tokens: tokens)
        try await place.seat(fresh, tokens, at: second)
        await refused(.unknownProposal) { try await first.chamber.perform(standing.identifier) }
        #expect(try !hasWrapped)
        await first.chamber.settle()
        #expect(first.chamber.isOpen && first.chamber.status.record?.quorum?.members.map(\.name) == fresh.map(\.name))
    }

    // MARK: Registrations

    @Test func `a registration that was called off does not come back`() async throws {
        let chamber = try await place.opened()
        let fresh = [mallory, try TestOperator("oscar", seed: 67)]
        let tokens = QuorumPlace.tokens(2)
        try await change(.operators(fresh.map(\.name), threshold: 2), at: chamber, tokens: tokens)
        let ordered = try #require(try await row(ChamberRows.registration).body)
        try await chamber.chamber.cancelRegistration()
        #expect(chamber.chamber.isOpen && chamber.chamber.status.state == .unsealed)
        try await put(ChamberRows.registration, ordered)
        let later = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(later.chamber) }
        for instance in [chamber, later] {
            for (one, token) in zip(fresh, tokens) {
                await #expect(throws: ChamberError.self) { try await one.register(token, at: instance.chamber) }
            }
            #expect(instance.chamber.status.record?.quorum?.members.map(\.name) == place.names)
        }
        // Whoever holds it opens it as before.
        let last = try await place.started()
        for one in operators.suffix(2) { try await one.unseal(last.chamber) }
        #expect(last.chamber.isOpen)
    }

    @Test func `a place that an operator has taken is not emptied for somebody else`() async throws {
        let (chamber, tokens) = try await place.beginning()
        let empty = try #require(try await row(ChamberRows.registration).body)
        try await operators[0].register(tokens[0], at: chamber.chamber)
        try await put(ChamberRows.registration, empty)
        let posing = try TestOperator("alice", seed: 66)
        await #expect(throws: ChamberError.self) { try await posing.register(tokens[0], at: chamber.chamber) }
        // Whoever else registers at an instance that has seen it does not finish what was set back.
        for (one, token) in zip(operators, tokens).dropFirst() {
            try? await one.register(token, at: chamber.chamber)
        }
        #expect(chamber.chamber.status.record == nil)
    }

    @Test func `a registration that ended in a custody is not gone through again`() async throws {
        let chamber = try await place.opened()
        let fresh = [mallory, try TestOperator("oscar", seed: 67)]
        let tokens = QuorumPlace.tokens(2)
        try await change(.operators(fresh.map(\.name), threshold: 2), at: chamber, tokens: tokens)
        let ordered = try #require(try await row(ChamberRows.registration).body)
        try await place.seat(fresh, tokens, at: chamber)
        try await put(ChamberRows.registration, ordered)
        try await chamber.look()
        #expect(chamber.chamber.status.registration == nil && chamber.chamber.status.state == .unsealed)
        await refused(.notRegistering) { try await mallory.register(tokens[0], at: chamber.chamber) }
    }

    @Test func `operators of somebody else make no master key beside the one of an open chamber`() async throws {
        let chamber = try await place.opened()
        // A first registration as another chamber begins it, with tokens that the attacker has.
        let elsewhere = try QuorumPlace()
        let (other, tokens) = try await elsewhere.beginning()
        let begun = try await elsewhere.store.rows(after: 0).rows.first { $0.name == ChamberRows.registration }
        #expect(other.chamber.status.state == .awaitingRegistration)
        try await put(ChamberRows.masterKey, nil)
        try await put(ChamberRows.registration, begun?.body)
        try await chamber.look()
        for (one, token) in zip(elsewhere.operators, tokens).dropLast() {
            try await one.register(token, at: chamber.chamber)
        }
        await #expect(throws: ChamberError.alreadyInitialized) {
            try await elsewhere.operators[2].register(tokens[2], at: chamber.chamber)
        }
        #expect(try await row(ChamberRows.masterKey).body == nil)
        // What is in memory is all there is left of the right one.
        #expect(chamber.chamber.isOpen && chamber.witness.lines.contains("lost"))
    }
}
