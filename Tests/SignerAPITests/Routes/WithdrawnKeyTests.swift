// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Foundation
import HTTPServer
import SealedKeys
import Sealing
import SignerAPI
import SignerState
import TestSupport
import Testing

/// Somebody who writes the store of keys puts an old row back, while no instance runs that has seen more.
@Suite(.timeLimit(.minutes(3))) struct WithdrawnKeyTests {
    private static let scalar = String(repeating: "0", count: 63) + "7"

    private static func taking(_ key: String) -> String { #"{"pubkeys":["\#(key)"],"remove":true}"# }
    private static func switching(_ key: String, _ status: String) -> String {
        #"{"pubkeys":["\#(key)"],"status":"\#(status)"}"#
    }

    /// A chamber with one key that was imported, its row as it is then, and another key.
    private func begin(_ rig: ChamberRig) async throws -> (instance: ChamberRig.Instance, row: SealedKeyRow) {
        let instance = try await rig.start()
        _ = try await instance.send(.post, "", #"{"private_keys":["\#(Self.scalar)"]}"#)
        let row = try await rig.keys.page(after: nil, limit: 1, status: nil)[0]
        _ = try await instance.send(.post, "/generate", #"{"count":1}"#)
        return (instance, row)
    }

    private func version(_ rig: ChamberRig, _ row: SealedKeyRow) async throws -> UInt64? {
        try await rig.keys.entries(of: [row.publicKey]).first?.version
    }

    // MARK: Starting

    @Test(arguments: [false, true]) func `an old row of a withdrawn key signs nothing and is shown for what it is`(
        isDeleted: Bool
    ) async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        _ =
            isDeleted
            ? try await instance.send(.delete, "", Self.taking(key))
            : try await instance.send(.patch, "", Self.switching(key, "inactive"))
        await instance.chamber.shutDown()
        try await rig.putBack(row)

        let next = try await rig.start()
        #expect(next.loaded.count == 1 && !next.loaded.contains(key))
        #expect(next.told.map(\.fault) == [.replayed] && next.told.map(\.key) == [row.publicKey])
        #expect(try await next.list().filter { $0.pubkey == key }.map(\.fault) == ["replayed"])
        // It is not made good by being switched on, and says why.
        let refused = try await next.send(.patch, "", Self.switching(key, "active"))
        #expect(refused.map(\.status) == ["error"] && refused[0].message.contains("of that version "))
        #expect(next.loaded.count == 1)
        // Whoever means it switches it off first.
        #expect(try await next.send(.patch, "", Self.switching(key, "inactive")).map(\.status) == ["deactivated"])
        #expect(try await version(rig, row) ?? 0 > row.version)
        #expect(try await next.list().allSatisfy { $0.fault == nil } && next.ring.faults.isEmpty)
        #expect(try await next.send(.patch, "", Self.switching(key, "active")).map(\.status) == ["activated"])
        #expect(next.loaded.contains(key))
        #expect(try await rig.start().loaded.count == 2)
    }

    @Test func `an old row that is inactive is mended too, and one that was put back can be deleted`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        _ = try await instance.send(.patch, "", Self.switching(key, "inactive"))
        let inactive = try #require(try await rig.keys.entries(of: [row.publicKey])[0].row)
        _ = try await instance.send(.patch, "", Self.switching(key, "active"))
        _ = try await instance.send(.patch, "", Self.switching(key, "inactive"))
        try await rig.putBack(inactive)
        let next = try await rig.start()
        #expect(try await next.send(.patch, "", Self.switching(key, "active")).map(\.status) == ["error"])
        #expect(try await next.send(.delete, "", #"{"pubkeys":["\#(key)"]}"#).map(\.status) == ["deactivated"])
        #expect(try await version(rig, row) ?? 0 > row.version)
        #expect(try await next.send(.patch, "", Self.switching(key, "active")).map(\.status) == ["activated"])
        try await rig.putBack(row)
        let last = try await rig.start()
        #expect(!last.loaded.contains(key))
        #expect(try await last.send(.delete, "", Self.taking(key)).map(\.status) == ["deleted"])
        #expect(try await version(rig, row) ?? 0 > row.version)
    }

    // MARK: A later row that was kept

    private func standing(_ rig: ChamberRig, _ row: SealedKeyRow) async throws -> SealedKeyRow {
        try #require(try await rig.keys.entries(of: [row.publicKey]).first?.row)
    }

    @Test func `a key that ends over a row that was put back ends above every row that there was`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        _ = try await instance.send(.patch, "", Self.switching(key, "inactive"))
        let inactive = try await standing(rig, row)
        _ = try await instance.send(.patch, "", Self.switching(key, "active"))
        let kept = try await standing(rig, row)
        #expect(kept.status == .active)
        for old in [row, inactive] {
            try await rig.putBack(old)
            let next = try await rig.start()
            let answers = try await next.send(.patch, "", Self.switching(key, "inactive"))
            #expect(["deactivated", "unchanged"].contains(answers[0].status))
            try await rig.putBack(kept)
            let last = try await rig.start()
            #expect(!last.loaded.contains(key) && last.told.map(\.fault) == [.replayed])
        }
    }

    @Test func `a key that is switched off and on again is there where that was done`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        let other = try await rig.start()
        for word in ["inactive", "active"] { _ = try await instance.send(.patch, "", Self.switching(key, word)) }
        try await rig.putBack(row)
        for word in ["inactive", "active"] { _ = try await instance.send(.patch, "", Self.switching(key, word)) }
        #expect(instance.loaded.contains(key))
        for _ in 0..<3 { try await other.ring.refresh() }
        #expect(other.loaded.contains(key) && other.ring.faults.isEmpty)
    }

    // MARK: Coming back

    @Test(arguments: [true, false])
    func `a key that is imported again after its deletion counts, with or without a tombstone`(
        hasTombstone: Bool
    ) async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        _ = try await instance.send(.delete, "", Self.taking(key))
        if !hasTombstone { try await rig.putBack(nil, of: row) }
        let next = try await rig.start()
        let answers = try await next.send(.post, "", #"{"private_keys":["\#(Self.scalar)"]}"#)
        #expect(answers.map(\.status) == ["imported"])
        #expect(try await version(rig, row) ?? 0 > row.version)
        #expect(next.loaded.contains(key) && next.ring.faults.isEmpty)
        let last = try await rig.start()
        #expect(last.loaded.contains(key) && last.ring.faults.isEmpty)
    }

    @Test func `a row of a store that was lost does not count beside the key that was imported anew`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        for status in ["inactive", "active"] { _ = try await instance.send(.patch, "", Self.switching(key, status)) }
        let lost = try #require(try await rig.keys.entries(of: [row.publicKey])[0].row)
        try await rig.putBack(nil, of: row)
        let next = try await rig.start()
        rig.clock.withLock { $0 += 60 }
        _ = try await next.send(.post, "", #"{"private_keys":["\#(Self.scalar)"]}"#)
        #expect(next.loaded.contains(key))
        _ = try await next.send(.patch, "", Self.switching(key, "inactive"))
        try await rig.putBack(lost)
        let last = try await rig.start()
        #expect(!last.loaded.contains(key) && last.ring.faults.map(\.fault) == [.replayed])
    }

    @Test func `a row that was edited and deleted is not brought back as it was`() async throws {
        let rig = try await ChamberRig()
        let instance = try await rig.start()
        let key = try #require(try await instance.send(.post, "/generate", #"{"count":1}"#).first?.pubkey)
        let first = try await rig.keys.page(after: nil, limit: 1, status: nil)[0]
        for status in ["inactive", "active"] { _ = try await instance.send(.patch, "", Self.switching(key, status)) }
        let good = try #require(try await rig.keys.entries(of: [first.publicKey])[0].row)
        // With a lower version than the right one has.
        var edited = first
        edited.createdAt += 1
        try await rig.putBack(edited)
        let next = try await rig.start()
        #expect(try await next.send(.delete, "", Self.taking(key)).map(\.status) == ["deleted"])
        try await rig.putBack(good)
        let last = try await rig.start()
        #expect(last.loaded.isEmpty && last.ring.faults.map(\.fault) == [.replayed])
    }

    @Test func `a row whose version somebody has set to its end is told of, and nothing is put behind it`() async throws
    {
        let rig = try await ChamberRig()
        let (_, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        var edited = row
        edited.version = UInt64(Int64.max)
        try await rig.putBack(edited)
        let next = try await rig.start()
        for (method, body) in [(Method.delete, Self.taking(key)), (.patch, Self.switching(key, "inactive"))] {
            let answers = try await next.send(method, "", body)
            #expect(answers[0].status == "error" && answers[0].message.contains("restore it"), "\(answers)")
        }
        #expect(!next.loaded.contains(key) && next.ring.faults.map(\.fault) == [.tampered])
    }

    // MARK: Writes that fail

    @Test func `where the list cannot be written nothing is changed`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        let dying = try await rig.start(Power(.init(write: 1, isWritten: false)))
        for (method, body) in [
            (Method.patch, Self.switching(key, "inactive")), (.delete, Self.taking(key)),
            (.delete, #"{"pubkeys":["\#(key)"]}"#),
        ] {
            let answer = await dying.answer(method, "", body)
            #expect(answer.status == 503, "\(answer.text)")
        }
        #expect(dying.loaded.contains(key))
        #expect(try await version(rig, row) == row.version)
        let next = try await rig.start()
        #expect(next.loaded.contains(key) && next.ring.faults.isEmpty)
        _ = instance
    }

    /// The list, then the row.
    @Test(arguments: Power.Cut.all(2)) func `a deactivation that was cut off leaves a key that signs nothing`(
        cut: Power.Cut
    ) async throws {
        let rig = try await ChamberRig()
        let (_, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        let dying = try await rig.start(Power(cut))
        #expect(await dying.answer(.patch, "", Self.switching(key, "inactive")).status == 503)
        await dying.chamber.shutDown()
        let next = try await rig.start()
        let isListed = cut != .init(write: 1, isWritten: false)
        let isDone = cut == .init(write: 2, isWritten: true)
        #expect(next.loaded.contains(key) == !isListed)
        #expect(next.ring.faults.map(\.fault) == (isListed && !isDone ? [.replayed] : []))
        // Once more.
        let again = try await next.send(.patch, "", Self.switching(key, "inactive"))
        #expect(again.map(\.status) == [isDone ? "unchanged" : "deactivated"])
        #expect(try await next.send(.patch, "", Self.switching(key, "active")).map(\.status) == ["activated"])
        #expect(next.loaded.contains(key) && next.ring.faults.isEmpty)
        #expect(try await rig.start().loaded.contains(key))
    }

    @Test func `a batch costs one write of the state`() async throws {
        let rig = try await ChamberRig()
        let instance = try await rig.start()
        let keys = try await instance.send(.post, "/generate", #"{"count":60}"#).compactMap(\.pubkey)
        let before = try await rig.state.rows(after: 0).revision
        let list = keys.map { "\"\($0)\"" }.joined(separator: ",")
        let order = #"{"pubkeys":[\#(list)],"status":"inactive"}"#
        #expect(try await instance.send(.patch, "", order).allSatisfy { $0.status == "deactivated" })
        #expect(try await rig.state.rows(after: 0).revision == before + 1)
    }

    // MARK: A list that is not what it should be

    @Test func `a list that was edited opens no chamber, until it is restored`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        _ = try await instance.send(.patch, "", Self.switching("\(row.publicKey)", "inactive"))
        let shard = String(row.publicKey[47] & 15, radix: 16, uppercase: true)
        let name = StateRowName("keys", "WITHDRAWN-\(shard)")
        let standing = try #require(try await rig.state.rows(after: 0).rows.first { $0.name == name })
        var body = try #require(standing.body)
        body[40] ^= 1
        try await rig.state.apply([StateChange(name, expecting: standing.version, body: body)])
        let next = try await rig.start(opens: false)
        #expect(!next.chamber.isOpen && next.loaded.isEmpty)
        #expect(next.chamber.status.reason?.contains("keys WITHDRAWN-\(shard)") == true)
        // One that runs signs on, and withdraws nothing more.
        #expect(instance.loaded.count == 1)
        let refused = await instance.answer(.patch, "", Self.switching(instance.loaded[0], "inactive"))
        #expect(refused.status == 503 && refused.text.contains("keys WITHDRAWN-\(shard)"))
        try await rig.state.apply([StateChange(name, expecting: standing.version + 1, body: standing.body)])
        #expect(try await rig.start().loaded.count == 1)
        #expect(await instance.answer(.patch, "", Self.switching(instance.loaded[0], "inactive")).status == 200)
    }

    @Test func `a chamber of before gets its list with the first opening`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        await instance.chamber.shutDown()
        let state = try await rig.stateWithoutList()
        let next = try await rig.start(state: state)
        #expect(next.loaded.count == 2)
        let rows = try await state.rows(after: 0).rows
        #expect(rows.count { $0.name.kind == "keys" } == 16)
        _ = try await next.send(.patch, "", Self.switching("\(row.publicKey)", "inactive"))
        // Once more, without a list: what is inactive comes into it.
        let again = try await rig.stateWithoutList()
        let other = try await rig.start(state: again)
        let order = Self.switching("\(row.publicKey)", "inactive")
        #expect(try await other.send(.patch, "", order).map(\.status) == ["unchanged"])
        try await rig.putBack(row)
        for state in [state, again] { #expect(try await rig.start(state: state).loaded.count == 1) }
    }

    // MARK: Another master key

    @Test func `a rotation does not make an old row good, and goes on when it was switched off`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        _ = try await instance.send(.patch, "", Self.switching(key, "inactive"))
        try await rig.putBack(row)
        let next = try await rig.start()
        _ = await next.rotate()
        while next.chamber.status.rekeying?.reason == nil { try await Task.sleep(for: .milliseconds(5)) }
        #expect(next.chamber.status.rekeying?.reason?.contains(key) == true)
        #expect(try await version(rig, row) == row.version)
        #expect(try await next.send(.patch, "", Self.switching(key, "inactive")).map(\.status) == ["deactivated"])
        while next.chamber.status.record?.current.generation != 2 {
            next.chamber.continueRekeying()
            try await Task.sleep(for: .milliseconds(5))
        }
        await next.chamber.settle()
        let last = try await rig.start()
        #expect(last.loaded.count == 1 && last.ring.faults.isEmpty)
        try await rig.putBack(row)
        // By now it lies under no key that is there.
        #expect(try await rig.start().loaded.count == 1)
    }

    @Test func `the list is still believed after a rotation`() async throws {
        let rig = try await ChamberRig()
        let (instance, row) = try await begin(rig)
        let key = "\(row.publicKey)"
        _ = await instance.rotate()
        while instance.chamber.status.record?.current.generation != 2 { try await Task.sleep(for: .milliseconds(5)) }
        await instance.chamber.settle()
        let renewed = try #require(try await rig.keys.entries(of: [row.publicKey])[0].row)
        _ = try await instance.send(.delete, "", Self.taking(key))
        try await rig.putBack(renewed)
        let next = try await rig.start()
        #expect(!next.loaded.contains(key) && next.ring.faults.map(\.fault) == [.replayed])
    }
}

extension ChamberRig {
    /// What instances that start now find in the place of a row: one of before, or nothing at all. Everything else is as it
    /// stands.
    func putBack(_ row: SealedKeyRow?, of gone: SealedKeyRow? = nil) async throws {
        let place = try #require(row ?? gone).publicKey
        let empty = try SQLiteSealedKeys(path: folder.file("keys-\(UUID())"), createIfMissing: true)
        let keys = keys
        let standing = try await keys.entries(of: everyKey())
        let entries = standing.filter { $0.publicKey != place } + (row.map { [.standing($0)] } ?? [])
        #expect(try await empty.apply(entries.map { SealedKeyChange($0, over: 0) }).allSatisfy { $0 == .done })
        stores.withLock { $0.append(empty) }
    }

    /// Of keys that stand, of this store or of one before it, which may be deleted by now.
    private func everyKey() async throws -> [Bytes<48>] {
        var keys: Set<Bytes<48>> = []
        for store in stores.withLock({ $0 }) {
            keys.formUnion(try await store.page(after: nil, limit: 1_000, status: nil).map(\.publicKey))
        }
        return keys.sorted()
    }

    /// The signer state, with the very versions of its rows, as one of before has it.
    func stateWithoutList() async throws -> any StateStore {
        let copy = try SQLiteState(path: folder.file("state-\(UUID())"))
        for row in try await state.rows(after: 0).rows where row.name.kind != "keys" {
            for version in 1...row.version {
                let body = version == row.version ? row.body : [0]
                try await copy.apply([StateChange(row.name, expecting: version - 1, body: body)])
            }
        }
        return copy
    }
}
