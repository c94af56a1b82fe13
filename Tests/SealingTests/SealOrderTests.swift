// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Foundation
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// Somebody who can write the signer state, but has no right to unseal, takes back an order to seal.
@Suite(.timeLimit(.minutes(2))) struct SealOrderTests {
    private let place: QuorumPlace
    private var store: SQLiteState { place.store }

    init() throws { place = try QuorumPlace() }

    private func initialized(_ memory: StateMemory? = nil) async throws -> TestChamber {
        let chamber = try await started(memory)
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        return chamber
    }

    private func started(_ memory: StateMemory? = nil) async throws -> TestChamber {
        let chamber = TestChamber(store, place.custody, memory: memory)
        try await chamber.look()
        return chamber
    }

    private func memory() throws -> StateMemory { try StateMemory(path: place.folder.file("memory")) }

    private func row() async throws -> StateRow? {
        try await store.rows(after: 0).rows.first { $0.name == ChamberRows.seal }
    }

    private func put(_ body: [UInt8]?) async throws {
        let standing = try await row()
        let expected = standing.flatMap { $0.body == nil ? nil : $0.version } ?? 0
        try await store.apply([StateChange(ChamberRows.seal, expecting: expected, body: body)])
    }

    private static let forgeries: [String?] = [
        nil, #"{"at":1,"sealed":false}"#, #"{"at":1790000000,"number":9999999999999,"sealed":false}"#,
        #"{"at":1790000000,"number":9999999999999,"sealed":false,"tag":"\#(String(repeating: "a", count: 64))"}"#,
    ]

    @Test(arguments: forgeries) func `it opens no instance that has seen the order, nor one that starts`(
        _ forgery: String?
    ) async throws {
        let first = try await initialized(try memory())
        let second = try await started()
        _ = await first.chamber.seal()
        try await second.look()
        try await put(forgery.map { Array($0.utf8) })
        for instance in [first, second] {
            try await instance.look()
            #expect(!instance.chamber.isOpen && instance.chamber.status.reason == ChamberMachine.sealDisputed)
        }
        let restarted = try await started(try memory())
        #expect(!restarted.chamber.isOpen && restarted.chamber.status.reason == ChamberMachine.sealDisputed)
        // Who may, takes it back, and all of them follow.
        try await restarted.chamber.unseal()
        for instance in [first, second, restarted] {
            try await instance.look()
            #expect(instance.chamber.isOpen)
        }
    }

    @Test func `what took back an order of before takes back no later one`() async throws {
        let chamber = try await initialized(try memory())
        _ = await chamber.chamber.seal()
        let sealed = try #require(try await row()?.body)
        try await chamber.chamber.unseal()
        let answer = try #require(try await row()?.body)
        #expect(chamber.chamber.isOpen)
        _ = await chamber.chamber.seal()
        // The former order, and then what answered it.
        for body in [sealed, answer] {
            try await put(body)
            try await chamber.look()
            #expect(!chamber.chamber.isOpen)
        }
        #expect(try await !started(try memory()).chamber.isOpen)
        try await chamber.chamber.unseal()
        #expect(chamber.chamber.isOpen)
        // What is over stays over, also at a start.
        #expect(try await started(try memory()).chamber.isOpen)
    }

    @Test func `an order that claims to be of the future, or cannot be read, is taken back like any other`()
        async throws
    {
        let chamber = try await initialized(try memory())
        for body in [#"{"at":1,"number":18446744073709551615,"sealed":true}"#, "{}", #"{"at":-5,"sealed":true}"#] {
            try await put(Array(body.utf8))
            try await chamber.look()
            #expect(!chamber.chamber.isOpen)
            try await chamber.chamber.unseal()
            #expect(chamber.chamber.isOpen, "\(body)")
        }
    }

    @Test func `without enough KMS keys the order stands, and that is said`() async throws {
        let chamber = try await initialized()
        _ = await chamber.chamber.seal()
        let names = try TestCustody.names(3)
        for name in names.prefix(2) { place.custody.fail(name, transiently: true) }
        let before = try await row()
        let error = await #expect(throws: ChamberError.self) { try await chamber.chamber.unseal() }
        #expect("\(try #require(error))".contains("the order to seal stands"))
        #expect(try await row() == before)
        for name in names { place.custody.mend(name) }
        try await chamber.chamber.unseal()
        #expect(chamber.chamber.isOpen)
    }

    @Test func `an instance that was away believes it also under the next master key`() async throws {
        let chamber = try await initialized()
        let away = try await started(try memory())
        _ = await chamber.chamber.seal()
        try await away.look()
        await away.chamber.shutDown()
        try await chamber.chamber.unseal()
        _ = try await chamber.chamber.change(.masterKey)
        try await eventually { chamber.chamber.status.record?.current.generation == 2 }
        await chamber.chamber.settle()
        #expect(try await started(try memory()).chamber.isOpen)
    }

    @Test func `where operators take it back they need not be believed twice`() async throws {
        let chamber = try await place.opened()
        let away = TestChamber(store, place.custody, memory: try memory())
        try await away.look()
        _ = await chamber.chamber.seal()
        try await away.look()
        await away.chamber.shutDown()
        try await chamber.chamber.unseal()
        for one in place.operators.prefix(2) { try await one.unseal(chamber.chamber) }
        #expect(chamber.chamber.isOpen)
        // From here on KMS keys open it alone.
        guard case .proposed(let proposal) = try await chamber.chamber.change(.withoutOperators) else {
            throw QuorumRefusal.unknownProposal
        }
        for one in place.operators.prefix(2) { _ = try await one.approve(proposal, at: chamber.chamber) }
        try await chamber.chamber.perform(proposal.identifier)
        #expect(try await started(try memory()).chamber.isOpen)
    }

    @Test func `it is tagged as another implementation does`() async throws {
        // docs/formats.md; an instance whose clock stands at this number, with that master key, would write it.
        let order = #"{"at":1790000000,"number":1790000000000,"sealed":false,"tag":"\#(Self.vector)"}"#
        let key = try MasterKey(
            SecretBytes((0..<32).map { UInt8($0) }),
            MasterKeyIdentity(
                chamber: ChamberIdentifier(Bytes<16>((0..<16).map { UInt8($0) }) ?? Bytes()),
                generation: 1
            )
        )
        let read = try #require(SealOrder(reading: Array(order.utf8)))
        #expect(read.isGenuine(under: MasterKeys(key)))
        #expect(!read.isGenuine(under: MasterKeys(.random(key.identity))))
        #expect(try SealOrder(unsealing: 1_790_000_000_000, at: 1_790_000_000, under: key).body == Array(order.utf8))
    }

    private static let vector = "d804a5c5fb896413e8fafcc9cef8625bc7e8c1fc4892e997ffe0b4801546b2ea"

    /// Replaces the row, whatever stands there.
    private func put(_ text: String) async throws { try await put(Array(text.utf8)) }

    @Test(arguments: [0, 1, 1_790_000_000_000])
    func `an order that stands already keeps nobody from giving a later one`(
        number: UInt64
    ) async throws {
        let chamber = try await initialized(try memory())
        for _ in 0..<2 {
            _ = await chamber.chamber.seal()
            try await chamber.chamber.unseal()
        }
        try await put(#"{"at":0,"number":\#(number),"sealed":true}"#)
        try await chamber.look()
        #expect(!chamber.chamber.isOpen)
        #expect(await chamber.chamber.seal().problem == nil)
        try await put(nil)
        for instance in [chamber, try await started(try memory())] {
            try await instance.look()
            #expect(!instance.chamber.isOpen && instance.chamber.status.reason == ChamberMachine.sealDisputed)
        }
    }

    @Test func `what a clock that was ahead has taken back holds, and takes back nothing later`() async throws {
        let chamber = try await initialized(try memory())
        let away = try await started()
        chamber.clock.withLock { $0 += 3600 }
        _ = await chamber.chamber.seal()
        try await chamber.chamber.unseal()
        let early = try #require(try await row()?.body)
        chamber.clock.withLock { $0 -= 3600 }
        #expect(chamber.chamber.isOpen)
        _ = await chamber.chamber.seal()
        try await away.look()
        try await put(early)
        for instance in [chamber, away, try await started(try memory())] {
            try await instance.look()
            #expect(!instance.chamber.isOpen)
        }
        // Whoever may opens each of them.
        try await chamber.chamber.unseal()
        #expect(chamber.chamber.isOpen)
        try await away.chamber.unseal()
        #expect(away.chamber.isOpen)
    }

    @Test func `orders in a row that was set back count all the same`() async throws {
        let chamber = try await initialized(try memory())
        let other = try await started()
        for _ in 0..<3 {
            _ = await chamber.chamber.seal()
            try await chamber.chamber.unseal()
        }
        try await other.look()
        #expect(other.chamber.isOpen)
        // A state that says of its newest row that it is an old one.
        let back = SetBackState(store)
        let one = TestChamber(back, place.custody)
        try await one.look()
        back.versions.withLock { $0 = 5 }
        #expect(await one.chamber.seal().problem == nil)
        #expect(!one.chamber.isOpen)
    }

    @Test func `a rotation makes good nothing that somebody else has written there`() async throws {
        let seen = try await initialized(try memory())
        _ = await seen.chamber.seal()
        try await put(#"{"at":1,"number":1790000001000,"sealed":false}"#)
        // It has no memory and was not there: that is as far as it goes.
        let blank = try await started()
        #expect(blank.chamber.isOpen)
        _ = try await blank.chamber.change(.masterKey)
        try await eventually { blank.chamber.status.record?.current.generation == 2 }
        await blank.chamber.settle()
        try await seen.look()
        #expect(!seen.chamber.isOpen && seen.chamber.status.reason == ChamberMachine.sealDisputed)
    }

    @Test func `a rotation gives what took an order back no later number`() async throws {
        let seen = try await initialized(try memory())
        _ = await seen.chamber.seal()
        try await seen.chamber.unseal()
        let early = try #require(try await row()?.body)
        _ = await seen.chamber.seal()
        try await put(early)
        let blank = try await started()
        #expect(blank.chamber.isOpen)
        _ = try await blank.chamber.change(.masterKey)
        try await eventually { blank.chamber.status.record?.current.generation == 2 }
        await blank.chamber.settle()
        try await seen.look()
        #expect(!seen.chamber.isOpen)
    }

    @Test func `an order is later than what it replaces, and clocks may differ`() async throws {
        let ahead = try await initialized(try memory())
        let behind = try await started()
        ahead.clock.withLock { $0 += 240 }
        _ = await ahead.chamber.seal()
        try await ahead.chamber.unseal()
        let early = try #require(try await row()?.body)
        try await behind.look()
        _ = await behind.chamber.seal()
        try await put(early)
        try await behind.look()
        #expect(!behind.chamber.isOpen)
        // Whoever may takes it back at either, and the other follows.
        try await behind.chamber.unseal()
        _ = await ahead.chamber.seal()
        try await behind.look()
        try await behind.chamber.unseal()
        try await ahead.look()
        #expect(behind.chamber.isOpen && ahead.chamber.isOpen)
    }

    @Test func `what is ordered while it is taken back stands`() async throws {
        let chamber = try await initialized()
        let other = try await started()
        _ = await chamber.chamber.seal()
        await #expect(throws: ChamberError.state(.conflict(ChamberRows.seal))) {
            try await chamber.chamber.unseal { _ in
                _ = await other.chamber.seal()
                return true
            }
        }
        try await chamber.look()
        #expect(!chamber.chamber.isOpen && chamber.chamber.status.reason == ChamberMachine.sealOrdered)
    }

    @Test func `an order that could not be written holds here, also after a restart`() async throws {
        let chamber = try await initialized(try memory())
        let copy = place.folder.file("copy")
        try FileManager.default.copyItem(atPath: place.folder.file("state"), toPath: copy)
        await store.close()
        #expect(await chamber.chamber.seal().problem != nil)
        let later = TestChamber(try SQLiteState(path: copy), place.custody, memory: try memory())
        try await later.look()
        #expect(!later.chamber.isOpen && later.chamber.status.reason == ChamberMachine.sealDisputed)
    }

    @Test func `nothing is taken back for whom the chamber itself does not know`() async throws {
        let chamber = try await initialized()
        _ = await chamber.chamber.seal()
        let before = try await row()
        await #expect(throws: ChamberError.notAllowed) { try await chamber.chamber.unseal { _ in false } }
        #expect(try await row() == before && !chamber.chamber.isOpen)
    }

    @Test func `a memory that cannot be written is told of once`() async throws {
        let path = place.folder.file("missing") + "/memory"
        let chamber = try await initialized(try StateMemory(path: path))
        let told = { chamber.witness.lines.count { $0.hasPrefix("forgotten") } }
        let before = told()
        _ = await chamber.chamber.seal()
        for _ in 0..<3 { try await chamber.look() }
        #expect(told() == before + 1 && !chamber.chamber.isOpen)
    }
}
