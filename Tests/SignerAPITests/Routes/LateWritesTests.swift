// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPServer
import SealedKeys
import Sealing
import SignerAPI
import Testing

/// An instance that has sealed rows under a master key and stalls until that key was exchanged.
@Suite(.timeLimit(.minutes(3))) struct LateWritesTests {
    enum Order: CaseIterable {
        case generate, generateOnce, take
    }

    private static let scalar = String(repeating: "0", count: 63) + "7"

    private func send(_ order: Order, to instance: ChamberRig.Instance) async -> Response {
        switch order {
        case .generate: await instance.answer(.post, "/generate", #"{"count":5}"#)
        case .generateOnce: await instance.answer(.post, "/generate", #"{"count":5,"request_id":"late"}"#)
        case .take: await instance.answer(.post, "", #"{"private_keys":["\#(Self.scalar)"]}"#)
        }
    }

    /// To its end.
    private static func rotate(_ instance: ChamberRig.Instance) async throws {
        _ = await instance.rotate()
        while instance.chamber.status.record?.current.generation != 2 { try await Task.sleep(for: .milliseconds(5)) }
        await instance.chamber.settle()
    }

    private func check(_ rig: ChamberRig, _ count: Int) async throws {
        let rows = try await rig.keys.page(after: nil, limit: 100, status: nil)
        #expect(rows.count == count && rows.allSatisfy { $0.keyGeneration == 2 })
        let next = try await rig.start()
        #expect(next.ring.faults.isEmpty && next.loaded.count == rows.count { $0.status == .active })
    }

    @Test(arguments: Order.allCases)
    func `what comes late is done under the new master key`(order: Order) async throws {
        let rig = try await ChamberRig()
        let other = try await rig.start()
        _ = try await other.send(.post, "/generate", #"{"count":2}"#)
        let keys = StalledKeys(rig.keys)
        let late = try await rig.start(keys: keys)
        keys.beforeNextChange {
            try await Self.rotate(other)
            try await late.chamber.refresh()
            await late.chamber.settle()
            return nil
        }
        let answer = await send(order, to: late)
        #expect(answer.status == 200 && !answer.text.contains("error"), "\(answer.text)")
        #expect(late.chamber.isOpen && late.ring.faults.isEmpty)
        let rows = try await rig.keys.page(after: nil, limit: 100, status: .active)
        #expect(Set(late.loaded) == Set(rows.map { "\($0.publicKey)" }))
        try await check(rig, order == .take ? 3 : 7)
    }

    @Test(arguments: Order.allCases)
    func `who has not noticed the rotation writes nothing, and says why`(order: Order) async throws {
        let rig = try await ChamberRig()
        let other = try await rig.start()
        _ = try await other.send(.post, "/generate", #"{"count":2}"#)
        let keys = StalledKeys(rig.keys)
        let late = try await rig.start(keys: keys)
        keys.beforeNextChange {
            try await Self.rotate(other)
            return nil
        }
        let answer = await send(order, to: late)
        // By then it may have begun to open the chamber anew, and is sealed.
        let isNamed = answer.text.contains("master_key_rotating") || answer.text.contains(#""sealed""#)
        #expect(answer.status == 503 && isNamed, "\(answer.text)")
        #expect(answer.headers.contains { $0.name == "Retry-After" })
        try await check(rig, 2)
        // Sent again, when the chamber was opened under the new key.
        await late.chamber.settle()
        #expect(late.chamber.isOpen)
        let again = await send(order, to: late)
        #expect(again.status == 200 && !again.text.contains("error"), "\(again.text)")
        try await check(rig, order == .take ? 3 : 7)
    }

    @Test func `a change or a deletion under a key that the store takes no more is refused, and changes nothing`()
        async throws
    {
        let rig = try await ChamberRig()
        let stalled = StalledKeys(rig.keys)
        let instance = try await rig.start(keys: stalled)
        let key = try #require(try await instance.send(.post, "/generate", #"{"count":1}"#).first?.pubkey)
        let rows = try await rig.keys.page(after: nil, limit: 2, status: nil)
        stalled.beforeNextChange {
            try await rig.keys.raiseFence(to: 2)
            return nil
        }
        for (method, end) in [(Method.patch, #""status":"inactive""#), (.delete, #""remove":true"#)] {
            let answer = await instance.answer(method, "", #"{"pubkeys":["\#(key)"],\#(end)}"#)
            #expect(answer.status == 503 && answer.text.contains("keys of another chamber"), "\(answer.text)")
        }
        #expect(try await rig.keys.page(after: nil, limit: 2, status: nil) == rows)
    }

    @Test(arguments: [#""status":"inactive""#, #""remove":true"#])
    func `who brings the list of withdrawn keys behind a rotation changes nothing, and says why`(
        end: String
    ) async throws {
        let rig = try await ChamberRig()
        let other = try await rig.start()
        let key = try #require(try await other.send(.post, "/generate", #"{"count":2}"#).first?.pubkey)
        let state = StalledState(rig.state)
        let late = try await rig.start(state: state)
        state.beforeNextChange { try await Self.rotate(other) }
        let method: Method = end.contains("remove") ? .delete : .patch
        let order = #"{"pubkeys":["\#(key)"],\#(end)}"#
        let answer = await late.answer(method, "", order)
        #expect(answer.status == 503 && answer.text.contains("does not have the next one"), "\(answer.text)")
        try await check(rig, 2)
        try await late.chamber.refresh()
        await late.chamber.settle()
        #expect(late.chamber.isOpen && late.loaded.count == 2)
        #expect(try await late.send(method, "", order).allSatisfy { $0.status != "error" })
        let next = try await rig.start()
        #expect(!next.loaded.contains(key) && next.ring.faults.isEmpty)
    }

    @Test func `a key is switched off and on while the master key is being rotated`() async throws {
        let rig = try await ChamberRig()
        let one = try await rig.start()
        let keys = try await one.send(.post, "/generate", #"{"count":2}"#).compactMap(\.pubkey).sorted()
        // A row that was tampered with holds the rotation up.
        var edited = try await rig.keys.page(after: nil, limit: 1, status: nil)[0]
        edited.version = 2
        edited.createdAt += 1
        #expect(try await rig.keys.apply([.standing(edited)]) == [.done])
        _ = await one.rotate()
        while one.chamber.status.rekeying?.reason == nil { try await Task.sleep(for: .milliseconds(5)) }
        for (status, word) in [("inactive", "deactivated"), ("active", "activated")] {
            let change = #"{"pubkeys":["\#(keys[1])"],"status":"\#(status)"}"#
            #expect(try await one.send(.patch, "", change).map(\.status) == [word])
        }
        #expect(one.loaded.contains(keys[1]))
    }
}
