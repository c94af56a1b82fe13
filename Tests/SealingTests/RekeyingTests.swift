// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// Rotating the master key itself.
@Suite(.timeLimit(.minutes(2))) struct RekeyingTests {
    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }

    init() throws { place = try QuorumPlace() }

    private func withKMS() async throws -> TestChamber {
        let chamber = try await place.started()
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        return chamber
    }

    private func generations(_ chamber: TestChamber) throws -> [UInt64] {
        try chamber.chamber.masterKeys().all.map(\.identity.generation)
    }

    @Test func `a new master key takes over when everything lies under it`() async throws {
        let chamber = try await withKMS()
        let old = try chamber.chamber.masterKeys().current
        _ = try await chamber.chamber.change(.masterKey)
        try await eventually { chamber.chamber.status.record?.current.generation == 2 }
        await chamber.chamber.settle()
        #expect(chamber.chamber.isOpen && chamber.contents.state.withLock { $0.rekeyed } == [2, 2])
        #expect(try generations(chamber) == [2])
        #expect(throws: SealingError.sealed) { _ = try old.verifier() }
        #expect(chamber.chamber.status.record?.next == nil && chamber.chamber.status.record?.sequence == 3)
        #expect(try generations(try await place.started()) == [2])
    }

    @Test func `other instances come to the new key by the way of the old one, and never close`() async throws {
        let first = try await withKMS()
        let second = try await place.started()
        first.contents.state.withLock { $0.failure = ChamberContentsError("the store is away") }
        _ = try await first.chamber.change(.masterKey)
        try await eventually { first.chamber.status.rekeying?.reason != nil }
        #expect(first.chamber.status.state == .awaitingRotation && first.chamber.isOpen)
        second.contents.state.withLock { $0.failure = ChamberContentsError("the store is away") }
        try await second.look()
        #expect(try generations(second) == [1, 2] && second.contents.state.withLock { $0.adopted.last } == [1, 2])
        #expect(second.witness.lines.contains { $0.hasPrefix("awaiting_rotation") })
        // The first one goes away; the second one ends it.
        await first.chamber.shutDown()
        second.contents.state.withLock { $0.failure = nil }
        try await eventually {
            second.chamber.continueRekeying()
            return second.chamber.status.record?.current.generation == 2
        }
        await second.chamber.settle()
        #expect(second.chamber.isOpen && second.contents.state.withLock { $0.loads } == 1)
        #expect(try generations(second) == [2])
    }

    @Test func `a start in the middle goes on where it was`() async throws {
        let first = try await withKMS()
        first.contents.state.withLock { $0.failure = ChamberContentsError("the store is away") }
        _ = try await first.chamber.change(.masterKey)
        try await eventually { first.chamber.status.rekeying?.reason != nil }
        await first.chamber.shutDown()
        let later = try await place.started()
        try await eventually { later.chamber.status.record?.current.generation == 2 }
        await later.chamber.settle()
        #expect(later.chamber.isOpen && later.contents.state.withLock { $0.rekeyed } == [2, 2])
    }

    @Test func `the old key stays until everything was looked at, however little there is to do`() async throws {
        let chamber = TestChamber(place.store, place.custody, grace: .seconds(3600))
        try await chamber.look()
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        _ = try await chamber.chamber.change(.masterKey)
        #expect(chamber.chamber.status.rekeying.map { $0.done == $0.total } == true)
        await #expect(throws: ChamberError.rotating) { try await chamber.chamber.endRekeying() }
        #expect(try generations(chamber) == [1, 2] && chamber.chamber.status.record?.current.generation == 1)
        await chamber.chamber.shutDown()
    }

    @Test func `meanwhile nothing else of the custody changes`() async throws {
        let chamber = try await withKMS()
        chamber.contents.state.withLock { $0.failure = ChamberContentsError("the store is away") }
        _ = try await chamber.chamber.change(.masterKey)
        await #expect(throws: ChamberError.rotating) { _ = try await chamber.chamber.change(.masterKey) }
        await #expect(throws: ChamberError.rotating) {
            _ = try await chamber.chamber.change(.keys(TestCustody.names(1), threshold: 1))
        }
        try await eventually { chamber.chamber.status.rekeying?.reason != nil }
        await #expect(throws: ChamberError.rotating) { try await chamber.chamber.endRekeying() }
    }

    @Test func `with operators somebody says when it ends, and they bring the new key to every instance`() async throws
    {
        let first = try await place.opened()
        let second = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(second.chamber) }
        guard case .proposed(let proposal) = try await first.chamber.change(.masterKey) else {
            Issue.record("nobody was asked")
            return
        }
        for one in operators.suffix(2) { _ = try await one.approve(proposal, at: first.chamber) }
        try await first.chamber.perform(proposal.identifier)
        try await eventually { first.chamber.status.rekeying.map { $0.done == $0.total && $0.done > 0 } ?? false }
        #expect(first.chamber.status.record?.current.generation == 1)
        // The other one signs on, and waits for the operators.
        try await second.look()
        #expect(second.chamber.isOpen && second.chamber.status.state == .awaitingRotation)
        #expect(try second.chamber.status.unsealing?.need == 2 && generations(second) == [1])
        for one in operators.prefix(2) { try await one.unseal(second.chamber) }
        #expect(try second.chamber.isOpen && generations(second) == [1, 2])
        try await first.chamber.endRekeying()
        try await second.look()
        #expect(try generations(first) == [2] && generations(second) == [2])
        #expect(second.chamber.isOpen && second.contents.state.withLock { $0.loads } == 1)
        let later = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(later.chamber) }
        #expect(try generations(later) == [2])
    }

    @Test func `a start in the middle needs the operators once, for both keys`() async throws {
        let first = try await place.opened()
        guard case .proposed(let proposal) = try await first.chamber.change(.masterKey) else { return }
        for one in operators.suffix(2) { _ = try await one.approve(proposal, at: first.chamber) }
        try await first.chamber.perform(proposal.identifier)
        let later = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(later.chamber) }
        #expect(try later.chamber.isOpen && generations(later) == [1, 2])
    }

    @Test func `an instance that did not get the new key is opened anew when the old one is gone`() async throws {
        let first = try await place.opened()
        let second = try await place.started()
        for one in operators.prefix(2) { try await one.unseal(second.chamber) }
        guard case .proposed(let proposal) = try await first.chamber.change(.masterKey) else { return }
        for one in operators.suffix(2) { _ = try await one.approve(proposal, at: first.chamber) }
        try await first.chamber.perform(proposal.identifier)
        try await eventually { first.chamber.status.rekeying.map { $0.done == $0.total && $0.done > 0 } ?? false }
        try await first.chamber.endRekeying()
        try await second.look()
        #expect(!second.chamber.isOpen && second.chamber.status.state == .kmsUnsealed)
        for one in operators.prefix(2) { try await one.unseal(second.chamber) }
        #expect(try second.chamber.isOpen && generations(second) == [2])
    }

    @Test func `the record in the middle is known by either key, and edits of it are not`() async throws {
        let chamber = try await withKMS()
        chamber.contents.state.withLock { $0.failure = ChamberContentsError("the store is away") }
        _ = try await chamber.chamber.change(.masterKey)
        let row = try #require(try await place.store.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        let body = try #require(row.body)
        let keys = try chamber.chamber.masterKeys()
        for key in keys.all { try MasterKeyRecord.verify(body, with: key) }
        let edited = String(decoding: body, as: UTF8.self).replacing(#""sequence":2"#, with: #""sequence":3"#)
        for key in keys.all {
            #expect(throws: SealingError.notAuthentic) {
                try MasterKeyRecord.verify(Array(edited.utf8), with: key)
            }
        }
    }

    @Test func `an instance whose KMS keys are away signs on, and takes the next key when they are back`() async throws
    {
        let first = try await withKMS()
        let second = try await place.started()
        for chamber in [first, second] {
            chamber.contents.state.withLock { $0.failure = ChamberContentsError("the store is away") }
        }
        _ = try await first.chamber.change(.masterKey)
        let names = try TestCustody.names(3)
        for name in names { place.custody.fail(name, transiently: true) }
        try await second.look()
        #expect(try second.chamber.isOpen && generations(second) == [1])
        #expect(second.witness.lines.contains { $0.hasPrefix("rekeying: ") })
        for name in names { place.custody.mend(name) }
        try await eventually {
            second.chamber.status.state == .awaitingRotation && ((try? generations(second)) == [1, 2])
        }
        #expect(second.chamber.isOpen)
    }

    @Test func `sealing while it ends waits for nothing that waits for sealing`() async throws {
        for _ in 0..<20 {
            let place = try QuorumPlace()
            let chamber = try await place.started()
            try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
            _ = try await chamber.chamber.change(.masterKey)
            _ = await chamber.chamber.seal()
            #expect(!chamber.chamber.isOpen && !chamber.contents.isLoaded)
            try await chamber.chamber.unseal()
            try await eventually {
                chamber.chamber.continueRekeying()
                return chamber.chamber.status.record?.current.generation == 2
            }
        }
    }

    @Test func `with operators everything is encrypted anew once, and then waited`() async throws {
        let first = try await place.opened()
        guard case .proposed(let proposal) = try await first.chamber.change(.masterKey) else { return }
        for one in operators.suffix(2) { _ = try await one.approve(proposal, at: first.chamber) }
        try await first.chamber.perform(proposal.identifier)
        try await eventually { first.chamber.status.rekeying.map { $0.done == $0.total && $0.done > 0 } ?? false }
        for _ in 0..<50 { first.chamber.continueRekeying() }
        try await first.chamber.endRekeying()
        // Once in the background, once more right before the end.
        #expect(first.contents.state.withLock { $0.rekeyed } == [2, 2])
    }
}
