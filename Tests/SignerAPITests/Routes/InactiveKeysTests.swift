// SPDX-License-Identifier: Apache-2.0
import HTTPServer
import SealedKeys
import SignerAPI
import Testing

/// A configuration in which inactive keys sign too: `key_sources.….status_filter: [active, inactive]`.
@Suite(.timeLimit(.minutes(2))) struct InactiveKeysTests {
    private static let setting = "key_sources.sqlite.status_filter names inactive"

    private static func goesOn(_ answers: [KeyAnswer]) -> Bool {
        answers.allSatisfy { $0.message.contains("goes on to sign") && $0.message.contains(setting) }
    }

    @Test(arguments: [true, false])
    func `a key that is deactivated goes on to sign everywhere, and the answer says so`(byDeletion: Bool) async throws {
        let rig = try await ChamberRig(statuses: [.active, .inactive])
        let (here, there) = (try await rig.start(), try await rig.start())
        let keys = try await here.send(.post, "/generate", #"{"count":2}"#).compactMap(\.pubkey)
        func end() async throws -> [KeyAnswer] {
            byDeletion
                ? try await here.send(.delete, "", #"{"pubkeys":["\#(keys[0])"]}"#)
                : try await here.send(.patch, "", #"{"pubkeys":["\#(keys[0])"],"status":"inactive"}"#)
        }
        let answers = try await end()
        #expect(answers.map(\.status) == ["deactivated"] && Self.goesOn(answers), "\(answers)")
        let again = try await end()
        #expect(again.map(\.status) == ["unchanged"] && Self.goesOn(again), "\(again)")
        #expect(try await here.list("?status=inactive").map(\.pubkey) == [keys[0]])
        try await there.ring.refresh()
        for instance in [here, there, try await rig.start()] { #expect(Set(instance.loaded) == Set(keys)) }
    }

    @Test func `removing such a key ends it at once, and activating it says nothing of that`() async throws {
        let rig = try await ChamberRig(statuses: [.active, .inactive])
        let instance = try await rig.start()
        let made = try await instance.send(.post, "/generate", #"{"count":2,"status":"inactive"}"#)
        let keys = made.compactMap(\.pubkey)
        #expect(Set(instance.loaded) == Set(keys))
        let activated = try await instance.send(.patch, "", #"{"pubkeys":["\#(keys[0])"],"status":"active"}"#)
        #expect(activated.map(\.status) == ["activated"] && activated[0].message.isEmpty)
        let delete = #"{"pubkeys":["\#(keys[0])","\#(keys[0])","\#(keys[1])"],"remove":true}"#
        let deleted = try await instance.send(.delete, "", delete)
        #expect(deleted.map(\.status) == ["deleted", "unchanged", "deleted"])
        let isSilent = deleted.allSatisfy { $0.message.isEmpty }
        #expect(isSilent, "\(deleted)")
        #expect(instance.loaded.isEmpty)
    }

    @Test func `where the key is loaded from elsewhere too, that is said besides`() async throws {
        let rig = try await ChamberRig(statuses: [.active, .inactive])
        let instance = try await rig.start()
        let scalar = String(repeating: "0", count: 63) + "9"
        for storage in [#","storage":{"persist":false}"#, ""] {
            let taken = try await instance.send(.post, "", #"{"private_keys":["\#(scalar)"]\#(storage)}"#)
            #expect(taken.map(\.status) == ["imported"])
        }
        let key = try #require(instance.loaded.first)
        let answers = try await instance.send(.patch, "", #"{"pubkeys":["\#(key)"],"status":"inactive"}"#)
        #expect(Self.goesOn(answers) && answers[0].message.contains("from memory too"), "\(answers)")
    }
}
