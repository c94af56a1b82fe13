// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Foundation
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ChamberTests {
    private let folder: TemporaryFolder
    private let store: SQLiteState
    private let custody = TestCustody()

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteState(path: folder.file("state"))
    }

    private func initialized(_ keys: Int = 3, threshold: Int = 2) async throws -> TestChamber {
        let chamber = TestChamber(store, custody)
        try await chamber.look()
        try await chamber.chamber.initialize(keys: TestCustody.names(keys), threshold: threshold)
        return chamber
    }

    /// Another instance, or the same after a restart.
    private func started() async throws -> TestChamber {
        let chamber = TestChamber(store, custody)
        try await chamber.look()
        return chamber
    }

    // MARK: Initialising

    @Test func `a chamber that is initialised opens by itself, and so does every instance`() async throws {
        let first = try await initialized()
        #expect(first.chamber.isOpen && first.contents.isLoaded)
        #expect(first.witness.lines == ["sealed", "unsealed"])
        let second = try await started()
        #expect(second.chamber.isOpen && second.chamber.status.record == first.chamber.status.record)
        let (one, two) = (try first.chamber.masterKeys().current, try second.chamber.masterKeys().current)
        #expect(try one.verifier() == two.verifier() && one.identity == two.identity)
    }

    @Test func `an instance that runs notices that another has initialised`() async throws {
        let waiting = try await started()
        #expect(waiting.chamber.status.state == .uninitialized)
        #expect(throws: ChamberError.uninitialized) { _ = try waiting.chamber.masterKeys().current }
        _ = try await initialized()
        try await waiting.look()
        #expect(waiting.chamber.isOpen)
    }

    @Test func `it is initialised once, whoever tries at the same time`() async throws {
        let first = try await initialized()
        await #expect(throws: ChamberError.alreadyInitialized) {
            try await first.chamber.initialize(keys: TestCustody.names(1), threshold: 1)
        }
        let (folder, custody) = (try TemporaryFolder(), TestCustody())
        let store = try SQLiteState(path: folder.file("state"))
        let rivals = (0..<4).map { _ in TestChamber(store, custody) }
        let winners = await withTaskGroup(of: Bool.self) { group in
            for rival in rivals {
                group.addTask {
                    do {
                        try await rival.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
                        return true
                    } catch { return false }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(winners == 1)
        var verifiers: Set<Bytes<32>> = []
        for rival in rivals {
            try await rival.look()
            verifiers.insert(try rival.chamber.masterKeys().current.verifier())
        }
        #expect(verifiers.count == 1)
    }

    @Test func `nothing is written where a key cannot wrap, and every such key is named`() async throws {
        let names = try TestCustody.names(3)
        custody.fail(names[0])
        custody.fail(names[2])
        let chamber = try await started()
        do {
            try await chamber.chamber.initialize(keys: names, threshold: 2)
            Issue.record("it was initialised")
        } catch {
            let text = "\(error)"
            #expect(text.contains(names[0].text) && text.contains(names[2].text) && !text.contains(names[1].text))
            #expect(text.contains("AccessDeniedException"))
        }
        #expect(try await store.rows(after: 0).rows.isEmpty && chamber.chamber.status.state == .uninitialized)
    }

    @Test func `an order to seal before there is a master key is told, and holds when there is one`() async throws {
        let chamber = try await started()
        #expect(await chamber.chamber.seal().problem == nil)
        let early = chamber.chamber.status
        #expect(early.state == .uninitialized && early.reason?.contains("nothing was open") == true)
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        #expect(chamber.chamber.status.state == .sealed && chamber.chamber.status.reason == ChamberMachine.sealOrdered)
        try await chamber.chamber.unseal()
        #expect(chamber.chamber.isOpen && chamber.chamber.status.reason == nil)
    }

    @Test(arguments: [(0, 1), (17, 2), (3, 0), (3, 4)])
    func `what cannot be shared out is refused`(_ keys: Int, _ threshold: Int) async throws {
        let chamber = try await started()
        let names = keys == 0 ? [] : try TestCustody.names(keys)
        await #expect(throws: ChamberError.self) {
            try await chamber.chamber.initialize(keys: names, threshold: threshold)
        }
        let twice = try TestCustody.names(1) + TestCustody.names(2)
        await #expect(throws: ChamberError.self) { try await chamber.chamber.initialize(keys: twice, threshold: 2) }
        #expect(try await store.rows(after: 0).rows.isEmpty)
    }

    // MARK: Opening

    @Test func `it opens while the threshold is reached, and names every key that failed`() async throws {
        _ = try await initialized(5, threshold: 3)
        let names = try TestCustody.names(5)
        custody.fail(names[0])
        custody.fail(names[3])
        let two = try await started()
        #expect(two.chamber.isOpen)
        #expect(two.witness.lines.filter { $0.hasPrefix("share: ") }.count == 2)

        custody.fail(names[4])
        let three = try await started()
        #expect(!three.chamber.isOpen && !three.contents.isLoaded)
        let reason = try #require(three.chamber.status.reason)
        #expect(reason.hasPrefix("Shamir reconstruction failed: insufficient shares (2 of the 3"))
        for name in [names[0], names[3], names[4]] { #expect(reason.contains(name.text)) }
        #expect(throws: ChamberError.sealed(reason: reason)) { _ = try three.chamber.masterKeys().current }
        // By itself, once a key is back.
        custody.mend(names[4])
        try await eventually { three.chamber.isOpen }
    }

    @Test func `a key that was exchanged is named, and its share is not used`() async throws {
        _ = try await initialized(3, threshold: 2)
        let names = try TestCustody.names(3)
        custody.exchange(names[1])
        let chamber = try await started()
        #expect(chamber.chamber.isOpen)
        #expect(chamber.witness.lines.contains { $0.contains(names[1].text) })
    }

    @Test func `contents that cannot be loaded keep it closed, and are tried again`() async throws {
        _ = try await initialized()
        let chamber = TestChamber(store, custody)
        chamber.contents.state.withLock { $0.failure = ChamberContentsError("the table of keys cannot be read") }
        try await chamber.look()
        #expect(!chamber.chamber.isOpen && chamber.chamber.status.reason == "the table of keys cannot be read")
        chamber.contents.state.withLock { $0.failure = nil }
        try await eventually { chamber.chamber.isOpen }
    }

    // MARK: Sealing

    @Test func `sealing ends everything here before it is answered, and in the other instances when they look`()
        async throws
    {
        let first = try await initialized()
        let second = try await started()
        let master = try first.chamber.masterKeys().current
        let report = await first.chamber.seal()
        #expect(report.problem == nil && !first.chamber.isOpen && !first.contents.isLoaded)
        #expect(throws: SealingError.sealed) { _ = try master.verifier() }
        #expect(second.chamber.isOpen)
        try await second.look()
        #expect(!second.chamber.isOpen && !second.contents.isLoaded)
        #expect(throws: SealingError.sealed) { _ = try second.contents.state.withLock { $0.masters[0] }.verifier() }

        // A restart does not end it.
        let third = try await started()
        #expect(!third.chamber.isOpen && third.chamber.status.reason == ChamberMachine.sealOrdered)
        try await third.chamber.unseal()
        #expect(third.chamber.isOpen)
        for other in [first, second] {
            try await other.look()
            #expect(other.chamber.isOpen)
        }
    }

    @Test func `it is sealed here even where nobody else can be told`() async throws {
        let chamber = try await initialized()
        await store.close()
        let report = await chamber.chamber.seal()
        #expect(report.problem != nil && !chamber.chamber.isOpen && !chamber.contents.isLoaded)
    }

    @Test func `sealing while it is being opened leaves nothing open`() async throws {
        _ = try await initialized()
        let chamber = TestChamber(store, custody)
        chamber.contents.state.withLock { $0.holds = true }
        try await chamber.chamber.refresh()
        try await eventually { chamber.contents.state.withLock { $0.waiting != nil } }
        _ = await chamber.chamber.seal()
        await chamber.chamber.settle()
        #expect(!chamber.chamber.isOpen && !chamber.contents.isLoaded)
        let masters = chamber.contents.state.withLock { $0.masters }
        for master in masters { #expect(throws: SealingError.sealed) { _ = try master.verifier() } }
    }

    @Test func `after its end it tries nothing any more, and nothing is left of the key`() async throws {
        let open = try await initialized()
        let master = try open.chamber.masterKeys().current
        await open.chamber.shutDown()
        #expect(!open.contents.isLoaded && !open.chamber.isOpen)
        #expect(throws: SealingError.sealed) { _ = try master.verifier() }
        // One that waits for its KMS keys.
        let names = try TestCustody.names(3)
        for name in names { custody.fail(name) }
        let waiting = try await started()
        await waiting.chamber.shutDown()
        for name in names { custody.mend(name) }
        let asked = custody.unwrapped
        try await store.apply([
            StateChange(ChamberRows.seal, expecting: 0, body: Array(#"{"at":1,"sealed":false}"#.utf8))
        ])
        try await waiting.look()
        #expect(!waiting.chamber.isOpen && custody.unwrapped == asked)
    }

    // MARK: Tampering

    @Test func `an edited record opens nothing`() async throws {
        _ = try await initialized()
        let row = try #require(try await store.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        let body = String(decoding: try #require(row.body), as: UTF8.self)
        let edits = [
            body.replacingOccurrences(of: #""threshold":2"#, with: #""threshold":1"#),
            body.replacingOccurrences(of: #""made":1790000000"#, with: #""made":1790000001"#),
            body.replacingOccurrences(of: #""generation":1"#, with: #""generation":2"#),
            body.replacingOccurrences(of: #""version":2"#, with: #""version":3"#),
            body.replacingOccurrences(of: #""sequence":1"#, with: #""sequence":2"#),
            body.replacingOccurrences(of: "/keys/1", with: "/keys/9"),
            String(body.dropLast(5)),
        ]
        var version = row.version
        for edit in edits {
            #expect(edit != body)
            try await store.apply([
                StateChange(ChamberRows.masterKey, expecting: version, body: Array(edit.utf8))
            ])
            version += 1
            let chamber = try await started()
            #expect(!chamber.chamber.isOpen, "\(edit)")
            #expect(chamber.chamber.status.reason != nil)
        }
        try await store.apply([StateChange(ChamberRows.masterKey, expecting: version, body: row.body)])
        #expect(try await started().chamber.isOpen)
    }

    @Test func `a record of another chamber closes one that is open`() async throws {
        let chamber = try await initialized()
        let row = try #require(try await store.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        let other = try await TestChamberElsewhere.record(custody)
        try await store.apply([StateChange(ChamberRows.masterKey, expecting: row.version, body: other)])
        try await chamber.look()
        #expect(!chamber.chamber.isOpen && !chamber.contents.isLoaded)
        #expect(chamber.chamber.status.reason?.contains("HMAC verification failed") == true)
    }

    @Test func `a record that is gone is told, and what is open stays open`() async throws {
        let chamber = try await initialized()
        let row = try #require(try await store.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        try await store.apply([StateChange(ChamberRows.masterKey, expecting: row.version, body: nil)])
        try await chamber.look()
        #expect(chamber.chamber.isOpen && chamber.witness.lines.last == "lost")
    }

    // MARK: Races

    @Test(.timeLimit(.minutes(2))) func `whatever is ordered at once, it is closed when sealing is answered last`()
        async throws
    {
        let chamber = try await initialized()
        for round in 0..<50 {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { try? await chamber.chamber.unseal() } }
                for _ in 0..<3 { group.addTask { _ = await chamber.chamber.seal() } }
                group.addTask { try? await chamber.look() }
            }
            _ = await chamber.chamber.seal()
            await chamber.chamber.settle()
            #expect(!chamber.chamber.isOpen && !chamber.contents.isLoaded, "round \(round)")
            try await chamber.chamber.unseal()
            #expect(chamber.chamber.isOpen && chamber.contents.isLoaded, "round \(round)")
        }
    }
}

/// The record of a chamber that has nothing to do with ours.
enum TestChamberElsewhere {
    static func record(_ custody: TestCustody) async throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let store = try SQLiteState(path: folder.file("state"))
        let chamber = TestChamber(store, custody)
        try await chamber.look()
        try await chamber.chamber.initialize(keys: TestCustody.names(3), threshold: 2)
        return try await store.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey }?.body ?? []
    }
}
