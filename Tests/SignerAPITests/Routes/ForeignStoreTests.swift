// SPDX-License-Identifier: Apache-2.0
import Concurrency
import HTTPServer
import SealedKeys
import Sealing
import Secrets
import SignerAPI
import SignerState
import Testing

/// A store of keys that another chamber has used, up to a later generation of its master key.
@Suite(.timeLimit(.minutes(2))) struct ForeignStoreTests {
    @Test func `no chamber is founded over it, and that is said with what to do`() async throws {
        let rig = try await ChamberRig()
        try await rig.keys.raiseFence(to: 2)
        let failure = await #expect(throws: ChamberError.self) { _ = try await rig.start() }
        let text = failure.map { "\($0)" } ?? ""
        #expect(text.contains("keys of another chamber") && text.contains("generation 2"), "\(text)")
        #expect(text.contains("Name an empty store") && text.contains("key_sources.sqlite"), "\(text)")
        #expect(try await rig.state.rows(after: 0).rows.isEmpty)
    }

    @Test func `nor over one with keys, and no operator registers for it in vain`() async throws {
        let other = try await ChamberRig()
        let made = await (try await other.start()).answer(.post, "/generate", #"{"count":2}"#)
        #expect(made.status == 200, "\(made.text)")
        let rig = try await ChamberRig()
        rig.stores.withLock { $0 = [other.keys] }
        let failure = await #expect(throws: ChamberError.self) { _ = try await rig.start() }
        let text = failure.map { "\($0)" } ?? ""
        #expect(text.contains("holds 2 keys of another chamber") && text.contains("Name an empty store"), "\(text)")
        let names = ["alice", "bob"].compactMap { OperatorName($0) }
        let tokens = names.map { _ in SecretBox(SecretBytes(random: 32)) }
        await #expect(throws: ChamberError.self) { _ = try await rig.beginning(names, tokens: tokens) }
        #expect(try await rig.state.rows(after: 0).rows.isEmpty)
    }

    @Test(arguments: ["", #","request_id":"order""#])
    func `a chamber that is over it already says so where a key is to be made`(identifier: String) async throws {
        let rig = try await ChamberRig()
        let instance = try await rig.start()
        try await rig.keys.raiseFence(to: 3)
        let answer = await instance.answer(.post, "/generate", #"{"count":2\#(identifier)}"#)
        #expect(answer.status == 503 && answer.text.contains("keys_unavailable"), "\(answer.text)")
        #expect(answer.text.contains("keys of another chamber") && !answer.text.contains("meanwhile"), "\(answer.text)")
        #expect(try await rig.keys.page(after: nil, limit: 9, status: nil).isEmpty)
    }
}
