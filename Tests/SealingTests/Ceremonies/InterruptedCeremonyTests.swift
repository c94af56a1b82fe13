// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// A process that ends before or behind any write of a ceremony: the next start stands where it was or where it was to go,
/// opens with the one or the other set of keys, never both or none, and the ceremony can be gone through again.
@Suite(.timeLimit(.minutes(3))) struct InterruptedCeremonyTests {
    private typealias Cut = CutState.Cut

    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }

    init() throws { place = try QuorumPlace() }

    private static let old = ["local:/keys/1", "local:/keys/2", "local:/keys/3"]
    private static let new = ["local:/keys/4", "local:/keys/5"]

    private func names(_ texts: [String]) throws -> [KeyName] { try texts.map { try KeyName($0) } }

    private func withKMS() async throws -> TestChamber {
        let chamber = try await place.started()
        try await chamber.chamber.initialize(keys: names(Self.old), threshold: 2)
        return chamber
    }

    /// A process whose writes end at the cut.
    private func process(_ cut: Cut) async throws -> (chamber: TestChamber, state: CutState) {
        let state = CutState(place.store, cut)
        let chamber = TestChamber(state, place.custody)
        try await chamber.look()
        return (chamber, state)
    }

    /// Performs what fails at the cut, and only there.
    private func until(_ cut: Cut, _ state: CutState, _ body: () async throws -> Void) async throws {
        do { try await body() } catch {
            guard state.isReached else { throw error }
        }
        #expect(state.isReached, "the ceremony has fewer writes than \(cut)")
    }

    private func verifier(_ chamber: TestChamber) throws -> Bytes<32> {
        try chamber.chamber.masterKeys().current.verifier()
    }

    /// How far the KMS keys of a set bring a start, where the others are out of reach.
    private func opens(without names: [String]) async throws -> ChamberState {
        for name in try self.names(names) { place.custody.fail(name) }
        defer { for name in (try? self.names(names)) ?? [] { place.custody.mend(name) } }
        return try await place.started().chamber.status.state
    }

    /// Whether the new set holds the master key; it is the one or the other.
    private func isMoved() async throws -> Bool {
        let open: Set = [ChamberState.unsealed, .kmsUnsealed, .awaitingRotation]
        let (byOld, byNew) = (try await opens(without: Self.new), try await opens(without: Self.old))
        #expect(open.contains(byOld) != open.contains(byNew), "\(byOld), \(byNew)")
        return open.contains(byNew)
    }

    private func unseal(_ chamber: TestChamber, _ operators: [TestOperator]) async throws {
        for one in operators { try await one.unseal(chamber.chamber) }
        #expect(chamber.chamber.isOpen, "\(chamber.chamber.status)")
    }

    /// Proposed, approved by two and performed.
    private func change(_ change: CustodyChange, at chamber: TestChamber, tokens: [SecretBox] = []) async throws {
        guard case .proposed(let proposal) = try await chamber.chamber.change(change, tokens: tokens) else { return }
        for one in operators.prefix(2) { _ = try await one.approve(proposal, at: chamber.chamber) }
        try await chamber.chamber.perform(proposal.identifier, tokens: tokens)
    }

    // MARK: Initialising

    @Test(arguments: CutState.Cut.all(1)) func `init by KMS keys alone`(cut: CutState.Cut) async throws {
        let (first, state) = try await process(cut)
        try await until(cut, state) { try await first.chamber.initialize(keys: names(Self.old), threshold: 2) }
        let next = try await place.started()
        #expect(next.chamber.status.state == (cut.isWritten ? .unsealed : .uninitialized))
        if cut.isWritten {
            await #expect(throws: ChamberError.alreadyInitialized) {
                try await next.chamber.initialize(keys: names(Self.old), threshold: 2)
            }
        } else {
            try await next.chamber.initialize(keys: names(Self.old), threshold: 2)
        }
        #expect(next.chamber.isOpen)
        #expect(try await verifier(place.started()) == verifier(next))
    }

    /// The order, and three registrations.
    @Test(arguments: CutState.Cut.all(4)) func `init with operators`(cut: CutState.Cut) async throws {
        let (first, state) = try await process(cut)
        let tokens = QuorumPlace.tokens(3)
        try await until(cut, state) {
            try await initialize(first, tokens)
            for (one, token) in zip(operators, tokens) { try await one.register(token, at: first.chamber) }
        }
        let next = try await place.started()
        let seated = cut.isWritten ? cut.write - 1 : cut.write - 2
        switch seated {
        case ..<0:
            #expect(next.chamber.status.state == .uninitialized)
            try await initialize(next, tokens)
        case 3: #expect(next.chamber.status.state == .kmsUnsealed && next.chamber.status.registration == nil)
        default:
            #expect(next.chamber.status.state == .awaitingRegistration)
            #expect(next.chamber.status.registration?.seats.map(\.isTaken) == (0..<3).map { $0 < seated })
        }
        for (one, token) in zip(operators, tokens).dropFirst(max(seated, 0)) {
            try await one.register(token, at: next.chamber)
        }
        try await unseal(next, Array(operators.suffix(2)))
    }

    private func initialize(_ chamber: TestChamber, _ tokens: [SecretBox]) async throws {
        try await chamber.chamber.initialize(
            keys: names(Self.old),
            threshold: 2,
            operators: place.names,
            operatorThreshold: 2,
            tokens: tokens
        )
    }

    // MARK: The KMS keys

    @Test(arguments: CutState.Cut.all(1)) func `other KMS keys`(cut: CutState.Cut) async throws {
        let master = try verifier(try await withKMS())
        let (first, state) = try await process(cut)
        let order = CustodyChange.keys(try names(Self.new), threshold: 1)
        try await until(cut, state) { _ = try await first.chamber.change(order) }
        #expect(try await isMoved() == cut.isWritten)
        let next = try await place.started()
        #expect(try verifier(next) == master)
        _ = try await next.chamber.change(order)
        #expect(try await isMoved())
        #expect(try await verifier(place.started()) == master)
    }

    @Test(arguments: CutState.Cut.all(1)) func `other KMS keys, with operators`(cut: CutState.Cut) async throws {
        let master = try verifier(try await place.opened())
        let (first, state) = try await process(cut)
        try await unseal(first, Array(operators.prefix(2)))
        let order = CustodyChange.keys(try names(Self.new), threshold: 1)
        try await until(cut, state) { try await change(order, at: first) }
        #expect(try await isMoved() == cut.isWritten)
        let next = try await place.started()
        try await unseal(next, Array(operators.suffix(2)))
        #expect(try verifier(next) == master)
        try await change(order, at: next)
        #expect(try await isMoved())
    }

    // MARK: The operators

    /// The order, two registrations, two approvals, and the change itself.
    @Test(arguments: CutState.Cut.all(6)) func `other operators`(cut: CutState.Cut) async throws {
        let master = try verifier(try await place.opened())
        let (first, state) = try await process(cut)
        try await unseal(first, Array(operators.prefix(2)))
        let fresh = [try TestOperator("dave", seed: 4), try TestOperator("erin", seed: 5)]
        let tokens = QuorumPlace.tokens(2)
        let order = CustodyChange.operators(fresh.map(\.name), threshold: 2)
        try await until(cut, state) {
            try await change(order, at: first, tokens: tokens)
            try await place.seat(fresh, tokens, at: first)
        }
        let next = try await place.started()
        #expect(next.chamber.status.state == .kmsUnsealed)
        let written = cut.isWritten ? cut.write : cut.write - 1
        // Those of the one set open it, and those of the other are nobody.
        let (insiders, outsider) = written == 6 ? (fresh, operators[1]) : (Array(operators.suffix(2)), fresh[0])
        await refused(.unknownOperator(outsider.name.text)) { try await outsider.unseal(next.chamber) }
        try await unseal(next, insiders)
        #expect(try verifier(next) == master)
        if written == 0 { try await change(order, at: next, tokens: tokens) }
        if written < 6 {
            let rest = min(max(written - 1, 0), 2)
            try await place.seat(Array(fresh.dropFirst(rest)), Array(tokens.dropFirst(rest)), at: next)
        }
        let last = try await place.started()
        try await unseal(last, fresh)
        #expect(try verifier(last) == master && last.chamber.status.registration == nil)
    }

    /// The order, and three registrations.
    @Test(arguments: CutState.Cut.all(4)) func `from KMS keys alone to operators`(cut: CutState.Cut) async throws {
        let master = try verifier(try await withKMS())
        let (first, state) = try await process(cut)
        let tokens = QuorumPlace.tokens(3)
        let order = CustodyChange.operators(place.names, threshold: 2)
        try await until(cut, state) {
            _ = try await first.chamber.change(order, tokens: tokens)
            for (one, token) in zip(operators, tokens) { try await one.register(token, at: first.chamber) }
        }
        let next = try await place.started()
        let seated = cut.isWritten ? cut.write - 1 : cut.write - 2
        if seated == 3 {
            #expect(next.chamber.status.state == .kmsUnsealed)
        } else {
            #expect(try next.chamber.isOpen && verifier(next) == master)
            if seated < 0 { _ = try await next.chamber.change(order, tokens: tokens) }
            for (one, token) in zip(operators, tokens).dropFirst(max(seated, 0)) {
                try await one.register(token, at: next.chamber)
            }
        }
        let last = try await place.started()
        try await unseal(last, Array(operators.suffix(2)))
        #expect(try verifier(last) == master)
    }

    @Test(arguments: CutState.Cut.all(1)) func `from operators to KMS keys alone`(cut: CutState.Cut) async throws {
        let master = try verifier(try await place.opened())
        let (first, state) = try await process(cut)
        try await unseal(first, Array(operators.prefix(2)))
        try await until(cut, state) { try await change(.withoutOperators, at: first) }
        let next = try await place.started()
        #expect(next.chamber.status.state == (cut.isWritten ? .unsealed : .kmsUnsealed))
        if !cut.isWritten {
            try await unseal(next, Array(operators.suffix(2)))
            try await change(.withoutOperators, at: next)
        }
        #expect(try await verifier(place.started()) == master)
    }

    @Test(arguments: CutState.Cut.all(1)) func `a credential more, and one less`(cut: CutState.Cut) async throws {
        let master = try verifier(try await place.opened())
        let spare = try TestOperator("alice", seed: 7)
        let add = CustodyChange.addCredential(operators[0].name, spare.credential)
        let (first, state) = try await process(cut)
        try await unseal(first, Array(operators.prefix(2)))
        try await until(cut, state) { try await change(add, at: first) }
        var next = try await place.started()
        // The one of before opens it in any case.
        let unknown = spare.credential.identifier
        if cut.isWritten {
            try await unseal(next, [spare, operators[1]])
        } else {
            await refused(.unknownCredential(operator: "alice", credential: unknown)) {
                try await spare.unseal(next.chamber)
            }
            try await unseal(next, [operators[0], operators[1]])
            try await change(add, at: next)
        }
        #expect(try verifier(next) == master)
        let remove = CustodyChange.removeCredential(operators[0].name, operators[0].credential.identifier)
        let (second, again) = try await process(cut)
        try await unseal(second, [operators[0], operators[1]])
        try await until(cut, again) { try await change(remove, at: second) }
        next = try await place.started()
        if cut.isWritten {
            let gone = operators[0].credential.identifier
            await refused(.unknownCredential(operator: "alice", credential: gone)) {
                try await operators[0].unseal(next.chamber)
            }
        } else {
            let last = try await place.started()
            try await unseal(last, [operators[0], operators[2]])
        }
        try await unseal(next, [spare, operators[2]])
        #expect(try verifier(next) == master)
    }

    // MARK: A new master key

    /// The record with both keys, and the record with the new one.
    @Test(arguments: CutState.Cut.all(2)) func `a new master key`(cut: CutState.Cut) async throws {
        let master = try verifier(try await withKMS())
        let (first, state) = try await process(cut)
        do { _ = try await first.chamber.change(.masterKey) } catch { #expect(state.isReached, "\(error)") }
        try await eventually { state.isReached }
        await first.chamber.shutDown()
        let next = try await place.started()
        if cut == Cut(write: 1, isWritten: false) {
            #expect(try next.chamber.isOpen && verifier(next) == master)
            _ = try await next.chamber.change(.masterKey)
        }
        // What was begun ends by itself.
        try await eventually { next.chamber.status.record?.current.generation == 2 }
        await next.chamber.settle()
        #expect(next.chamber.isOpen && next.chamber.status.record?.next == nil)
        let last = try await place.started()
        #expect(try last.chamber.isOpen && verifier(last) == verifier(next) && verifier(last) != master)
    }

    @Test(arguments: CutState.Cut.all(2)) func `a new master key, with operators`(cut: CutState.Cut) async throws {
        let master = try verifier(try await place.opened())
        let (first, state) = try await process(cut)
        try await unseal(first, Array(operators.prefix(2)))
        try await until(cut, state) {
            try await change(.masterKey, at: first)
            try await eventually { first.chamber.status.rekeying.map { $0.done > 0 } ?? true }
            try await first.chamber.endRekeying()
        }
        await first.chamber.shutDown()
        let next = try await place.started()
        try await unseal(next, Array(operators.suffix(2)))
        if cut == Cut(write: 1, isWritten: false) {
            #expect(try verifier(next) == master)
            try await change(.masterKey, at: next)
        }
        if next.chamber.status.record?.next != nil {
            try await eventually { next.chamber.status.rekeying.map { $0.done > 0 } ?? false }
            try await next.chamber.endRekeying()
        }
        let last = try await place.started()
        try await unseal(last, Array(operators.prefix(2)))
        #expect(try last.chamber.status.record?.next == nil && verifier(last) != master)
    }

    // MARK: Sealing

    @Test(arguments: CutState.Cut.all(1)) func `the order to seal, and taking it back`(cut: CutState.Cut) async throws {
        _ = try await withKMS()
        let (first, state) = try await process(cut)
        let report = await first.chamber.seal()
        #expect(report.problem != nil && state.isReached && !first.chamber.isOpen)
        let next = try await place.started()
        #expect(next.chamber.isOpen == !cut.isWritten)
        #expect(await next.chamber.seal().problem == nil)
        let (second, again) = try await process(cut)
        try await until(cut, again) { try await second.chamber.unseal() }
        #expect(try await place.started().chamber.isOpen == cut.isWritten)
        try await next.chamber.unseal()
        #expect(next.chamber.isOpen)
    }
}
