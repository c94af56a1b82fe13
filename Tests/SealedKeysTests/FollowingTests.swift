// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import SealedKeys
import TestSupport
import Testing

/// Several instances that change keys at random while others follow.
@Suite(.timeLimit(.minutes(5))) struct FollowingTests {
    @Test(arguments: KeyBackend.present)
    func `who follows the changes ends with exactly the keys that are there, and each change is done once`(
        backend: KeyBackend
    ) async throws {
        let place = try await KeyPlace(backend)
        let first = try await place.open()
        let stores = backend == .sqlite ? [first, first] : [first, try await place.open()]
        let seed = SeededGenerator.fromEnvironment()
        let (writers, steps) = (4, backend.isFast ? 60 : 12)
        let left = Lock(writers)
        let done = Lock<[Bytes<48>: UInt64]>([:])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    var random = SeededGenerator(seed: seed.seed &+ UInt64(writer))
                    defer { left.withLock { $0 -= 1 } }
                    for step in 0..<steps {
                        let store = stores[Int.random(in: 0...1, using: &random)]
                        let changes = try await Self.changes(of: store, "\(writer) \(step)", &random)
                        for (entry, outcome) in zip(changes, try await store.apply(changes)) where outcome == .done {
                            done.withLock { $0[entry.publicKey, default: 0] += 1 }
                        }
                    }
                }
            }
            for number in 0..<3 {
                group.addTask {
                    var follower = Follower()
                    let store = stores[number % 2]
                    var isOver = false
                    while true {
                        let isCurrent = try await follower.step(store)
                        if isOver && isCurrent { break }
                        isOver = left.withLock { $0 == 0 }
                    }
                    let rows = try await stores[1 - number % 2].all().rows
                    #expect(follower.rows == rows, "CHAMBER_TEST_SEED=\(seed.seed)")
                    #expect(follower.reloads == 0)
                }
            }
            try await group.waitForAll()
        }
        // Versions rise by one with each change: none was lost, none done twice.
        let changed = done.withLock { $0 }
        for entry in try await first.entries(of: Array(changed.keys)) {
            #expect(entry.version == changed[entry.publicKey], "CHAMBER_TEST_SEED=\(seed.seed)")
        }
        let (count, rows) = (try await first.count(), try await first.all().rows)
        #expect(count.active == UInt64(rows.count { $0.status == .active }))
        #expect(count.inactive == UInt64(rows.count { $0.status == .inactive }))
        #expect(try await first.pages(of: 7) == rows)
        for store in stores { await store.close() }
        withExtendedLifetime(place) {}
    }

    /// Some changes of a few keys, each of them right if nobody else is faster.
    private static func changes(
        of store: any SealedKeyStore,
        _ text: String,
        _ random: inout SeededGenerator
    ) async throws -> [SealedKeyEntry] {
        let count = Int.random(in: 1...6, using: &random)
        let numbers = Set((0..<count).map { _ in Int.random(in: 0..<25, using: &random) })
        let standing = try await store.entries(of: numbers.map { key($0) })
        let known = Dictionary(uniqueKeysWithValues: standing.map { ($0.publicKey, $0) })
        return numbers.sorted().map { number in
            let entry = known[key(number)]
            let next = (entry?.version ?? 0) + 1
            if entry?.row != nil, random.once(in: 3) { return .delete(number, next, text) }
            return .put(number, next, random.once(in: 2) ? .active : .inactive, text)
        }
    }

    @Test(arguments: KeyBackend.present) func `what is changed between two batches comes after the cursor`(
        backend: KeyBackend
    ) async throws {
        let place = try await KeyPlace(backend)
        let store = try await place.open()
        let total = 450
        try await store.make((0..<total).map { .put($0) })
        let changes: [SealedKeyEntry] = [
            .put(0, 2), .delete(1, 2), .put(2, 2, .inactive), .put(total - 1, 2), .delete(total - 2, 2),
            .put(total - 3, 2, .inactive), .put(total),
        ]
        var loaded: [Bytes<48>: SealedKeyRow] = [:]
        var batches = 0
        var outcomes: [SealedKeyOutcome]?
        let cursor = try await store.load([.active]) { batch in
            batches += 1
            if batches == 1 { outcomes = try? await store.apply(changes) }
            for row in batch { loaded[row.publicKey] = row }
        }
        #expect(batches > 1 && outcomes == changes.map { _ in .done })
        let told = try #require(try await store.allChanges(after: cursor)).entries
        #expect(told == changes.sorted { $0.publicKey < $1.publicKey })
        for entry in told { loaded[entry.publicKey] = entry.row }
        let rows = loaded.values.filter { $0.status == .active }.sorted { $0.publicKey < $1.publicKey }
        #expect(rows == (try await store.all([.active]).rows))
        await store.close()
        withExtendedLifetime(place) {}
    }

    @Test(arguments: KeyBackend.present) func `a load while keys are changed, with what came after, is complete`(
        backend: KeyBackend
    ) async throws {
        let place = try await KeyPlace(backend)
        let store = try await place.open()
        let total = backend.isFast ? 1_000 : 60
        try await store.make((0..<total).map { .put($0) })
        let seed = SeededGenerator.fromEnvironment()
        let isOver = Lock(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var random = seed
                for _ in 0..<(backend.isFast ? 100 : 25) {
                    let number = Int.random(in: 0..<total, using: &random)
                    guard let entry = try await store.entries(of: [key(number)]).first else { continue }
                    let next = entry.version + 1
                    let change: SealedKeyEntry =
                        entry.row != nil && random.once(in: 2) ? .delete(number, next) : .put(number, next, .inactive)
                    #expect(try await store.apply([change]) == [.done])
                }
                isOver.withLock { $0 = true }
            }
            group.addTask {
                while !isOver.withLock({ $0 }) {
                    var follower = Follower()
                    try await follower.catchUp(store)
                }
            }
            try await group.waitForAll()
        }
        var follower = Follower()
        try await follower.catchUp(store)
        #expect(follower.rows == (try await store.pages(of: 100)), "CHAMBER_TEST_SEED=\(seed.seed)")
        await store.close()
        withExtendedLifetime(place) {}
    }
}
