// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Encoding
import Foundation
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// The list of keys that were deactivated or deleted.
@Suite(.timeLimit(.minutes(2))) struct WithdrawnKeysTests {
    private let state = OpenState()

    private static func master(_ generation: UInt64 = 1, chamber: UInt8 = 0) throws -> MasterKey {
        let bytes = [chamber] + [UInt8](1..<16)
        return try MasterKey(
            SecretBytes([UInt8](0..<32)),
            MasterKeyIdentity(chamber: ChamberIdentifier(Bytes(bytes)!), generation: generation)
        )
    }

    private static func keys(_ generation: UInt64 = 1, next: UInt64? = nil) throws -> MasterKeys {
        MasterKeys(try master(generation), next: try next.map { try master($0) })
    }

    private static func key(_ byte: UInt8) -> Bytes<48> { Bytes([UInt8](repeating: byte, count: 48))! }

    /// An instance that has opened the list.
    private func start(_ keys: MasterKeys? = nil, _ memory: StateMemory? = nil) async throws -> WithdrawnKeys {
        let list = WithdrawnKeys(store: state, memory: memory)
        try await list.open(try keys ?? Self.keys())
        return list
    }

    private func refusal(_ keys: MasterKeys? = nil, _ memory: StateMemory? = nil) async -> WithdrawnKeysError? {
        do { _ = try await start(keys, memory) } catch { return error as? WithdrawnKeysError }
        return nil
    }

    private static func name(_ shard: String) -> StateRowName { StateRowName("keys", "WITHDRAWN-\(shard)") }

    // MARK: The format

    @Test func `the test vector of a row`() async throws {
        let list = try await start()
        try await list.withdraw([Self.key(0xaa): 2])
        let body = try #require(state.row("A")?.body)
        let head = "01000102030405060708090a0b0c0d0e0f00000000000000010a0000000000000002"
        let entry = String(repeating: "aa", count: 48) + "0000000000000002"
        let tag = "27dc2921b62942af336ddf00a8aa56c3f8baa66c318e28bdf20a71a1dcbbcd54"
        #expect(Hex.encode(body.span, prefix: false) == head + entry + tag)
    }

    @Test func `all rows are made at once, and a change writes those that it touches in one`() async throws {
        let list = try await start()
        #expect(state.revision == 1 && state.copy.rows.count == 16)
        let batch = (0..<100).map { (Self.key(UInt8($0)), UInt64(3)) }
        try await list.withdraw(Dictionary(uniqueKeysWithValues: batch))
        #expect(state.revision == 2)
        try await list.withdraw([Self.key(1): 4, Self.key(0x11): 7])
        #expect(state.revision == 3 && state.row("1")?.version == 3 && state.row("2")?.version == 2)
        let next = try await start()
        #expect(next.versions == list.versions && state.revision == 3)
        #expect(next.versions.lowest(of: Self.key(0x11)) == 7 && next.versions.lowest(of: Self.key(200)) == 0)
        #expect(next.versions.isWithdrawn(Self.key(1), at: 3) && !next.versions.isWithdrawn(Self.key(1), at: 4))
        #expect(
            next.versions.next(of: Self.key(1), after: 1) == 5 && next.versions.next(of: Self.key(1), after: 6) == 7
        )
    }

    @Test func `a version never goes back, and nothing is written for one that is there`() async throws {
        let list = try await start()
        try await list.withdraw([Self.key(1): 5])
        try await list.withdraw([Self.key(1): 3])
        #expect(state.revision == 2 && list.versions.lowest(of: Self.key(1)) == 5)
        // What somebody wrote into a row that is deleted unread leaves room for versions.
        try await list.withdraw([Self.key(1): .max])
        #expect(list.versions.next(of: Self.key(1), after: 0) < UInt64(Int64.max))
    }

    // MARK: Rows that are not what they should be

    enum Attack: CaseIterable {
        case edited, moved, cut, empty, otherChamber
    }

    @Test(arguments: Attack.allCases) func `a row that the chamber did not write there opens nothing`(
        attack: Attack
    ) async throws {
        let list = try await start()
        try await list.withdraw([Self.key(3): 2, Self.key(4): 2])
        var body = try #require(state.row("3")?.body)
        switch attack {
        case .edited: body[41] ^= 1
        case .moved: body = try #require(state.row("4")?.body)
        case .cut: body.removeLast(56)
        case .empty: body = []
        case .otherChamber:
            let other = WithdrawnKeys(store: OpenState())
            let found = try await other.founding(try Self.master(chamber: 9))
            body = try #require(found[3].body)
        }
        state.put("3", body)
        #expect(await refusal() == .tampered(Self.name("3")))
        #expect("\(WithdrawnKeysError.tampered(Self.name("3")))".contains("keys WITHDRAWN-3"))
    }

    @Test(arguments: [true, false]) func `a row that is gone is missed, as long as one is there`(
        isDeleted: Bool
    ) async throws {
        let list = try await start()
        if isDeleted { state.put("7", nil) } else { state.erase("7") }
        #expect(await refusal() == .missing(Self.name("7")))
        await #expect(throws: WithdrawnKeysError.missing(Self.name("7"))) { try await list.review() }
        await #expect(throws: WithdrawnKeysError.self) { try await list.withdraw([Self.key(7): 2]) }
        #expect(list.versions.lowest(of: Self.key(7)) == 0)
    }

    @Test func `an instance that runs forgets nothing, and puts a row that was put back in order`() async throws {
        let list = try await start()
        try await list.withdraw([Self.key(1): 2])
        let yesterday = try #require(state.row("1")?.body)
        try await list.withdraw([Self.key(1): 4])
        state.put("1", yesterday)
        try await list.review()
        #expect(list.versions.lowest(of: Self.key(1)) == 4)
        let other = try await start()
        #expect(other.versions.lowest(of: Self.key(1)) == 2)
        // With its next change, of whatever key.
        try await list.withdraw([Self.key(2): 2])
        #expect(try await start().versions == list.versions)
        // As a whole.
        var before = state.copy
        try await list.withdraw([Self.key(1): 9])
        before.revision = 1
        state.copy = before
        #expect(try await list.refresh().lowest(of: Self.key(1)) == 9)
        try await list.withdraw([Self.key(3): 2])
        #expect(try await start().versions.lowest(of: Self.key(1)) == 9)
    }

    @Test func `what was put back while the process was stopped is noticed where it remembers`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("memory")
        let list = try await start(nil, try StateMemory(path: path))
        let empty = state.copy
        try await list.withdraw([Self.key(1): 2])
        let body = state.row("1")?.body
        state.put("1", empty.rows[Self.name("1")]?.body)
        let remembering = try StateMemory(path: path)
        #expect(await refusal(nil, remembering) == .replayed(Self.name("1"), sequence: 1, seen: 2))
        // All rows at once are as bad.
        var none = state.copy
        for name in none.rows.keys { none.rows[name] = nil }
        let all = state.copy
        state.copy = none
        #expect(await refusal(nil, remembering) == .missing(Self.name("0")))
        #expect(await refusal() == nil)
        state.copy = all
        state.put("1", body)
        #expect(await refusal(nil, remembering) == nil)
    }

    @Test func `a memory file of before is still read`() throws {
        let folder = try TemporaryFolder()
        let chamber = String(repeating: "01", count: 16)
        try folder.write(.init(#"{"catalogue":5,"chamber":"\#(chamber)","custody":7}"#.utf8), to: "memory")
        let memory = try StateMemory(path: folder.file("memory"))
        #expect(memory.known?.catalogue == 5 && memory.known?.withdrawn == [])
    }

    @Test func `a new chamber takes the place of the list of another one`() async throws {
        let list = try await start()
        try await list.withdraw([Self.key(1): 2])
        let other = try Self.master(chamber: 9)
        #expect(await refusal(MasterKeys(other)) == .tampered(Self.name("0")))
        try await state.apply(try await WithdrawnKeys(store: state).founding(other))
        #expect(try await start(MasterKeys(other)).versions == WithdrawnVersions())
    }

    // MARK: Another master key

    @Test func `two generations are believed while both are there, and what is written lies under the newest`()
        async throws
    {
        let (one, two) = (try await start(), try await start())
        try await one.withdraw([Self.key(1): 2])
        try await two.open(try Self.keys(next: 2))
        try await two.withdraw([Self.key(2): 2])
        // The one without the next key finds out with its next write, and with a look.
        await #expect(throws: WithdrawnKeysError.otherGeneration(Self.name("2"), isAhead: true)) {
            try await one.withdraw([Self.key(2): 5])
        }
        #expect("\(WithdrawnKeysError.otherGeneration(Self.name("2"), isAhead: true))".contains("operator unseal"))
        try await two.retag()
        let revision = state.revision
        try await two.retag()
        #expect(state.revision == revision)
        for keys in [try Self.keys(next: 2), try Self.keys(2)] {
            let versions = try await start(keys).versions
            #expect(versions.lowest(of: Self.key(1)) == 2 && versions.lowest(of: Self.key(2)) == 2)
        }
        #expect(await refusal() == .otherGeneration(Self.name("0"), isAhead: true))
        await #expect(throws: WithdrawnKeysError.otherGeneration(Self.name("0"), isAhead: true)) {
            try await one.refresh()
        }
        try await one.open(try Self.keys(next: 2))
        try await one.withdraw([Self.key(3): 5])
    }

    @Test func `a row of before a rotation of the master key is refused behind it`() async throws {
        let list = try await start()
        let old = try #require(state.row("5")?.body)
        try await list.open(try Self.keys(next: 2))
        try await list.retag()
        state.put("5", old)
        let failure = await refusal(try Self.keys(2))
        #expect(failure == .otherGeneration(Self.name("5"), isAhead: false))
        #expect("\(try #require(failure))".contains("keys WITHDRAWN-5"))
    }

    // MARK: Several at once

    @Test func `whoever comes second keeps what the first has written`() async throws {
        let (one, two) = (try await start(), try await start())
        state.beforeNextChange { try await two.withdraw([Self.key(1): 9, Self.key(2): 2]) }
        try await one.withdraw([Self.key(0x11): 3])
        let versions = try await start().versions
        #expect(versions == one.versions && versions.lowest(of: Self.key(1)) == 9)
        #expect(versions.lowest(of: Self.key(0x11)) == 3 && versions.lowest(of: Self.key(2)) == 2)
    }

    @Test func `many writers lose nothing`() async throws {
        let lists = [try await start(), try await start(), try await start()]
        await withTaskGroup(of: Void.self) { group in
            for (place, list) in lists.enumerated() {
                group.addTask {
                    for number in 0..<20 {
                        let key = Self.key(UInt8(place * 20 + number))
                        // Somebody else may come first a few times too often; then it is done again.
                        while (try? await list.withdraw([key: 2])) == nil {}
                    }
                }
            }
        }
        let versions = try await start().versions
        #expect((0..<60).allSatisfy { versions.lowest(of: Self.key($0)) == 2 })
    }

    @Test func `two instances that open a chamber of before make one list`() async throws {
        let state = state
        let other = WithdrawnKeys(store: state)
        state.beforeNextChange {
            try await other.open(try Self.keys())
            try await other.withdraw([Self.key(1): 2])
        }
        #expect(try await start().versions.lowest(of: Self.key(1)) == 2)
    }

    // MARK: States that fail

    @Test func `what cannot be written is not known either`() async throws {
        let list = try await start()
        state.beforeNextChange { throw SealingError.sealed }
        await #expect(throws: WithdrawnKeysError.self) { try await list.withdraw([Self.key(1): 2]) }
        #expect(list.versions.lowest(of: Self.key(1)) == 0)
    }

    @Test func `a list that is closed verifies and writes nothing`() async throws {
        let list = try await start()
        try await list.withdraw([Self.key(1): 2])
        await list.close()
        await #expect(throws: WithdrawnKeysError.sealed) { try await list.refresh() }
        await #expect(throws: WithdrawnKeysError.sealed) { try await list.withdraw([Self.key(1): 3]) }
        #expect(list.versions.lowest(of: Self.key(1)) == 2)
    }
}
