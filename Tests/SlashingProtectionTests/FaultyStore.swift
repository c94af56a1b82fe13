// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import FaultVFS
import SQLite
import SlashingProtection
import TestSupport
import Testing

/// A `FaultyDisk` on which a rewrite, once told to stand still, takes until the test lets it go on.
struct StandingDisk: DatabaseDisk {
    private struct State {
        var stands = false
        var isReached = false
    }
    let disk: FaultyDisk
    private let state = Condition(State())

    init(_ disk: FaultyDisk) { self.disk = disk }

    func stand() { state.withLock { $0.stands = true } }
    func goOn() { state.broadcast { $0.stands = false } }
    /// Whether somebody waits for the disk.
    var isReached: Bool { state.withLock { $0.isReached } }

    var vfs: String? { disk.vfs }
    func exists(_ path: String) -> Bool { disk.exists(path) }
    func create(_ path: String) throws(DiskFailure) {
        if path.hasSuffix(".unfinished") {
            state.withLock { $0.isReached = $0.stands }
            _ = state.wait { $0.stands ? nil : true }
        }
        try disk.create(path)
    }
    func move(_ from: String, to target: String) throws(DiskFailure) { try disk.move(from, to: target) }
    func remove(_ path: String) throws(DiskFailure) { try disk.remove(path) }
    func syncFolder(of path: String) throws(DiskFailure) { try disk.syncFolder(of: path) }
}

/// A store over a `FaultDisk`, and the list of what it has allowed to be signed.
struct FaultyStore {
    let folder: TemporaryFolder
    let disk: FaultDisk
    let settings: SQLiteStore.Settings
    private(set) var released: [DutyBatch]

    /// The lock lies in a real folder; the record itself on the disk that fails.
    init(
        _ disk: FaultDisk,
        in folder: TemporaryFolder,
        rowsBetweenCheckpoints: Int = 16_384,
        released: [DutyBatch] = []
    ) {
        self.released = released
        self.folder = folder
        self.disk = disk
        var settings = SQLiteStore.Settings(in: folder)
        settings.disk = FaultyDisk(disk: disk)
        settings.rowsBetweenCheckpoints = rowsBetweenCheckpoints
        settings.retryInterval = .microseconds(200)
        self.settings = settings
    }

    /// Opens the record; nil where that fails.
    func open(createIfMissing: Bool = true) -> SQLiteStore? {
        var settings = settings
        settings.createIfMissing = createIfMissing
        return try? SQLiteStore(settings)
    }

    /// Signs one message and notes whether it may have a signature now.
    @discardableResult
    mutating func sign(_ batch: DutyBatch, with store: SQLiteStore) async -> Verdict {
        let verdict = await store.decideOne(batch)
        if verdict.refusal == nil { released.append(batch) }
        return verdict
    }

    /// Signs the next messages of a life of blocks and votes.
    mutating func live(_ steps: ClosedRange<Int>, with store: SQLiteStore) async {
        for step in steps { await sign(.step(step), with: store) }
    }

    mutating func sign(_ steps: ClosedRange<Int>, together store: SQLiteStore) async {
        let allowed = await withTaskGroup(of: DutyBatch?.self) { group in
            for step in steps {
                group.addTask { await store.decideOne(.step(step)).refusal == nil ? .step(step) : nil }
            }
            return await group.reduce(into: [DutyBatch]()) { if let batch = $1 { $0.append(batch) } }
        }
        released += allowed
    }

    /// The promise: whatever was released is still known, so that a conflicting twin is refused.
    func expectReleasedSurvive(in store: SQLiteStore, _ comment: Comment) async {
        for batch in released {
            let twin = DutyBatch(
                duty: batch.duty,
                signingRoot: root(999_999),
                genesisValidatorsRoot: network,
                records: batch.records
            )
            let verdict = await store.decideOne(twin)
            guard let refusal = verdict.refusal, refusal.isUnsafe else {
                Issue.record("\(comment): \(batch.duty) was released, its twin is \(verdict)")
                return
            }
        }
    }
}

extension DutyBatch {
    /// One message in a life: votes and blocks of four validators, each later than the ones before.
    static func step(_ number: Int) -> DutyBatch {
        let record = [validator(number % 4)]
        let height = UInt64(number / 4)
        return number % 3 == 0
            ? .block(height, root: number, by: record) : .attestation(height, height + 1, root: number, by: record)
    }
}

extension SQLiteStore {
    /// Waits until the store is as `condition` says. Every look asks the writer, so that it gets its turn; the suite's
    /// time limit ends a wait that would not.
    func waitUntil(_ condition: (StoreHealth) -> Bool) async throws {
        while !condition(health) {
            try Task.checkCancellation()
            _ = try? await administer(.highWatermark)
        }
    }
}
