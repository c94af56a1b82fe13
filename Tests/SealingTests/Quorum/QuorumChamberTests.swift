// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// A chamber with three operators, two of whom open it, over two of three KMS keys.
struct QuorumPlace {
    let folder: TemporaryFolder
    let store: SQLiteState
    let custody = TestCustody()
    let operators: [TestOperator]

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteState(path: folder.file("state"))
        operators = [
            try TestOperator("alice", seed: 1), try TestOperator("bob", seed: 2), try TestOperator("carol", seed: 3),
        ]
    }

    var names: [OperatorName] { operators.map(\.name) }

    static func tokens(_ count: Int) -> [SecretBox] { (0..<count).map { _ in SecretBox(SecretBytes(random: 73)) } }

    func started() async throws -> TestChamber {
        let chamber = TestChamber(store, custody)
        try await chamber.look()
        return chamber
    }

    func beginning() async throws -> (TestChamber, [SecretBox]) {
        let chamber = try await started()
        let tokens = Self.tokens(3)
        try await chamber.chamber.initialize(
            keys: TestCustody.names(3),
            threshold: 2,
            operators: names,
            operatorThreshold: 2,
            tokens: tokens
        )
        return (chamber, tokens)
    }

    /// Registered by all; sealed, with the KMS keys' part done.
    func registered() async throws -> TestChamber {
        let (chamber, tokens) = try await beginning()
        for (one, token) in zip(operators, tokens) { try await one.register(token, at: chamber.chamber) }
        return chamber
    }

    func opened() async throws -> TestChamber {
        let chamber = try await registered()
        for one in operators.prefix(2) { try await one.unseal(chamber.chamber) }
        return chamber
    }
}

extension QuorumPlace {
    /// New operators register, and two of those of before agree to them.
    func seat(_ fresh: [TestOperator], _ tokens: [SecretBox], at chamber: TestChamber) async throws {
        for (one, token) in zip(fresh, tokens) { try await one.register(token, at: chamber.chamber) }
        guard let seats = chamber.chamber.status.proposals.first(where: { $0.change.kind == "quorum_seats" }) else {
            throw QuorumRefusal.unknownProposal
        }
        for one in operators.prefix(2) where chamber.chamber.status.registration != nil {
            _ = try await one.approve(seats, at: chamber.chamber)
        }
    }
}

func refused(_ refusal: QuorumRefusal, _ body: () async throws -> Void) async {
    await #expect(throws: ChamberError.refused(refusal)) { try await body() }
}

@Suite(.timeLimit(.minutes(2))) struct QuorumChamberTests {
    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }

    init() throws { place = try QuorumPlace() }

    // MARK: Registering

    @Test func `there is no master key before all operators have registered`() async throws {
        let (chamber, tokens) = try await place.beginning()
        #expect(chamber.chamber.status.state == .awaitingRegistration)
        for (number, (one, token)) in zip(operators, tokens).enumerated() {
            #expect(chamber.chamber.status.record == nil)
            try await one.register(token, at: chamber.chamber)
            let seats = chamber.chamber.status.registration?.seats
            #expect(number == 2 || seats?.map(\.isTaken) == (0..<3).map { $0 <= number })
        }
        #expect(chamber.chamber.status.state == .kmsUnsealed && !chamber.chamber.isOpen)
        #expect(chamber.chamber.status.registration == nil)
        #expect(chamber.chamber.status.record?.quorum?.members.map(\.name) == place.names)
        #expect(throws: ChamberError.self) { _ = try chamber.chamber.masterKeys() }
    }

    @Test func `operators can register at different instances, and the last makes the key for all`() async throws {
        let (first, tokens) = try await place.beginning()
        let second = try await place.started()
        #expect(second.chamber.status.state == .awaitingRegistration)
        try await operators[0].register(tokens[0], at: first.chamber)
        try await operators[1].register(tokens[1], at: second.chamber)
        try await operators[2].register(tokens[2], at: first.chamber)
        try await second.look()
        #expect(first.chamber.status.state == .kmsUnsealed && second.chamber.status.state == .kmsUnsealed)
        // Each is opened for itself.
        for one in operators.prefix(2) { try await one.unseal(second.chamber) }
        #expect(second.chamber.isOpen && !first.chamber.isOpen)
    }

    @Test func `a token is good once, for its own operator, and only while registering`() async throws {
        let (chamber, tokens) = try await place.beginning()
        try await operators[0].register(tokens[0], at: chamber.chamber)
        await refused(.alreadyRegistered(operator: "alice")) {
            try await operators[0].register(tokens[0], at: chamber.chamber)
        }
        await refused(.unknownToken) {
            try await operators[1].register(QuorumPlace.tokens(1)[0], at: chamber.chamber)
        }
        // A proof that was made for another token.
        let offer = try operators[1].offer(for: tokens[2])
        await #expect(throws: ChamberError.self) {
            try await chamber.chamber.register(tokens[1].bytes, offering: [offer])
        }
        #expect(chamber.chamber.status.registration?.seats.map(\.isTaken) == [true, false, false])
        try await operators[1].register(tokens[1], at: chamber.chamber)
        try await operators[2].register(tokens[2], at: chamber.chamber)
        await refused(.notRegistering) { try await operators[2].register(tokens[2], at: chamber.chamber) }
    }

    @Test func `whoever can write to the state puts no credential of their own in`() async throws {
        let (chamber, tokens) = try await place.beginning()
        try await operators[0].register(tokens[0], at: chamber.chamber)
        let row = try #require(try await place.store.rows(after: 0).rows.first { $0.name == ChamberRows.registration })
        // The credential of alice in the seat of bob, too.
        var text = String(decoding: try #require(row.body), as: UTF8.self)
        let seat = try #require(text.firstMatch(of: /"credentials":\[(\{[^\]]*\})\]/)?.output.1)
        let empty = try #require(text.firstRange(of: #""credentials":[]"#))
        text.replaceSubrange(empty, with: #""credentials":[\#(seat)]"#)
        try await place.store.apply([
            StateChange(ChamberRows.registration, expecting: row.version, body: Array(text.utf8))
        ])
        for (one, token) in zip(operators, tokens).dropFirst() {
            await refused(.unknownToken) { try await one.register(token, at: chamber.chamber) }
        }
        #expect(chamber.chamber.status.state == .awaitingRegistration)
    }

    @Test func `a registration ends with its time, and the chamber can be initialised anew`() async throws {
        let (chamber, tokens) = try await place.beginning()
        chamber.clock.withLock { $0 += RegistrationStage.lifetime }
        try await chamber.look()
        #expect(chamber.chamber.status.state == .uninitialized)
        await refused(.notRegistering) { try await operators[0].register(tokens[0], at: chamber.chamber) }
        let fresh = QuorumPlace.tokens(3)
        try await chamber.chamber.initialize(
            keys: TestCustody.names(1),
            threshold: 1,
            operators: place.names,
            operatorThreshold: 3,
            tokens: fresh
        )
        await refused(.unknownToken) { try await operators[0].register(tokens[0], at: chamber.chamber) }
        for (one, token) in zip(operators, fresh) { try await one.register(token, at: chamber.chamber) }
        #expect(chamber.chamber.status.record?.quorum?.threshold == 3)
    }

    @Test func `an order to seal while operators register holds for the chamber that they make`() async throws {
        let (chamber, tokens) = try await place.beginning()
        #expect(chamber.chamber.status.reason == nil)
        #expect(await chamber.chamber.seal().problem == nil)
        #expect(chamber.chamber.status.state == .awaitingRegistration)
        #expect(chamber.chamber.status.reason?.contains("operator rotate cancel") == true)
        for (one, token) in zip(operators, tokens) { try await one.register(token, at: chamber.chamber) }
        #expect(chamber.chamber.status.state == .sealed)
        try await chamber.chamber.unseal()
        #expect(chamber.chamber.status.state == .kmsUnsealed)
    }

    @Test func `where a KMS key fails, the last operator registers again`() async throws {
        let (chamber, tokens) = try await place.beginning()
        for (one, token) in zip(operators, tokens).prefix(2) { try await one.register(token, at: chamber.chamber) }
        let name = try TestCustody.names(1)[0]
        place.custody.fail(name)
        await #expect(throws: ChamberError.self) { try await operators[2].register(tokens[2], at: chamber.chamber) }
        #expect(chamber.chamber.status.state == .awaitingRegistration)
        place.custody.mend(name)
        try await operators[2].register(tokens[2], at: chamber.chamber)
        #expect(chamber.chamber.status.state == .kmsUnsealed)
    }

    @Test(arguments: [(1, 1), (2, 1), (3, 4), (17, 2)])
    func `what is no quorum is refused`(_ count: Int, _ threshold: Int) async throws {
        let chamber = try await place.started()
        let names = (0..<count).compactMap { OperatorName("operator-\($0)") }
        await #expect(throws: ChamberError.self) {
            try await chamber.chamber.initialize(
                keys: TestCustody.names(1),
                threshold: 1,
                operators: names,
                operatorThreshold: threshold,
                tokens: QuorumPlace.tokens(count)
            )
        }
        #expect(try await place.store.rows(after: 0).rows.isEmpty)
    }

    // MARK: Opening

    @Test func `any two of three operators open it, after every start`() async throws {
        _ = try await place.opened()
        for pair in [[0, 1], [0, 2], [2, 1]] {
            let chamber = try await place.started()
            #expect(chamber.chamber.status.state == .kmsUnsealed)
            try await operators[pair[0]].unseal(chamber.chamber)
            #expect(chamber.chamber.status.unsealing?.names == [operators[pair[0]].name])
            #expect(!chamber.chamber.isOpen && !chamber.contents.isLoaded)
            try await operators[pair[1]].unseal(chamber.chamber)
            #expect(chamber.chamber.isOpen && chamber.contents.isLoaded && chamber.chamber.status.unsealing == nil)
            #expect(chamber.witness.lines.suffix(2).last == "unsealed")
        }
    }

    @Test func `without enough KMS keys the operators are not even asked`() async throws {
        _ = try await place.registered()
        let names = try TestCustody.names(3)
        place.custody.fail(names[0])
        place.custody.fail(names[1])
        let chamber = try await place.started()
        #expect(chamber.chamber.status.state == .sealed)
        let (invitation, shown) = try operators[0].invited(by: chamber.chamber)
        #expect(invitation.ceremony == nil)
        await refused(.notUnsealing(.sealed)) {
            _ = try chamber.chamber.boxes(for: shown, signature: Bytes())
        }
    }

    @Test func `an operator counts once`() async throws {
        let chamber = try await place.registered()
        try await operators[0].unseal(chamber.chamber)
        await refused(.duplicate(operator: "alice")) { try await operators[0].unseal(chamber.chamber) }
        #expect(chamber.chamber.status.unsealing?.names == [operators[0].name] && !chamber.chamber.isOpen)
    }

    @Test func `a wrong credential gets no box, and changes nothing`() async throws {
        let chamber = try await place.registered()
        let stranger = try TestOperator("alice", seed: 9, identifier: operators[0].credential.identifier)
        await refused(.badSignature(operator: "alice", credential: stranger.credential.identifier)) {
            try await stranger.unseal(chamber.chamber)
        }
        await refused(.unknownOperator("mallory")) {
            try await TestOperator("mallory", seed: 9).unseal(chamber.chamber)
        }
        #expect(chamber.chamber.status.unsealing?.names == [])
        for one in operators.prefix(2) { try await one.unseal(chamber.chamber) }
        #expect(chamber.chamber.isOpen)
    }

    @Test func `a challenge serves once, for its operator, in its ceremony, for a while`() async throws {
        let chamber = try await place.registered()
        let (invitation, shown) = try operators[0].invited(by: chamber.chamber)
        let boxes = try operators[0].boxes(from: chamber.chamber, invitation, shown)
        await refused(.challengeExpired) {
            _ = try operators[0].boxes(from: chamber.chamber, invitation, shown)
        }
        // Another operator's challenge.
        let (other, bob) = try operators[1].invited(by: chamber.chamber)
        let mixed = UnsealCeremony.Credentials(name: "alice", credential: shown.credential, challenge: bob.challenge)
        await refused(.challengeExpired) { _ = try operators[0].boxes(from: chamber.chamber, other, mixed) }
        // A share that was replayed with a new challenge.
        let returned = try operators[0].returned(boxes, invitation, shown)
        let (again, fresh) = try operators[0].invited(by: chamber.chamber)
        _ = try operators[0].boxes(from: chamber.chamber, again, fresh)
        await #expect(throws: ChamberError.self) { try await chamber.chamber.give(returned, from: fresh) }
        // Its own has waited too long.
        chamber.clock.withLock { $0 += UnsealCeremony.challengeLifetime }
        await refused(.challengeExpired) { try await chamber.chamber.give(returned, from: shown) }
        #expect(chamber.chamber.status.unsealing?.names == [])
    }

    @Test func `a share of another start, or of another instance, is worth nothing`() async throws {
        let first = try await place.registered()
        let second = try await place.started()
        let (invitation, shown) = try operators[0].invited(by: first.chamber)
        let boxes = try operators[0].boxes(from: first.chamber, invitation, shown)
        let returned = try operators[0].returned(boxes, invitation, shown)
        await refused(.challengeExpired) { try await second.chamber.give(returned, from: shown) }
        try await first.chamber.give(returned, from: shown)
        await refused(.challengeExpired) { try await first.chamber.give(returned, from: shown) }
        #expect(first.chamber.status.unsealing?.names == [operators[0].name])
    }

    @Test func `a wrong share is refused by the name of who brought it`() async throws {
        let chamber = try await place.registered()
        // Bob brings what alice's credential opened, under his own name.
        let (invitation, shown) = try operators[0].invited(by: chamber.chamber)
        let boxes = try operators[0].boxes(from: chamber.chamber, invitation, shown)
        let (other, bob) = try operators[1].invited(by: chamber.chamber)
        _ = try operators[1].boxes(from: chamber.chamber, other, bob)
        let question = try #require(other.ceremony)
        let opened = try operators[0].opened(boxes[0], invitation)
        let stolen = try TestOperator.close(opened, question, other, bob)
        do {
            try await chamber.chamber.give([.init(ceremony: boxes[0].ceremony, bytes: stolen)], from: bob)
            Issue.record("it was taken")
        } catch ChamberError.refused(let refusal) {
            #expect("\(refusal)".contains("bob") && "\(refusal)".contains("number 1, theirs has 2"))
        }
        #expect(chamber.chamber.status.unsealing?.names == [] && chamber.chamber.status.state == .kmsUnsealed)
    }

    @Test func `shares that nobody follows are dropped`() async throws {
        let chamber = try await place.registered()
        try await operators[0].unseal(chamber.chamber)
        let (_, before) = try operators[1].invited(by: chamber.chamber)
        chamber.clock.withLock { $0 += 1800 }
        try await chamber.look()
        #expect(chamber.chamber.status.unsealing?.names == [] && chamber.chamber.status.state == .kmsUnsealed)
        let (_, after) = try operators[1].invited(by: chamber.chamber)
        #expect(before.challenge != after.challenge)
        try await operators[1].unseal(chamber.chamber)
        #expect(!chamber.chamber.isOpen)
        try await operators[0].unseal(chamber.chamber)
        #expect(chamber.chamber.isOpen)
    }

    @Test func `keys that cannot be loaded are tried again without the operators`() async throws {
        _ = try await place.registered()
        let chamber = TestChamber(place.store, place.custody)
        chamber.contents.state.withLock { $0.failure = ChamberContentsError("the store is away") }
        try await chamber.look()
        for one in operators.prefix(2) { try await one.unseal(chamber.chamber) }
        #expect(chamber.chamber.status.state == .unsealed && !chamber.chamber.isOpen)
        #expect(chamber.chamber.status.reason == "the store is away")
        chamber.contents.state.withLock { $0.failure = nil }
        try await eventually { chamber.chamber.isOpen }
        #expect(chamber.chamber.status.reason == nil)
    }

    @Test func `an order to seal ends it at once, and whoever opens it needs the operators again`() async throws {
        let chamber = try await place.opened()
        let master = try chamber.chamber.masterKeys().current
        _ = await chamber.chamber.seal()
        #expect(!chamber.chamber.isOpen && !chamber.contents.isLoaded && chamber.chamber.status.state == .sealed)
        #expect(throws: SealingError.sealed) { _ = try master.verifier() }
        try await chamber.chamber.unseal()
        #expect(chamber.chamber.status.state == .kmsUnsealed)
        for one in operators.prefix(2) { try await one.unseal(chamber.chamber) }
        #expect(chamber.chamber.isOpen)
    }

    @Test func `sealing in the middle of a ceremony drops the shares`() async throws {
        let chamber = try await place.registered()
        try await operators[0].unseal(chamber.chamber)
        _ = await chamber.chamber.seal()
        #expect(chamber.chamber.status.unsealing == nil && chamber.chamber.status.state == .sealed)
        try await chamber.chamber.unseal()
        try await operators[1].unseal(chamber.chamber)
        #expect(!chamber.chamber.isOpen)
    }
}
