// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Signer
import Testing

@Suite(.timeLimit(.minutes(1)))
struct KeyringTests {
    @Test func `a change is what makes one set of keys another`() throws {
        let keys = try (1...4).map { try signingKey($0) }
        let ring = Keyring([keys[0], keys[1]])
        let change = ring.change(to: [keys[1], keys[2], keys[3]], of: "test")
        #expect(change.added.map(\.identifier) == [keys[2].identifier, keys[3].identifier])
        #expect(change.removed == [keys[0].identifier])
        #expect(ring.count == 2, "asking changes nothing")
        ring.apply(change)
        #expect(ring.count == 3)
        #expect(ring[keys[0].identifier] == nil && ring[keys[2].identifier] != nil)
        #expect(ring.identifiers == ring.identifiers.sorted { $0.description < $1.description })
    }

    @Test func `the first of two keys with the same identifier stays`() throws {
        let (first, second) = try (signingKey(1), signingKey(1))
        let ring = Keyring([first, second])
        #expect(ring[first.identifier] === first)
        ring.apply(KeyChange(added: [second], removed: []))
        #expect(ring[first.identifier] === first)
        #expect(ring.change(to: [second], of: "test").added.isEmpty)
    }

    @Test func `readers see the set before a change or after it, never a part`() async throws {
        let keys = try (1...20).map { try signingKey($0) }
        let sets = [Array(keys[..<10]), Array(keys[10...])]
        let expected = Set(sets.map { Set($0.map(\.identifier)) })
        let ring = Keyring(sets[0])
        let isOver = Lock(false)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    while !isOver.withLock({ $0 }) {
                        #expect(expected.contains(Set(ring.identifiers)))
                        await Task.yield()
                    }
                }
            }
            for turn in 1...200 {
                ring.apply(ring.change(to: sets[turn % 2], of: "test"))
                await Task.yield()
            }
            isOver.withLock { $0 = true }
        }
    }
}
