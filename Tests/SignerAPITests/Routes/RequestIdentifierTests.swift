// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import HTTPServer
import SealedKeys
import Sealing
import SignerAPI
import Testing

/// The same request under one identifier, sent to two instances at once.
@Suite(.timeLimit(.minutes(3))) struct RequestIdentifierTests {
    private static let path = "/generate"
    private static let body = #"{"count":4,"request_id":"batch"}"#

    private static func keys(_ answers: [KeyAnswer]) -> Set<String> { Set(answers.compactMap(\.pubkey)) }

    @Test func `while the first is at work the second is told to wait, and learns then what was made`() async throws {
        let rig = try await ChamberRig()
        let other = try await rig.start()
        let stalled = StalledKeys(rig.keys)
        let first = try await rig.start(keys: stalled)
        let meanwhile = Lock<Response?>(nil)
        stalled.beforeNextChange {
            let answer = await other.answer(.post, Self.path, Self.body)
            meanwhile.withLock { $0 = answer }
            return nil
        }
        let made = try await first.send(.post, Self.path, Self.body)
        let answer = try #require(meanwhile.withLock { $0 })
        #expect(answer.status == 409 && answer.text.contains("request_in_progress"), "\(answer.text)")
        #expect(answer.headers.contains { $0.name == "Retry-After" && $0.value == "5" })
        #expect(made.map(\.status) == Array(repeating: "generated", count: 4))
        let again = try await other.send(.post, Self.path, Self.body)
        #expect(again.map(\.status) == Array(repeating: "existing", count: 4) && Self.keys(again) == Self.keys(made))
        #expect(try await other.list().count == 4)
    }

    @Test func `a request that stalls for longer than it may makes nothing behind the one that took over`() async throws
    {
        let rig = try await ChamberRig()
        let other = try await rig.start()
        let stalled = StalledKeys(rig.keys)
        let slow = try await rig.start(keys: stalled)
        let taken = Lock<[KeyAnswer]>([])
        stalled.beforeNextChange {
            rig.clock.withLock { $0 += 61 }
            let answers = try await other.send(.post, Self.path, Self.body)
            taken.withLock { $0 = answers }
            return nil
        }
        let late = try await slow.send(.post, Self.path, Self.body)
        #expect(late.map(\.status) == Array(repeating: "error", count: 4))
        let made = taken.withLock { $0 }
        #expect(made.map(\.status) == Array(repeating: "generated", count: 4))
        #expect(Set(try await other.list().map(\.pubkey)) == Self.keys(made))
        for instance in [other, slow] {
            let again = try await instance.send(.post, Self.path, Self.body)
            #expect(again.map(\.status) == Array(repeating: "existing", count: 4))
            #expect(Self.keys(again) == Self.keys(made))
        }
        let next = try await rig.start()
        #expect(Set(next.loaded) == Self.keys(made) && next.ring.faults.isEmpty)
    }

    /// The plan twice, and the rows.
    @Test(arguments: Power.Cut.all(3))
    func `a request that was cut off can be sent again after its time, and makes no more keys`(
        cut: Power.Cut
    ) async throws {
        let rig = try await ChamberRig()
        let other = try await rig.start()
        let dying = try await rig.start(Power(cut))
        #expect(await dying.answer(.post, Self.path, Self.body).status == 503)
        await dying.chamber.shutDown()
        let wasPlanned = cut != Power.Cut(write: 1, isWritten: false)
        let wasStored = cut == Power.Cut(write: 3, isWritten: true)
        let first = await other.answer(.post, Self.path, Self.body)
        #expect(first.status == (wasPlanned && !wasStored ? 409 : 200), "\(first.text)")
        rig.clock.withLock { $0 += 60 }
        let second = try await other.send(.post, Self.path, Self.body)
        #expect(second.count == 4 && second.allSatisfy { ["generated", "existing"].contains($0.status) })
        #expect(Set(try await other.list().map(\.pubkey)) == Self.keys(second))
        #expect(try await other.send(.post, Self.path, Self.body).map(\.status).allSatisfy { $0 == "existing" })
        try await other.ring.refresh()
        #expect(try await other.list().count == 4 && other.loaded.count == 4)
    }

    @Test func `a request that failed can be sent again at once`() async throws {
        let rig = try await ChamberRig()
        let stalled = StalledKeys(rig.keys)
        let instance = try await rig.start(keys: stalled)
        stalled.beforeNextChange { .unavailable(reason: "the store is away") }
        #expect(await instance.answer(.post, Self.path, Self.body).status == 503)
        let again = try await instance.send(.post, Self.path, Self.body)
        #expect(again.map(\.status) == Array(repeating: "generated", count: 4))
        #expect(try await instance.list().count == 4)
    }

    @Test func `a key that the request made and that was deleted since is not said to be there`() async throws {
        let rig = try await ChamberRig()
        let one = try await rig.start()
        let made = try await one.send(.post, Self.path, Self.body).compactMap(\.pubkey)
        _ = try await one.send(.delete, "", #"{"pubkeys":["\#(made[1])"],"remove":true}"#)
        for instance in [one, try await rig.start()] {
            let again = try await instance.send(.post, Self.path, Self.body)
            #expect(again.compactMap(\.pubkey) == made)
            #expect(again.map(\.status) == ["existing", "not_found", "existing", "existing"])
            #expect(again[1].message.contains("deleted since") && again[1].has_backup == nil, "\(again[1])")
        }
        #expect(Set(try await one.list().map(\.pubkey)) == Set(made).subtracting([made[1]]))
    }

    @Test func `another count or status under the identifier is refused, also while it is at work`() async throws {
        let rig = try await ChamberRig()
        let other = try await rig.start()
        let stalled = StalledKeys(rig.keys)
        let first = try await rig.start(keys: stalled)
        let codes = Lock<[String]>([])
        stalled.beforeNextChange {
            for body in [
                #"{"count":5,"request_id":"batch"}"#, #"{"count":4,"status":"inactive","request_id":"batch"}"#,
            ] {
                let answer = await other.answer(.post, Self.path, body)
                codes.withLock { $0.append(answer.text.contains("request_id_used") ? "used" : answer.text) }
            }
            return nil
        }
        _ = try await first.send(.post, Self.path, Self.body)
        #expect(codes.withLock { $0 } == ["used", "used"])
        #expect(try await other.list().count == 4)
    }
}
