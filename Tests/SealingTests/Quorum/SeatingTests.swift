// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Crypto
import Encoding
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// New operators have registered; those of before look at them, and give up their seats or do not.
@Suite(.timeLimit(.minutes(2))) struct SeatingTests {
    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }
    private let fresh: [TestOperator]
    private let tokens = QuorumPlace.tokens(2)

    init() throws {
        place = try QuorumPlace()
        fresh = [try TestOperator("dave", seed: 4), try TestOperator("erin", seed: 5)]
    }

    /// The change is approved, and registration tokens are out.
    private func begun(for names: [OperatorName]? = nil) async throws -> TestChamber {
        let chamber = try await place.opened()
        let order = CustodyChange.operators(names ?? fresh.map(\.name), threshold: 2)
        guard case .proposed(let proposal) = try await chamber.chamber.change(order) else {
            throw QuorumRefusal.unknownProposal
        }
        for one in operators.prefix(2) { _ = try await one.approve(proposal, at: chamber.chamber) }
        try await chamber.chamber.perform(proposal.identifier, tokens: tokens)
        return chamber
    }

    private func seats(at chamber: TestChamber) throws -> Proposal {
        try #require(chamber.chamber.status.proposals.first { $0.change.kind == "quorum_seats" })
    }

    private func row() async throws -> StateRow {
        try #require(try await place.store.rows(after: 0).rows.first { $0.name == ChamberRows.registration })
    }

    private func quorum(of chamber: TestChamber) -> [OperatorName]? {
        chamber.chamber.status.record?.quorum?.members.map(\.name)
    }

    @Test func `whoever registers with every token takes no seat that the operators do not give up`() async throws {
        let chamber = try await begun()
        // The same names, with credentials of somebody who was shown the tokens.
        let posing = [try TestOperator("dave", seed: 66), try TestOperator("erin", seed: 67)]
        for (one, token) in zip(posing, tokens) { try await one.register(token, at: chamber.chamber) }
        #expect(quorum(of: chamber) == place.names && chamber.chamber.status.state == .awaitingRotation)
        let seats = try seats(at: chamber)
        // Neither a management token nor the new ones can end it.
        await refused(.notApproved(have: 0, need: 2)) { try await chamber.chamber.perform(seats.identifier) }
        await refused(.unknownOperator("dave")) { _ = try await posing[0].approve(seats, at: chamber.chamber) }
        await refused(.notYourProposal) {
            try chamber.chamber.withdraw(seats.identifier, by: Proposer("token"))
        }
        // What the operators are shown is what somebody else than dave has.
        for one in posing {
            let shown = try #require(one.credential.fingerprint)
            #expect(seats.document.contains(shown))
        }
        for one in fresh {
            let own = try #require(one.credential.fingerprint)
            #expect(!seats.document.contains(own))
        }
        _ = try await operators[0].approve(seats, at: chamber.chamber)
        await refused(.notApproved(have: 1, need: 2)) { try await chamber.chamber.perform(seats.identifier) }
        try await chamber.chamber.cancelRegistration()
        await refused(.unknownProposal) { _ = try await operators[1].approve(seats, at: chamber.chamber) }
        #expect(quorum(of: chamber) == place.names && chamber.chamber.status.state == .unsealed)
    }

    @Test func `what somebody calls a credential stands behind its fingerprint`() async throws {
        let chamber = try await place.opened()
        var document = fresh[0].credential.document
        document.label = "x, fingerprint 11111111 22222222 33333333 44444444"
        let credential = try OperatorCredential(document)
        guard
            case .proposed(let proposal) = try await chamber.chamber.change(.addCredential(place.names[0], credential))
        else { throw QuorumRefusal.unknownProposal }
        let fingerprint = try #require(credential.fingerprint)
        #expect(proposal.document.contains(#""credential":"fingerprint \#(fingerprint), yubikey "#))
    }

    @Test func `the last approval seats them, wherever the others were given, also after a restart`() async throws {
        let chamber = try await begun()
        for (one, token) in zip(fresh, tokens) { try await one.register(token, at: chamber.chamber) }
        let seats = try seats(at: chamber)
        _ = try await operators[0].approve(seats, at: chamber.chamber)
        // Twice is once.
        #expect(try await operators[0].approve(seats, at: chamber.chamber).approvals == [operators[0].name])
        await chamber.chamber.shutDown()
        let next = try await place.started()
        #expect(next.chamber.status.proposals.isEmpty)
        for one in operators.prefix(2) { try await one.unseal(next.chamber) }
        let again = try self.seats(at: next)
        #expect(again.document == seats.document && again.approvals == [operators[0].name])
        let done = try await operators[2].approve(again, at: next.chamber)
        #expect(done.approvals == [operators[0].name, operators[2].name])
        #expect(quorum(of: next) == fresh.map(\.name) && next.chamber.status.state == .unsealed)
        #expect(next.chamber.status.registration == nil && next.chamber.status.proposals.isEmpty)
        let last = try await place.started()
        for one in fresh { try await one.unseal(last.chamber) }
        #expect(last.chamber.isOpen)
    }

    @Test func `two who approve at the same moment both count`() async throws {
        let chamber = try await begun()
        for (one, token) in zip(fresh, tokens) { try await one.register(token, at: chamber.chamber) }
        let seats = try seats(at: chamber)
        let other = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(other.chamber) }
        let operators = operators
        let approved = await withTaskGroup(of: Bool.self) { group in
            for (one, instance) in zip(operators.prefix(2), [chamber, other]) {
                group.addTask { (try? await one.approve(seats, at: instance.chamber)) != nil }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(approved)
        try await chamber.look()
        #expect(quorum(of: chamber) == fresh.map(\.name) && chamber.chamber.status.state == .unsealed)
    }

    @Test func `an approval is kept where a KMS key fails, and the next try ends it`() async throws {
        let chamber = try await begun()
        for (one, token) in zip(fresh, tokens) { try await one.register(token, at: chamber.chamber) }
        let seats = try seats(at: chamber)
        _ = try await operators[0].approve(seats, at: chamber.chamber)
        let key = try TestCustody.names(1)[0]
        place.custody.fail(key)
        await #expect(throws: ChamberError.self) { _ = try await operators[1].approve(seats, at: chamber.chamber) }
        #expect(quorum(of: chamber) == place.names)
        #expect(try self.seats(at: chamber).approvals.count == 2)
        place.custody.mend(key)
        try await chamber.chamber.perform(seats.identifier)
        #expect(quorum(of: chamber) == fresh.map(\.name))
    }

    @Test func `approvals that somebody writes into the row count for nothing`() async throws {
        let chamber = try await begun()
        for (one, token) in zip(fresh, tokens) { try await one.register(token, at: chamber.chamber) }
        let seats = try seats(at: chamber)
        let right = try await row()
        // Alice's approval of the change that came before, in the name of everybody.
        let signature = String(repeating: "5", count: 128)
        let forged = (0..<20).flatMap { _ in place.operators }.map { one in
            """
            {"credential":"\(one.credential.identifier)","name":"\(one.name)","signature":"\(signature)"}
            """
        }
        let text = String(decoding: right.body ?? [], as: UTF8.self)
        let body = Array(("{\"approvals\":[" + forged.joined(separator: ",") + "]," + text.dropFirst()).utf8)
        try await place.store.apply([
            StateChange(ChamberRows.registration, expecting: right.version, body: body)
        ])
        try await chamber.look()
        #expect(try self.seats(at: chamber).approvals.isEmpty)
        await refused(.notApproved(have: 0, need: 2)) { try await chamber.chamber.perform(seats.identifier) }
        // And they keep nobody from approving.
        for one in operators.suffix(2) { _ = try await one.approve(seats, at: chamber.chamber) }
        #expect(quorum(of: chamber) == fresh.map(\.name))
    }

    @Test func `a registration that somebody has changed is told of, and does not end silently`() async throws {
        let chamber = try await begun()
        let empty = try await row()
        try await fresh[0].register(tokens[0], at: chamber.chamber)
        let taken = try await row()
        for body in [empty.body, Array("{}".utf8)] {
            try await place.store.apply([
                StateChange(ChamberRows.registration, expecting: try await row().version, body: body)
            ])
            try await chamber.look()
            try await chamber.look()
        }
        #expect(chamber.witness.lines.count { $0.hasPrefix("registration: ") } == 2, "\(chamber.witness.lines)")
        try await place.store.apply([
            StateChange(ChamberRows.registration, expecting: try await row().version, body: taken.body)
        ])
        try await chamber.look()
        #expect(chamber.chamber.status.registration?.seats.map(\.isTaken) == [true, false])
    }

    @Test func `seats that are taken by others after an approval make it worth nothing`() async throws {
        let chamber = try await begun()
        let empty = try await row()
        for (one, token) in zip(fresh, tokens) { try await one.register(token, at: chamber.chamber) }
        let seats = try seats(at: chamber)
        _ = try await operators[0].approve(seats, at: chamber.chamber)
        // Whoever has the tokens and writes the state begins again where nobody has seen it, and keeps the approval.
        let other = try await place.started()
        let full = try await row()
        try await place.store.apply([
            StateChange(ChamberRows.registration, expecting: full.version, body: empty.body)
        ])
        let blank = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(blank.chamber) }
        let posing = [try TestOperator("dave", seed: 66), try TestOperator("erin", seed: 67)]
        for (one, token) in zip(posing, tokens) { try await one.register(token, at: blank.chamber) }
        let forged = try self.seats(at: blank)
        #expect(forged.identifier != seats.identifier && forged.approvals.isEmpty)
        await refused(.unknownProposal) { _ = try await operators[1].approve(seats, at: blank.chamber) }
        #expect(quorum(of: blank) == place.names)
        await other.chamber.shutDown()
    }

    @Test func `a fingerprint is the one that another implementation computes`() throws {
        var document = try QuorumVectors.passphraseCredential().document
        document.blind = String(repeating: "e", count: 32)
        let credential = try OperatorCredential(document)
        #expect(credential.fingerprint == "751fde56 95d08d48 a181a857 64fb9e1a")
        let token = Array(("cc-enrol-" + String(repeating: "0", count: 64)).utf8)
        let message = QuorumMessage.registration(tokenHash: try Digest.sha256(token.span), credential)
        let digest = try Digest.sha256(message.span)
        #expect(
            Hex.encode(digest.span, prefix: false) == "14c0fa3f197bccf2072b6992f3b0445484332460aa31de02b2349f15ec5b36a6"
        )
    }

    @Test func `a fingerprint needs its blind, and is nobody else's`() throws {
        let one = fresh[0].credential
        #expect(one.fingerprint?.wholeMatch(of: /[0-9a-f]{8}( [0-9a-f]{8}){3}/) != nil)
        var document = one.document
        document.blind = String(repeating: "0", count: 32)
        #expect(try OperatorCredential(document).fingerprint != one.fingerprint)
        document.blind = nil
        #expect(try OperatorCredential(document).fingerprint == nil)
        #expect(one.fingerprint != fresh[1].credential.fingerprint)
    }
}
