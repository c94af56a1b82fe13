// SPDX-License-Identifier: Apache-2.0
import Authorization
import Concurrency
import Consensus
import SignerState
import TestSupport
import Testing

/// The catalogue gone, forged, or older than was seen; and what an operator does then.
@Suite(.timeLimit(.minutes(2))) struct AccessCatalogueTests {
    @Test(arguments: [true, false])
    func `without the catalogue nobody is believed who was not before, and nothing is changed`(
        leavesTombstone: Bool
    ) async throws {
        let chamber = try await SealedChamber()
        let (_, later) = try await chamber.one.makeToken(["signing"])
        if leavesTombstone {
            chamber.store.put("access", "CATALOGUE", nil)
        } else {
            chamber.store.erase("access", "CATALOGUE")
            try await chamber.one.register.review()
        }
        try await chamber.one.register.refresh()
        #expect(chamber.one.catalogueFault == .missing)
        // What was verified is still what was verified.
        #expect(chamber.one.refusal(later) == nil)
        await #expect(throws: AccessChangeError.self) { _ = try await chamber.one.makeToken(["signing"]) }
        // One that starts then has nothing to hold anything against: also where it would be glad to adopt.
        let other = try await chamber.other()
        #expect(other.catalogueFault == .missing)
        #expect(other.refusal(chamber.adminBearer, .reload) == .stale && other.refusal(chamber.bearer) == .stale)
        await #expect(throws: AccessChangeError.self) { _ = try await other.makeToken(["root"]) }
    }

    @Test func `a row that changes while there is no catalogue is not believed, whatever its tag`() async throws {
        let chamber = try await SealedChamber()
        let old = try #require(chamber.store.row("token", chamber.name))
        try await chamber.one.register.revoke(chamber.token.identifier)
        chamber.store.put("access", "CATALOGUE", nil)
        chamber.store.put("token", chamber.name, version: old.version, old.body)
        try await chamber.one.register.refresh()
        #expect(chamber.one.refusal(chamber.bearer) == .invalidToken)
        #expect(chamber.one.refusal(chamber.adminBearer, .reload) == nil)
    }

    @Test func `a forged catalogue and one of yesterday are refused by who has seen more`() async throws {
        let chamber = try await SealedChamber()
        let yesterday = try #require(chamber.store.row("access", "CATALOGUE"))
        let old = try #require(chamber.store.row("token", chamber.name))
        try await chamber.one.register.revoke(chamber.token.identifier)

        chamber.store.put("token", chamber.name, version: old.version, old.body)
        chamber.store.put("access", "CATALOGUE", version: yesterday.version, yesterday.body)
        try await chamber.one.register.refresh()
        #expect(chamber.one.catalogueFault == .replayed)
        #expect(chamber.one.refusal(chamber.bearer) == .invalidToken)

        let text = String(decoding: yesterday.body ?? [], as: UTF8.self).replacing(
            "\"sequence\":",
            with: "\"sequence\":9"
        )
        chamber.store.put("access", "CATALOGUE", version: yesterday.version, Array(text.utf8))
        for instance in try await chamber.everybody() {
            #expect(instance.catalogueFault == .tampered)
            #expect(instance.refusal(chamber.bearer) != nil)
        }
        // The one that was taken for it, one version further.
        chamber.store.put("access", "CATALOGUE", yesterday.body)
        for instance in try await chamber.everybody() { #expect(instance.catalogueFault == .tampered) }
    }

    @Test func `a whole state of yesterday is refused while running, and after a restart with a memory`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("memory.json")
        let chamber = try await SealedChamber(memory: try StateMemory(path: path))
        let yesterday = chamber.store.copy
        try await chamber.one.register.revoke(chamber.token.identifier)
        #expect(try folder.mode("memory.json") == 0o600)

        chamber.store.copy = yesterday
        await #expect(throws: StateError.self) { try await chamber.one.register.refresh() }
        #expect(chamber.one.refusal(chamber.bearer) == .invalidToken)

        let restarted = try await chamber.other(memory: try StateMemory(path: path))
        #expect(restarted.catalogueFault == .replayed)
        #expect(restarted.refusal(chamber.bearer) == .stale)
        #expect(restarted.notices.withLock { $0 }.count == 1)
        // Its revision raised past what was seen helps nobody.
        chamber.store.put("custody", "SEAL", Array("{}".utf8))
        for _ in 0..<4 {
            chamber.store.put(
                "token",
                chamber.name,
                version: 2,
                yesterday.rows[StateRowName("token", chamber.name)]?.body
            )
        }
        try await chamber.one.register.review()
        #expect(chamber.one.refusal(chamber.bearer) == .invalidToken)
    }

    /// What docs/access.md says is not noticed.
    @Test func `a whole state of yesterday is not noticed after a restart without a memory`() async throws {
        let chamber = try await SealedChamber()
        let yesterday = chamber.store.copy
        try await chamber.one.register.revoke(chamber.token.identifier)
        chamber.store.copy = yesterday
        let restarted = try await chamber.other()
        #expect(restarted.catalogueFault == nil && restarted.refusal(chamber.bearer) == nil)
    }

    @Test func `a state whose master key is gone is not taken for a new one by who remembers its chamber`() async throws
    {
        let folder = try TemporaryFolder()
        let path = folder.file("memory.json")
        let chamber = try await SealedChamber(memory: try StateMemory(path: path))
        var content = chamber.store.copy
        content.rows = content.rows.filter { ["token_key"].contains($0.key.kind) }
        chamber.store.copy = content
        let plain = #"{"name":"extra","rules":[{"effect":"allow"}]}"#
        chamber.store.put("policy", "extra", Array(plain.utf8))
        let other = try await SealedInstance(
            chamber.store,
            memory: try StateMemory(path: path),
            opens: false
        )
        await #expect(throws: AccessChangeError.sealed) { _ = try await other.makeToken(["extra"]) }
        // Nor is a new chamber made over it, and the old one believes nothing.
        await #expect(throws: StateError.self) { try await other.register.founding(under: TestSeal()) }
        try await other.register.open([TestSeal()])
        #expect(other.catalogueFault == .missing && other.register.policies.isEmpty)
    }

    @Test func `a chamber whose making was cut off afterwards is whole, and tags its rows when it opens`() async throws
    {
        let store = AttackedState()
        let instance = try await SealedInstance(store, opens: false)
        for number in 0..<40 {
            try await instance.register.create(policy([Rule(.allow)], name: "p\(number)"))
        }
        let cutOff = CutOffState(store, after: 2)
        _ = try await cutOff.apply([try await instance.register.founding(under: TestSeal())])
        let first = try await SealedInstance(cutOff)
        #expect(first.register.policies.count == 40 && first.catalogueFault == nil)
        let bodies = store.copy.rows.values.filter { $0.name.kind == "policy" }.compactMap(\.body)
        let tagged = bodies.count { $0.starts(with: #"{"generation""#.utf8) }
        #expect(tagged == 31, "\(tagged)")
        let second = try await SealedInstance(store)
        #expect(second.faults.isEmpty && second.register.policies.count == 40)
        #expect(second.notices.withLock { $0 } == [.adopted(9)])
        #expect(try await SealedInstance(store).notices.withLock { $0 }.isEmpty)
    }

    @Test func `what another instance writes while the chamber is made is not answered as done`() async throws {
        let store = AttackedState()
        let one = try await SealedInstance(store, opens: false)
        let other = try await SealedInstance(store, opens: false)
        let record = StateChange(SealedInstance.masterKey, expecting: 0, body: Array("{}".utf8))
        try await store.apply([record, try await one.register.founding(under: TestSeal())])
        await #expect(throws: AccessChangeError.self) {
            try await other.register.create(policy([Rule(.allow)], name: "late"))
        }
        try await one.register.open([TestSeal()])
        #expect(one.faults == ["policy uncatalogued"])
        try await one.register.create(policy([Rule(.allow)], name: "late"))
        #expect(one.faults.isEmpty && one.register.policies.count == 1)
    }

    @Test func `two instances that change something at the same time both succeed`() async throws {
        let chamber = try await SealedChamber()
        let (one, other) = (chamber.one, try await chamber.other())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                let instance = number.isMultiple(of: 2) ? one : other
                group.addTask {
                    try await instance.register.create(policy([Rule(.allow, scopes: [.reload])], name: "p\(number)"))
                }
            }
            try await group.waitForAll()
        }
        for instance in try await chamber.everybody() {
            #expect(instance.register.policies.count == 10)
            #expect(instance.faults.isEmpty && instance.catalogueFault == nil)
        }
    }

    @Test func `an operator accepts the rows that are right, and what is wrong is deleted`() async throws {
        let chamber = try await SealedChamber()
        chamber.store.put("access", "CATALOGUE", nil)
        let old = try #require(chamber.store.row("policy", "no-exits")?.body)
        let text = String(decoding: old, as: UTF8.self).replacing(#""deny""#, with: #""allow""#)
        chamber.store.put("policy", "no-exits", Array(text.utf8))
        let other = try await chamber.other()
        let review = try await other.register.lookAtRows()
        #expect(review.dropped.map { "\($0.name) \($0.fault?.rawValue ?? "")" } == ["policy no-exits tampered"])
        #expect(review.accepted.count == 3 && review.accepted.allSatisfy { $0.fault == .uncatalogued })
        await #expect(throws: AccessChangeError.outdated) { try await other.register.acceptRows("0") }
        try await other.register.acceptRows(review.digest)
        for instance in try await chamber.everybody() + [other] {
            #expect(instance.catalogueFault == nil && instance.faults.isEmpty)
            #expect(instance.refusal(chamber.adminBearer, .reload) == nil)
            #expect(instance.refusal(chamber.bearer) == .forbidden)
        }
        _ = try await chamber.one.makeToken(["signing"])
    }

    @Test func `where the catalogue is right, a row that was put back is not accepted`() async throws {
        let chamber = try await SealedChamber()
        let old = try #require(chamber.store.row("token", chamber.name))
        try await chamber.one.register.revoke(chamber.token.identifier)
        chamber.store.put("token", chamber.name, version: old.version, old.body)
        let review = try await chamber.one.register.lookAtRows()
        #expect(review.dropped.map(\.fault) == [.replayed])
        try await chamber.one.register.acceptRows(review.digest)
        for instance in try await chamber.everybody() {
            #expect(instance.faults.isEmpty && instance.refusal(chamber.bearer) == .invalidToken)
        }
    }

    @Test func `a state of yesterday that an operator accepts is believed by everybody again`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("memory.json")
        let chamber = try await SealedChamber(memory: try StateMemory(path: path))
        let yesterday = chamber.store.copy
        _ = try await chamber.one.makeToken(["signing"])
        chamber.store.copy = yesterday
        let restarted = try await chamber.other(memory: try StateMemory(path: path))
        #expect(restarted.catalogueFault == .replayed)
        let review = try await restarted.register.lookAtRows()
        #expect(review.accepted.count == 4 && review.dropped.isEmpty)
        try await restarted.register.acceptRows(review.digest)
        #expect(restarted.catalogueFault == nil && restarted.refusal(chamber.bearer) == nil)
        let again = try await chamber.other(memory: try StateMemory(path: path))
        #expect(again.catalogueFault == nil && again.refusal(chamber.bearer) == nil)
    }

    @Test func `another generation of the master key takes over row by row, and goes on where it was cut off`()
        async throws
    {
        let chamber = try await SealedChamber()
        for number in 0..<40 {
            try await chamber.one.register.create(policy([Rule(.allow, scopes: [.reload])], name: "p\(number)"))
        }
        let (old, new) = (TestSeal(), TestSeal(generation: 2))
        let cutOff = CutOffState(chamber.store, after: 1)
        let first = try await SealedInstance(cutOff)
        await #expect(throws: AccessChangeError.self) { try await first.register.retag(to: new) }
        // Half and half: who has both keys believes both, and writes under the new one.
        let other = try await SealedInstance(chamber.store, opens: false)
        try await other.register.open([old, new])
        #expect(other.faults.isEmpty && other.catalogueFault == nil && other.refusal(chamber.bearer) == nil)
        let (_, bearer) = try await other.makeToken(["signing"])
        try await other.register.retag(to: new)
        for row in chamber.store.copy.rows.values where ["policy", "token", "access"].contains(row.name.kind) {
            #expect(String(decoding: row.body ?? [], as: UTF8.self).hasPrefix(#"{"generation":2,"#))
        }
        let later = try await SealedInstance(chamber.store, generation: 2)
        #expect(later.faults.isEmpty && later.refusal(bearer) == nil && later.refusal(chamber.bearer) == nil)
        #expect(try await chamber.other().catalogueFault == .tampered)
    }
}

/// A state that is out of reach after some changes.
private final class CutOffState: StateStore {
    private let inner: any StateStore
    private let left: Lock<Int>

    init(_ inner: any StateStore, after changes: Int) {
        self.inner = inner
        left = Lock(changes)
    }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading { try await inner.rows(after: revision) }

    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let isThere = left.withLock { left in
            left -= 1
            return left >= 0
        }
        guard isThere else { throw .unavailable(reason: "cut off") }
        return try await inner.apply(changes)
    }

    func close() async {}
}
