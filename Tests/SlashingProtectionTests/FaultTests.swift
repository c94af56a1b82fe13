// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import FaultVFS
import SlashingProtection
import TestSupport
import Testing

private let faults = FaultDisk.Fault.allCases

/// Writes and syncs that fail (promise 3): nothing is signed after the fault until the store has got over it by its own
/// rule, nothing that was released is lost, and no restart is needed.
@Suite(.timeLimit(.minutes(10))) struct FaultTests {
    /// A fault that lasts until it is healed.
    @Test(arguments: [FaultDisk.Operation.write, .sync], faults)
    func `nothing is signed while the disk fails, and signing resumes when it works again`(
        operation: FaultDisk.Operation,
        fault: FaultDisk.Fault
    ) async throws {
        for position in 1...50 {
            let comment: Comment = "\(operation) \(position), \(fault)"
            var faulty = try FaultyStore(makeDisk(position), in: TemporaryFolder(), rowsBetweenCheckpoints: 12)
            let store = try SQLiteStore(faulty.settings)
            await faulty.live(1...20, with: store)
            #expect(faulty.released.count == 20, comment)
            faulty.disk.fail(operation, at: position, with: fault, lasting: true)
            var step = 20
            while faulty.disk.failures == 0 {
                step += 1
                await faulty.sign(.step(step), with: store)
            }
            // The fault may have hit a checkpoint after the last answer; from here on the store knows.
            try await store.waitUntil { $0 != .ready }
            let before = faulty.released.count
            await faulty.live((step + 1)...(step + 5), with: store)
            #expect(faulty.released.count == before, comment)
            #expect(store.health.reason != nil, comment)
            faulty.disk.heal()
            try await store.waitUntil { $0 == .ready }
            let again = await faulty.sign(.step(step + 10), with: store)
            #expect(again == .recorded, comment)
            await faulty.expectReleasedSurvive(in: store, comment)
            await store.close()
            let reopened = try #require(faulty.open(createIfMissing: false), comment)
            await faulty.expectReleasedSurvive(in: reopened, comment)
            await reopened.close()
        }
    }

    /// One failure and no more: the hardest to notice.
    @Test(arguments: FaultDisk.Operation.allCases, faults)
    func `a single failure loses nothing, even when the power goes later`(
        operation: FaultDisk.Operation,
        fault: FaultDisk.Fault
    ) async throws {
        for position in 1...50 {
            let comment: Comment = "\(operation) \(position), \(fault)"
            let folder = try TemporaryFolder()
            var faulty = FaultyStore(makeDisk(position), in: folder, rowsBetweenCheckpoints: 12)
            let store = try SQLiteStore(faulty.settings)
            faulty.disk.fail(operation, at: position, with: fault, lasting: false)
            for round in 0..<12 {
                let first = round * 10 + 1
                await faulty.sign(first...(first + 4), together: store)
                await faulty.live((first + 5)...(first + 9), with: store)
                try await store.waitUntil { $0 == .ready }
            }
            let files = faulty.disk.survivors()
            await store.close()
            let survivor = FaultyStore(FaultDisk(files: files, random: SeededGenerator(seed: 1)), in: folder)
            let reopened = try #require(survivor.open(createIfMissing: false), comment)
            await faulty.expectReleasedSurvive(in: reopened, comment)
            await reopened.close()
            // So late an operation did not come; a later one will not either.
            if faulty.disk.failures == 0, operation != .write, operation != .sync { break }
        }
    }

    @Test func `a failed sync is told as such, and the record goes on in a new file`() async throws {
        var faulty = try FaultyStore(makeDisk(1), in: TemporaryFolder())
        let store = try SQLiteStore(faulty.settings)
        await faulty.live(1...5, with: store)
        faulty.disk.fail(.sync, at: 1, with: .inputOutput, lasting: true)
        let refused = await faulty.sign(.step(6), with: store)
        #expect(refused.refusal?.code == "slashing_protection_unavailable")
        guard case .rewriting = store.health else {
            Issue.record("health is \(store.health)")
            return
        }
        // On a slow machine the quiet moment's checkpoint meets the fault first, and the first rewrite has failed already.
        let reason = refused.refusal?.description ?? ""
        #expect(reason.contains("sync") || reason.contains("rewriting"), "\(refused)")
        #expect(faulty.disk.names.contains { $0.hasSuffix(".sync-failed") })
        faulty.disk.heal()
        try await store.waitUntil { $0 == .ready }
        let names = faulty.disk.names.map { $0.split(separator: "/").last.map(String.init) ?? "" }
        #expect(names.contains("record.sqlite.failed"))
        #expect(!names.contains("record.sqlite.sync-failed") && !names.contains("record.sqlite.rewritten"))
        await faulty.live(6...10, with: store)
        #expect(faulty.released.count == 10)
        await store.close()
        let reopened = try #require(faulty.open(createIfMissing: false))
        await faulty.expectReleasedSurvive(in: reopened, "after the rewrite")
        await reopened.close()
    }

    /// However long the copy of a large record takes, who asks meanwhile learns it now and can go to another node.
    @Test func `while the record is rewritten a message is refused at once`() async throws {
        let faulty = try FaultyStore(makeDisk(1), in: TemporaryFolder())
        let standing = StandingDisk(FaultyDisk(disk: faulty.disk))
        var settings = faulty.settings
        settings.disk = standing
        let store = try SQLiteStore(settings)
        faulty.disk.fail(.sync, at: 1, with: .inputOutput, lasting: false)
        standing.stand()
        #expect(await store.decideOne(.step(1)).refusal != nil)
        while !standing.isReached { await Task.yield() }
        // The writer stands in the middle of the rewrite; it could not answer this.
        #expect(await store.decideOne(.step(2)).refusal?.code == "slashing_protection_unavailable")
        standing.goOn()
        try await store.waitUntil { $0 == .ready }
        #expect(await store.decideOne(.step(3)) == .recorded)
        await store.close()
    }

    @Test func `a full disk is told as such, and resumes in the same file`() async throws {
        var faulty = try FaultyStore(makeDisk(1), in: TemporaryFolder())
        let store = try SQLiteStore(faulty.settings)
        faulty.disk.fail(.write, at: 1, with: .noSpace, lasting: true)
        #expect(await faulty.sign(.step(1), with: store).refusal != nil)
        guard case .suspended(let reason) = store.health else {
            Issue.record("health is \(store.health)")
            return
        }
        #expect(reason.contains("space"))
        await #expect(throws: StoreError.self) { try await store.take(Interchange(blocks: [RecordedBlock(1)])) }
        #expect(try await store.status().health == reason)
        faulty.disk.heal()
        try await store.waitUntil { $0 == .ready }
        #expect(await faulty.sign(.step(1), with: store) == .recorded)
        #expect(!faulty.disk.names.contains { $0.hasSuffix(".failed") })
        await store.close()
    }

    @Test(arguments: [FaultDisk.Operation.write, .sync])
    func `the store gets over a fault however many messages come in`(operation: FaultDisk.Operation) async throws {
        var faulty = try FaultyStore(makeDisk(1), in: TemporaryFolder())
        let store = try SQLiteStore(faulty.settings)
        await faulty.live(1...5, with: store)
        faulty.disk.fail(operation, at: 1, with: .inputOutput, lasting: true)
        #expect(await faulty.sign(.step(6), with: store).refusal != nil)
        let stop = Lock(false)
        let disk = faulty.disk
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    while !stop.withLock({ $0 }) {
                        _ = await store.decideOne(.block(1_000, by: [validator(9)]))
                        // A refusal comes without a wait, so this task has to make room for the others by itself.
                        await Task.yield()
                    }
                }
            }
            group.addTask {
                disk.heal()
                try await store.waitUntil { $0 == .ready }
                stop.withLock { $0 = true }
            }
            try await group.waitForAll()
        }
        await faulty.expectReleasedSurvive(in: store, "\(operation)")
        await store.close()
    }

    /// Every way of making a record can fail; none leaves something that stops the next attempt or passes for a record.
    @Test(arguments: FaultDisk.Operation.allCases, faults)
    func `a record whose making failed is not there, and can be made later`(
        operation: FaultDisk.Operation,
        fault: FaultDisk.Fault
    ) async throws {
        for position in 1...50 {
            let comment: Comment = "\(operation) \(position), \(fault)"
            var faulty = try FaultyStore(makeDisk(position), in: TemporaryFolder())
            faulty.disk.fail(operation, at: position, with: fault, lasting: true)
            let store = faulty.open()
            if let store {
                await faulty.live(1...3, with: store)
                await store.close()
            }
            let failed = faulty.disk.failures > 0
            faulty.disk.heal()
            let reopened = try #require(faulty.open(), comment)
            try await reopened.waitUntil { $0 == .ready }
            await faulty.expectReleasedSurvive(in: reopened, comment)
            #expect(await faulty.sign(.step(50), with: reopened) == .recorded, comment)
            await reopened.close()
            if !failed, position > 20 { break }
        }
    }

    /// The second failure hits the way out of the first.
    @Test(arguments: FaultDisk.Operation.allCases, faults)
    func `a rewrite that fails itself is tried again and loses nothing`(
        operation: FaultDisk.Operation,
        fault: FaultDisk.Fault
    ) async throws {
        for position in 1...50 {
            let comment: Comment = "\(operation) \(position), \(fault)"
            let folder = try TemporaryFolder()
            var faulty = FaultyStore(makeDisk(position), in: folder)
            let store = try SQLiteStore(faulty.settings)
            await faulty.live(1...8, with: store)
            faulty.disk.fail(.sync, at: 1, with: .inputOutput, lasting: false)
            faulty.disk.fail(operation, at: position, with: fault, lasting: false)
            _ = await faulty.sign(.step(9), with: store)
            try await store.waitUntil { $0 == .ready }
            await faulty.live(10...14, with: store)
            try await store.waitUntil { $0 == .ready }
            await faulty.live(15...19, with: store)
            faulty.disk.heal()
            try await store.waitUntil { $0 == .ready }
            let files = faulty.disk.survivors()
            await faulty.expectReleasedSurvive(in: store, comment)
            await store.close()
            let survivor = FaultyStore(FaultDisk(files: files, random: SeededGenerator(seed: 1)), in: folder)
            let reopened = try #require(survivor.open(createIfMissing: false), comment)
            await faulty.expectReleasedSurvive(in: reopened, comment)
            await reopened.close()
            if faulty.disk.failures == 1, operation != .write, operation != .sync { break }
        }
    }

    private func makeDisk(_ seed: Int) -> FaultDisk { FaultDisk(random: SeededGenerator(seed: UInt64(seed))) }
}
