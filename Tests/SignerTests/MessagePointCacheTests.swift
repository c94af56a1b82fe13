// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Signer
import SlashingProtection
import Testing

@Suite(.timeLimit(.minutes(1)))
struct MessagePointCacheTests {
    private func signature(_ message: PreparedMessage, _ root: UInt8) throws -> Signature {
        let (key, authority) = (try signingKey(1), Authority())
        let generation = authority.enter()
        defer { authority.leave(generation) }
        let unslashable = try #require(UnslashableRoot(signingRoot(root), of: .unslashable))
        let permits = SlashingProtection(store: FakeStore())
            .permit(unslashable, records: [key.record], generation: generation)
        return try permits.sign(message, with: [key], authority: authority)[0]
    }

    @Test func `a point from memory signs as one made anew`() throws {
        let cache = MessagePointCache()
        let fresh = PreparedMessage(root: signingRoot(1).bytes)
        _ = cache.prepare(signingRoot(1))
        let cached = cache.prepare(signingRoot(1))
        #expect(cached.root == fresh.root)
        #expect(try signature(cached, 1) == signature(fresh, 1))
        #expect(cache.counts == (hits: 1, misses: 1))
    }

    @Test func `the oldest root makes room`() {
        let cache = MessagePointCache(capacity: 3)
        for number in 1...3 as ClosedRange<UInt8> { _ = cache.prepare(signingRoot(number)) }
        _ = cache.prepare(signingRoot(4))  // takes the place of 1
        #expect(cache.counts == (hits: 0, misses: 4))
        for number in [2, 3, 4] as [UInt8] { _ = cache.prepare(signingRoot(number)) }
        #expect(cache.counts == (hits: 3, misses: 4))
        _ = cache.prepare(signingRoot(1))  // takes the place of 2
        _ = cache.prepare(signingRoot(2))
        #expect(cache.counts == (hits: 3, misses: 6))
    }

    @Test func `threads that ask for the same and for other roots get the right points`() async {
        let cache = MessagePointCache(capacity: 4)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<6 {
                group.addTask {
                    for step in 0..<30 {
                        let number = UInt8((task + step) % 9)
                        #expect(cache.prepare(signingRoot(number)).root == signingRoot(number).bytes)
                    }
                }
            }
        }
        let counts = cache.counts
        #expect(counts.hits + counts.misses == 180)
    }

    @Test func `only types that many validators sign alike are kept`() {
        let shared = Set(OperationType.allCases.filter(\.sharesItsRoot))
        #expect(shared == [.attestation, .syncCommitteeMessage, .payloadAttestationMessage])
    }
}
