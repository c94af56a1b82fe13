// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Signer
import SlashingProtection
import Testing

@Suite(.timeLimit(.minutes(1)))
struct AuthorityTests {
    @Test func `a new generation makes the older ones void`() async {
        let authority = Authority()
        let first = authority.enter()
        #expect(authority.isCurrent(first))
        authority.leave(first)
        await authority.raise()
        #expect(!authority.isCurrent(first))
        let second = authority.enter()
        #expect(authority.isCurrent(second) && first < second)
        authority.leave(second)
    }

    @Test func `raising waits for what is under way in older generations, and for nothing else`() async {
        let authority = Authority()
        let old = [authority.enter(), authority.enter()]
        let isDone = Lock(false)
        let raising = Task {
            await authority.raise()
            isDone.withLock { $0 = true }
        }
        while authority.isCurrent(old[0]) { await Task.yield() }
        // The generation is new at once; what begins now holds nobody up.
        let young = authority.enter()
        #expect(authority.isCurrent(young))
        authority.leave(old[0])
        for _ in 0..<100 { await Task.yield() }
        #expect(!isDone.withLock { $0 }, "one of the old is still under way")
        authority.leave(old[1])
        await raising.value
        #expect(isDone.withLock { $0 })
        authority.leave(young)
    }

    @Test func `several who raise at the same time all come back`() async {
        let authority = Authority()
        let old = authority.enter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<10 { group.addTask { await authority.raise() } }
            while authority.isCurrent(old) { await Task.yield() }
            authority.leave(old)
            await group.waitForAll()
        }
        let now = authority.enter()
        #expect(now.number == old.number + 10)
        authority.leave(now)
    }

    @Test func `requests come and go while authority changes`() async {
        let authority = Authority()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<500 {
                        let generation = authority.enter()
                        await Task.yield()
                        authority.leave(generation)
                    }
                }
            }
            group.addTask { for _ in 0..<50 { await authority.raise() } }
        }
        let last = authority.enter()
        #expect(last.number == 51)
        authority.leave(last)
    }

    @Test func `a key that was taken away signs nothing once that is done`() async throws {
        let key = try signingKey(1)
        let gate = Gate()
        let bench = Bench(
            keys: [key],
            store: FakeStore { _ in
                await gate.pass(); return .recorded
            }
        )
        let underWay = Task { await bench.sign(attestation(), with: key) }
        await gate.arrivals(1)
        let removal = Task {
            bench.keyring.apply(KeyChange(added: [], removed: [key.identifier]))
            await bench.authority.raise()
        }
        while bench.keyring[key.identifier] != nil || bench.authority.generation == 1 { await Task.yield() }
        gate.open()
        await removal.value
        // Its permit was of the older generation; going the way again, the key was gone.
        #expect(await underWay.value == .unknownKey)
    }

    @Test func `a request whose authority changed on the way is signed after another look`() async throws {
        let keys = try [signingKey(1), signingKey(2)]
        let gate = Gate()
        let bench = Bench(
            keys: keys,
            store: FakeStore { _ in
                await gate.pass(); return .recorded
            }
        )
        let underWay = Task { await bench.sign(attestation(), with: keys[0]) }
        await gate.arrivals(1)
        let removal = Task { await bench.authority.raise() }
        while bench.authority.generation == 1 { await Task.yield() }
        gate.open()
        await removal.value
        #expect(await underWay.value.isSigned)
        #expect(bench.store.batches.count == 2, "the record was asked again")
    }

    @Test func `a request gives up where authority never stands still`() async throws {
        let key = try signingKey(1)
        let raiser = Lock<(@Sendable () async -> Void)?>(nil)
        let store = FakeStore { _ in
            await raiser.withLock { $0 }?()
            return .recorded
        }
        let bench = Bench(keys: [key], store: store)
        let authority = bench.authority
        raiser.withLock {
            $0 = {
                // Raised while the request is under way: the one who raises waits for it, so nobody may wait for him here.
                let before = authority.generation
                Task { await authority.raise() }
                while authority.generation == before { await Task.yield() }
            }
        }
        #expect(await bench.sign(attestation(), with: key) == .withdrawn)
        #expect(store.batches.count == 3)
    }
}

extension Authority {
    /// The number of the current generation.
    var generation: UInt64 {
        let generation = enter()
        leave(generation)
        return generation.number
    }
}
