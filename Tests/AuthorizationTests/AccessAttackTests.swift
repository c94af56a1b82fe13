// SPDX-License-Identifier: Apache-2.0
import Authorization
import Concurrency
import Consensus
import SignerState
import TestSupport
import Testing

/// Whoever can write the signer state, and has a management token, but no operator.
@Suite(.timeLimit(.minutes(2))) struct AccessAttackTests {
    @Test func `initialising takes over what stands, with tags, and everything works on`() async throws {
        let chamber = try await SealedChamber()
        #expect(chamber.one.notices.withLock { $0 } == [.adopted(4)])
        for instance in try await chamber.everybody() {
            #expect(instance.refusal(chamber.bearer) == nil)
            #expect(instance.refusal(chamber.bearer, .sign, .voluntaryExit) == .forbidden)
            #expect(instance.faults.isEmpty && instance.catalogueFault == nil)
        }
        for row in chamber.store.copy.rows.values where ["policy", "token"].contains(row.name.kind) {
            let text = String(decoding: row.body ?? [], as: UTF8.self)
            #expect(text.hasPrefix(#"{"generation":1,"tag":""#), "\(text)")
        }
        // What is made afterwards has a tag at once, and what is taken away is away for everybody.
        let (token, bearer) = try await chamber.one.makeToken(["signing"])
        for instance in try await chamber.everybody() { #expect(instance.refusal(bearer) == nil) }
        try await chamber.one.register.revoke(token.identifier)
        for instance in try await chamber.everybody() { #expect(instance.refusal(bearer) == .invalidToken) }
        try await chamber.one.register.delete(token.identifier)
        for instance in try await chamber.everybody() { #expect(instance.faults.isEmpty) }
    }

    @Test func `an edited policy is refused, and a token that names it may do nothing`() async throws {
        let chamber = try await SealedChamber()
        let old = try #require(chamber.store.row("policy", "no-exits")?.body)
        let text = String(decoding: old, as: UTF8.self).replacing(#""deny""#, with: #""allow""#)
        chamber.store.put("policy", "no-exits", Array(text.utf8))
        for instance in try await chamber.everybody() {
            #expect(instance.faults == ["policy tampered"])
            #expect(instance.refusal(chamber.bearer) == .forbidden)
            #expect(instance.refusal(chamber.bearer, .sign, .voluntaryExit) == .forbidden)
            #expect(instance.refusal(chamber.adminBearer, .reload) == nil)
        }
    }

    @Test func `a policy that is edited without a new version or revision is noticed by looking at everything`()
        async throws
    {
        let chamber = try await SealedChamber()
        var content = chamber.store.copy
        let name = StateRowName("policy", "no-exits")
        let row = try #require(content.rows[name])
        let text = String(decoding: row.body ?? [], as: UTF8.self).replacing(#""deny""#, with: #""allow""#)
        content.rows[name] = StateRow(name: name, version: row.version, revision: row.revision, body: Array(text.utf8))
        chamber.store.copy = content
        #expect(try await chamber.one.register.refresh() == false)
        #expect(chamber.one.refusal(chamber.bearer, .sign, .voluntaryExit) == .forbidden)
        try await chamber.one.register.review()
        #expect(chamber.one.faults == ["policy tampered"])
        #expect(try await chamber.other().faults == ["policy tampered"])
        #expect(chamber.one.notices.withLock { $0 }.count == 2)
        try await chamber.one.register.review()
        #expect(chamber.one.notices.withLock { $0 }.count == 2)
    }

    @Test func `a widened token does not exist`() async throws {
        let chamber = try await SealedChamber()
        let old = try #require(chamber.store.row("token", chamber.name)?.body)
        let text = String(decoding: old, as: UTF8.self).replacing(#"["signing","no-exits"]"#, with: #"["root"]"#)
        #expect(Array(text.utf8) != old)
        chamber.store.put("token", chamber.name, Array(text.utf8))
        for instance in try await chamber.everybody() {
            #expect(instance.faults == ["token tampered"])
            #expect(instance.refusal(chamber.bearer) == .invalidToken)
        }
    }

    @Test(arguments: [true, false])
    func `a revoked token stays revoked, at its old version and at a new one`(isOldVersion: Bool) async throws {
        let chamber = try await SealedChamber()
        let old = try #require(chamber.store.row("token", chamber.name))
        try await chamber.one.register.revoke(chamber.token.identifier)
        chamber.store.put("token", chamber.name, version: isOldVersion ? old.version : nil, old.body)
        for instance in try await chamber.everybody() {
            #expect(instance.faults == [isOldVersion ? "token replayed" : "token tampered"])
            #expect(instance.refusal(chamber.bearer) == .invalidToken)
        }
    }

    @Test func `a revoked token does not come back with a change that a management token makes`() async throws {
        let chamber = try await SealedChamber()
        let old = try #require(chamber.store.row("token", chamber.name))
        try await chamber.one.register.revoke(chamber.token.identifier)
        chamber.store.put("token", chamber.name, version: old.version, old.body)
        let running = try await chamber.other()
        // The catalogue is written anew with each of these, and does not take the row in.
        try await running.register.create(policy([Rule(.allow)], name: "wide"))
        _ = try await running.makeToken(["wide"])
        for instance in try await chamber.everybody() + [running] {
            #expect(instance.refusal(chamber.bearer) == .invalidToken)
            #expect(instance.faults == ["token replayed"])
        }
        // It can be cleared away, and that does not bring it back either.
        try await running.register.delete(chamber.token.identifier)
        for instance in try await chamber.everybody() {
            #expect(instance.refusal(chamber.bearer) == .invalidToken)
            #expect(instance.faults.isEmpty)
        }
    }

    @Test(arguments: [true, false]) func `a deleted token does not come back`(isOldVersion: Bool) async throws {
        let chamber = try await SealedChamber()
        let old = try #require(chamber.store.row("token", chamber.name))
        try await chamber.one.register.delete(chamber.token.identifier)
        chamber.store.put("token", chamber.name, version: isOldVersion ? old.version : nil, old.body)
        for instance in try await chamber.everybody() {
            #expect(instance.faults == ["token uncatalogued"])
            #expect(instance.refusal(chamber.bearer) == .invalidToken)
        }
    }

    @Test(arguments: [true, false])
    func `a deleted denying policy is missed, and its tokens may do nothing`(leavesTombstone: Bool) async throws {
        let chamber = try await SealedChamber()
        if leavesTombstone {
            chamber.store.put("policy", "no-exits", nil)
        } else {
            chamber.store.erase("policy", "no-exits")
            try await chamber.one.register.review()
        }
        for instance in try await chamber.everybody() {
            #expect(instance.faults == ["policy missing"])
            #expect(instance.refusal(chamber.bearer) == .forbidden)
            #expect(instance.refusal(chamber.bearer, .sign, .voluntaryExit) == .forbidden)
        }
        // Made again, it counts again.
        let again = policy([Rule(.deny, operations: [.voluntaryExit])], name: "no-exits")
        try await chamber.one.register.create(again)
        for instance in try await chamber.everybody() {
            #expect(instance.faults.isEmpty)
            #expect(instance.refusal(chamber.bearer) == nil)
        }
    }

    @Test func `a row under another name is none, with and without a row of that name`() async throws {
        let chamber = try await SealedChamber()
        let wide = try #require(chamber.store.row("policy", "signing")?.body)
        chamber.store.put("policy", "no-exits", wide)
        chamber.store.put("policy", "copied", version: 2, wide)
        for instance in try await chamber.everybody() {
            #expect(instance.faults == ["policy uncatalogued", "policy tampered"])
            #expect(instance.refusal(chamber.bearer) == .forbidden)
            #expect(instance.register.policies.map(\.value.name.text) == ["signing"])
        }
    }

    /// The attacker is the state: it says yes, and is as it was.
    @Test func `a revocation that was taken back at once is not answered as done`() async throws {
        let chamber = try await SealedChamber()
        let store = ForgetfulState(chamber.store)
        let instance = try await SealedInstance(store)
        await #expect(throws: AccessChangeError.self) {
            try await instance.register.revoke(chamber.token.identifier)
        }
        await #expect(throws: AccessChangeError.self) { _ = try await instance.makeToken(["root"]) }
    }

    @Test func `a name that is none is refused, and shown without what it does to terminals`() async throws {
        let chamber = try await SealedChamber()
        chamber.store.put("token", "\u{1B}[2Jx\n", Array("{}".utf8))
        try await chamber.one.register.refresh()
        #expect(chamber.one.register.faults.map(\.name.shown) == ["token ?[2Jx?"])
        let review = try await chamber.one.register.lookAtRows()
        try await chamber.one.register.acceptRows(review.digest)
        #expect(chamber.one.faults.isEmpty && chamber.one.refusal(chamber.bearer) == nil)
    }

    @Test func `rows that are put there while the chamber is sealed are found when it opens`() async throws {
        let chamber = try await SealedChamber()
        let plain = #"{"name":"extra","rules":[{"effect":"allow"}]}"#
        await chamber.one.register.seal()
        chamber.store.put("policy", "extra", Array(plain.utf8))
        try await chamber.one.register.refresh()
        // Whoever holds a token may look, and open the chamber; nothing else.
        #expect(chamber.one.refusal(chamber.adminBearer, .authRead) == nil)
        #expect(chamber.one.refusal(chamber.adminBearer, .chamberUnseal) == nil)
        for scope in [Scope.sign, .authWrite, .reload, .publicKeys, .deleteKeys, .chamberKeysList] {
            #expect(chamber.one.refusal(chamber.adminBearer, scope) == .sealed)
        }
        await #expect(throws: AccessChangeError.sealed) { _ = try await chamber.one.makeToken(["extra"]) }
        await #expect(throws: AccessChangeError.sealed) {
            try await chamber.one.register.revoke(chamber.token.identifier)
        }
        try await chamber.one.register.open([TestSeal()])
        #expect(chamber.one.faults == ["policy uncatalogued"])
        #expect(chamber.one.refusal(chamber.bearer) == nil)
        #expect(chamber.one.register.policies.allSatisfy { $0.value.name.text != "extra" })
    }
}

/// A state that is as it was after each change.
private final class ForgetfulState: StateStore {
    private let inner: AttackedState

    init(_ inner: AttackedState) { self.inner = inner }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading { try await inner.rows(after: revision) }

    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let before = inner.copy
        let revision = try await inner.apply(changes)
        inner.copy = before
        return revision
    }

    func close() async {}
}
