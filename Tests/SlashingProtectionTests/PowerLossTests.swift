// SPDX-License-Identifier: Apache-2.0
import Consensus
import FaultVFS
import SlashingProtection
import TestSupport
import Testing

/// The power goes between any two operations of the disk. Unsynced writes are dropped, reordered or torn, unsynced names
/// may be gone; what was released must still be known.
@Suite(.timeLimit(.minutes(10))) struct PowerLossTests {
    static let crashPoints = 1_000

    @Test func `every released record survives a thousand crash points`() async throws {
        var seeds = SeededGenerator.fromEnvironment()
        let seed = seeds.seed
        for number in 0..<Self.crashPoints {
            let crash = try await Crash(SeededGenerator(seed: seeds.next()), faultsToo: number % 3 == 0)
            if let problem = crash.problem {
                Issue.record("crash \(number), CHAMBER_TEST_SEED=\(seed): \(problem)")
                return
            }
        }
    }

    /// A failed sync, then the process is killed at any later moment, the next one finds in the page cache what never
    /// reached the platter, goes on behind it, and then the power goes.
    @Test func `a process killed after a failed sync leaves nothing that the next one trusts`() async throws {
        for operation in 1... {
            let folder = try TemporaryFolder()
            let disk = FaultDisk(random: SeededGenerator(seed: UInt64(operation)))
            var faulty = FaultyStore(disk, in: folder)
            let store = try #require(faulty.open())
            await faulty.live(1...8, with: store)
            disk.fail(.sync, at: 1, with: .inputOutput, lasting: false)
            disk.cutPower(before: disk.operations + operation)
            await faulty.sign(.step(9), with: store)
            try await store.waitUntil { $0 == .ready || disk.isDead }
            let isOver = !disk.isDead
            await store.close()
            for attempt in 0..<8 {
                let seed = SeededGenerator(seed: UInt64(operation * 8 + attempt))
                var next = FaultyStore(disk.afterKill(random: seed), in: folder, released: faulty.released)
                let second = try #require(next.open(createIfMissing: false), "operation \(operation)")
                try await second.waitUntil { $0 == .ready }
                await next.live(20...24, with: second)
                #expect(next.released.count >= faulty.released.count + 5)
                let files = next.disk.survivors()
                await second.close()
                let last = FaultyStore(FaultDisk(files: files, random: seed), in: folder)
                let third = try #require(last.open(createIfMissing: false), "operation \(operation)")
                try await third.waitUntil { $0 == .ready }
                await next.expectReleasedSurvive(in: third, "operation \(operation), attempt \(attempt)")
                await third.close()
            }
            if isOver { return }
        }
    }

    /// From the first operation of making the record to the last of a rewrite, one after the other.
    @Test func `no step of making or rewriting a record is a bad moment for the power to go`() async throws {
        for operation in 1... {
            let folder = try TemporaryFolder()
            let disk = FaultDisk(random: SeededGenerator(seed: UInt64(operation)))
            var faulty = FaultyStore(disk, in: folder)
            disk.cutPower(before: operation)
            if let store = faulty.open() {
                await faulty.live(1...4, with: store)
                disk.fail(.sync, at: 1, with: .inputOutput, lasting: false)
                await faulty.sign(.step(5), with: store)
                try await store.waitUntil { $0 == .ready || disk.isDead }
                await faulty.live(6...8, with: store)
                await store.close()
            }
            for attempt in 0..<8 {
                let survivor = FaultDisk(
                    files: disk.survivors(),
                    random: SeededGenerator(seed: UInt64(operation * 8 + attempt))
                )
                let after = FaultyStore(survivor, in: folder)
                if faulty.released.isEmpty {
                    // Made anew, or what was made is found; either way it can be used.
                    let store = try #require(after.open(), "operation \(operation): \(survivor.names)")
                    try await store.waitUntil { $0 == .ready }
                    await store.close()
                } else {
                    let store = try #require(after.open(createIfMissing: false), "\(operation): \(survivor.names)")
                    try await store.waitUntil { $0 == .ready }
                    await faulty.expectReleasedSurvive(in: store, "operation \(operation)")
                    await store.close()
                }
            }
            if !disk.isDead {
                #expect(operation > 60, "the whole way has more operations than this")
                return
            }
        }
    }
}

/// One life with one crash or several, each followed by a look at what the next start finds.
private struct Crash {
    private(set) var problem: String?

    init(_ random: SeededGenerator, faultsToo: Bool) async throws {
        var random = random
        let folder = try TemporaryFolder()
        var disk = FaultDisk(random: SeededGenerator(seed: random.next()))
        var released: [DutyBatch] = []
        var step = 1
        for life in 0..<3 {
            var faulty = FaultyStore(
                disk,
                in: folder,
                rowsBetweenCheckpoints: Int.random(in: 3...20, using: &random)
            )
            disk.cutPower(before: disk.operations + Int.random(in: 1...(life == 0 ? 160 : 90), using: &random))
            if faultsToo {
                let operation = FaultDisk.Operation.allCases.randomElement(using: &random) ?? .sync
                disk.fail(
                    operation,
                    at: Int.random(in: 1...20, using: &random),
                    with: .inputOutput,
                    lasting: random.once(in: 3)
                )
            }
            guard let store = faulty.open(createIfMissing: released.isEmpty) else {
                // Dead already, or failed on the way; the next life looks again.
                if !disk.isDead, !faultsToo {
                    problem = "life \(life) cannot open \(disk.names)"
                    return
                }
                disk = FaultDisk(files: disk.survivors(), random: SeededGenerator(seed: random.next()))
                continue
            }
            for _ in 0..<60 where !disk.isDead {
                let count = Int.random(in: 1...6, using: &random)
                await faulty.sign(step...(step + count - 1), together: store)
                step += count
                if random.once(in: 15) { _ = try? await store.prune(keepEpochs: 4) }
                if random.once(in: 15) {
                    let file = Interchange(of: validator(7), blocks: [RecordedBlock(UInt64(step))])
                    _ = try? await store.take(file)
                }
                if random.once(in: 40) { break }
            }
            released += faulty.released
            disk.heal()
            await store.close()
            let seed = SeededGenerator(seed: random.next())
            disk = random.once(in: 3) ? disk.afterKill(random: seed) : FaultDisk(files: disk.survivors(), random: seed)
        }
        disk = FaultDisk(files: disk.survivors(), random: SeededGenerator(seed: random.next()))
        try await look(at: disk, in: folder, released)
    }

    /// The last start, on a disk that works.
    private mutating func look(at disk: FaultDisk, in folder: TemporaryFolder, _ released: [DutyBatch]) async throws {
        let faulty = FaultyStore(disk, in: folder)
        guard let store = faulty.open(createIfMissing: released.isEmpty) else {
            problem = "cannot be opened after the crash: \(disk.names)"
            return
        }
        try await store.waitUntil { $0 == .ready }
        for batch in released {
            let twin = DutyBatch(
                duty: batch.duty,
                signingRoot: root(999_999),
                genesisValidatorsRoot: network,
                records: batch.records
            )
            let verdict = await store.decideOne(twin)
            if verdict.refusal?.isUnsafe != true {
                problem = "\(batch.duty) was released, its twin is \(verdict)"
                break
            }
        }
        await store.close()
    }
}
