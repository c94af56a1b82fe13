// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import SlashingProtection
import TestSupport
import Testing

/// Many tasks at one record. Run these under the thread sanitizer.
@Suite(.timeLimit(.minutes(10))) struct StoreConcurrencyTests {
    @Test(arguments: StoreKind.allCases) func `of conflicting blocks raced for one slot exactly one wins`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            for slot in 1...UInt64(kind.fewer(50, 3)) {
                let verdicts = await race((0..<16).map { .block(slot, root: $0) }, on: store)
                #expect(verdicts.filter { $0 == .recorded }.count == 1)
                #expect(verdicts.filter { $0 == .refused(.doubleBlock(slot: Slot(slot))) }.count == 15)
            }
        }
    }

    @Test(arguments: StoreKind.allCases) func `of conflicting votes raced exactly one wins`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            for round in 1...UInt64(kind.fewer(50, 3)) {
                let base = round * 10
                // Each contradicts every other: the same target, or one inside the other.
                let conflicting: [DutyBatch] =
                    (0..<8).map { .attestation(base, base + 5, root: $0) }
                    + (1...2).map { .attestation(base + UInt64($0), base + 5 - UInt64($0)) }
                let verdicts = await race(conflicting.shuffled(), on: store)
                #expect(verdicts.filter { $0 == .recorded }.count == 1)
                #expect(verdicts.allSatisfy { $0 != .repeated })
            }
        }
    }

    @Test(arguments: StoreKind.allCases) func `of identical messages raced one is recorded and all are answered`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            for slot in 1...UInt64(kind.fewer(50, 3)) {
                let verdicts = await race((0..<16).map { _ in .block(slot, root: 7) }, on: store)
                #expect(verdicts.filter { $0 == .recorded }.count == 1)
                #expect(verdicts.filter { $0 == .repeated }.count == 15)
            }
        }
    }

    @Test(arguments: StoreKind.allCases) func `one batch for many validators gets one verdict each, in order`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(5, root: 9, by: [validator(3)])) == .recorded)
            let records = (0..<kind.fewer(400, 40)).map { validator($0) }
            let verdicts = await store.decide(.block(5, root: 1, by: records))
            for (number, verdict) in verdicts.enumerated() {
                #expect(verdict == (number == 3 ? .refused(.doubleBlock(slot: 5)) : .recorded))
            }
            #expect(await store.decide(.block(5, root: 1, by: [])).isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `closing answers everything that waits and refuses what comes later`(_ kind: StoreKind) async throws {
        let place = try await RecordPlace(kind)
        let store = try await place.open()
        let messages = kind.fewer(200, 40)
        let answered = await withTaskGroup(of: Int.self) { group in
            for number in 0..<messages {
                group.addTask { await store.decide(.block(UInt64(number), by: [validator(number)])).count }
                if number % 20 == 0 {
                    group.addTask {
                        _ = try? await store.prune(keepEpochs: 1)
                        return 1
                    }
                }
            }
            group.addTask {
                await store.close()
                return 0
            }
            return await group.reduce(0, +)
        }
        #expect(answered == messages + messages / 20)
        let verdict = await store.decideOne(.block(1))
        #expect(verdict == .refused(.notCheckable(reason: "the slashing record is closed")))
        await #expect(throws: StoreError.self) { try await store.status() }
        await store.close()
        let again = try await place.open()
        await again.close()
        try await place.remove()
    }

    @Test(arguments: StoreKind.allCases) func `signing, importing, pruning and looking all at once`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            let winners = Lock<[UInt64: Int]>([:])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<6 {
                    group.addTask {
                        for slot in 100..<UInt64(100 + kind.fewer(60, 4)) {
                            let verdict = await store.decideOne(.block(slot, root: task))
                            if verdict == .recorded { winners.withLock { $0[slot, default: 0] += 1 } }
                        }
                    }
                }
                group.addTask {
                    for number in 0..<kind.fewer(10, 3) {
                        try await store.take(Interchange(of: validator(number + 1), blocks: [RecordedBlock(1)]))
                        try await store.prune(keepEpochs: 1)
                        _ = try await store.status()
                        _ = store.health
                    }
                }
                try await group.waitForAll()
            }
            #expect(winners.withLock { $0.values.allSatisfy { $0 == 1 } })
        }
    }

    private func race(_ batches: [DutyBatch], on store: any RecordStore) async -> [Verdict] {
        await withTaskGroup(of: Verdict.self) { group in
            for batch in batches { group.addTask { await store.decideOne(batch) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}

/// The door that turns verdicts into permits.
@Suite(.timeLimit(.minutes(10))) struct PermitTests {
    @Test(arguments: StoreKind.allCases)
    func `permits are made for the safe records only, and carry root and generation`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            let protection = SlashingProtection(store: store)
            _ = await store.decideOne(.block(5, root: 9, by: [validator(1)]))
            let batch = DutyBatch.block(5, root: 1, by: [validator(0), validator(1), validator(2)])
            let decision = await protection.record(batch, generation: AuthorityGeneration(4))
            #expect(decision.verdicts == [.recorded, .refused(.doubleBlock(slot: 5)), .recorded])
            let permits = decision.takePermits()
            #expect(permits.records == [validator(0), validator(2)])
            #expect(permits.signingRoot == root(1))
            #expect(permits.generation == AuthorityGeneration(4))
            #expect(protection.health == .ready)
        }
    }

    @Test func `only a message that cannot be slashed fits through the second door`() throws {
        let protection = SlashingProtection(store: NoopStore())
        #expect(UnslashableRoot(root(3), of: .block(5)) == nil)
        #expect(UnslashableRoot(root(3), of: .attestation(source: 1, target: 2)) == nil)
        let permits = protection.permit(
            try #require(UnslashableRoot(root(3), of: .unslashable)),
            records: [validator(0)],
            generation: AuthorityGeneration(1)
        )
        #expect(permits.records == [validator(0)] && permits.signingRoot == root(3))
    }

    @Test func `the noop store allows everything and keeps nothing`() async throws {
        let store = NoopStore()
        #expect(await store.decideOne(.block(5, root: 1)) == .recorded)
        #expect(await store.decideOne(.block(5, root: 2)) == .recorded)
        #expect(store.health == .ready)
        await #expect(throws: StoreError.unsupported(backend: "noop")) { try await store.administer(.status) }
        await store.close()
    }
}
