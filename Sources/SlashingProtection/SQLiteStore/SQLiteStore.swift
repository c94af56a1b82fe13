// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Consensus
package import SQLite

/// The record in one SQLite file, for one process. A thread of its own takes everything that waits, checks it in order,
/// commits once, and only then answers (group commit). It never waits while there is something to do.
package final class SQLiteStore: RecordStore {
    /// How a record is opened.
    package struct Settings: Sendable {
        package var path: String
        package var genesisValidatorsRoot: Root
        package var slotsPerEpoch: UInt64
        /// The latest epoch that may be signed now; nil without a clock guard.
        package var latestEpoch: @Sendable () -> Epoch?
        package var createIfMissing: Bool
        /// Where the files are; tests put a disk here that fails.
        package var disk: any DatabaseDisk
        /// How long the writer rests between attempts to get over a fault.
        package var retryInterval: Duration
        /// Rows after which the log is copied into the database even when there is no quiet moment.
        package var rowsBetweenCheckpoints = 16_384

        package init(
            path: String,
            genesisValidatorsRoot: Root,
            slotsPerEpoch: UInt64 = 32,
            latestEpoch: @escaping @Sendable () -> Epoch? = { nil },
            createIfMissing: Bool = false,
            disk: any DatabaseDisk = SystemDisk(),
            retryInterval: Duration = .seconds(1)
        ) {
            self.path = path
            self.genesisValidatorsRoot = genesisValidatorsRoot
            self.slotsPerEpoch = slotsPerEpoch
            self.latestEpoch = latestEpoch
            self.createIfMissing = createIfMissing
            self.disk = disk
            self.retryInterval = retryInterval
        }
    }

    private let inbox = Condition(WriterInbox())
    private let state = Lock(StoreHealth.ready)
    private let writer: Concurrency.Thread

    /// Opens an existing record, or makes it where `createIfMissing` says so, and starts the writer.
    package init(_ settings: Settings) throws(StoreError) {
        let file = SQLiteFile(path: settings.path, disk: settings.disk)
        let lock = try file.lock()
        let mustRewrite = try file.finishInterruptedReplacement()
        if !file.exists {
            try file.refuseTraces()
            guard settings.createIfMissing else { throw .missing(path: settings.path) }
            try file.create(pinnedTo: settings.genesisValidatorsRoot)
        }
        let record = try file.open(pinnedTo: settings.genesisValidatorsRoot)
        if !mustRewrite { try Self.unmark(file) }
        let inbox = inbox
        let state = state
        if mustRewrite { state.withLock { $0 = .rewriting(reason: SQLiteWriter.interruptedByFailedSync) } }
        let box = Lock<SQLiteRecord?>(record)
        writer = Concurrency.Thread(name: "slashing-db", stackSize: 2 * 1024 * 1024) {
            guard let record = box.withLock({ $0.take() }) else { return }
            var writer = SQLiteWriter(
                record: record,
                file: file,
                lock: lock,
                settings: settings,
                inbox: inbox,
                state: state
            )
            writer.run()
        }
    }

    /// Makes a new record, pinned to a network; refuses where a file is already there.
    package static func initialize(_ settings: Settings) throws(StoreError) {
        let file = SQLiteFile(path: settings.path, disk: settings.disk)
        let lock = try file.lock()
        try file.create(pinnedTo: settings.genesisValidatorsRoot)
        _ = lock
    }

    private static func unmark(_ file: SQLiteFile) throws(StoreError) {
        do throws(DiskFailure) { try file.unmark() } catch { throw .storage(reason: "\(error)") }
    }

    package var health: StoreHealth { state.withLock { $0 } }

    package func decide(_ batch: DutyBatch) async -> [Verdict] {
        // Not behind the copy of a large record that is being rewritten: who has to wait should learn it now. The writer
        // looks again, so this only saves the wait.
        if let reason = health.reason { return batch.refused(reason) }
        return await withCheckedContinuation { continuation in
            let accepted = inbox.withLock { inbox in inbox.append(WaitingBatch(batch, continuation)) }
            if !accepted { continuation.resume(returning: batch.refused("the slashing record is closed")) }
        }
    }

    package func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        let result: Result<AdministrativeAnswer, StoreError> = await withCheckedContinuation { continuation in
            let accepted = inbox.withLock { inbox in inbox.append(WaitingTask(task, continuation)) }
            if !accepted {
                let reason = "the slashing record is closed, or too many tasks wait for it; try again"
                continuation.resume(returning: .failure(.storage(reason: reason)))
            }
        }
        return try result.get()
    }

    package func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer {
        let result: Result<FloorAnswer, StoreError> = await withCheckedContinuation { continuation in
            let accepted = inbox.withLock { inbox in inbox.append(WaitingTask(task, continuation)) }
            if !accepted {
                let reason = "the slashing record is closed, or too many tasks wait for it; try again"
                continuation.resume(returning: .failure(.storage(reason: reason)))
            }
        }
        return try result.get()
    }

    package func close() async {
        inbox.broadcast { $0.isClosing = true }
        await withCheckedContinuation { continuation in
            // Joining blocks, so it happens on a thread of its own.
            _ = Concurrency.Thread(name: "closing") {
                self.writer.join()
                continuation.resume()
            }
        }
    }

    deinit { inbox.broadcast { $0.isClosing = true } }
}

extension DutyBatch {
    /// The same refusal for every record: nothing could be checked.
    func refused(_ reason: String) -> [Verdict] {
        records.map { _ in .refused(.notCheckable(reason: reason)) }
    }
}

/// A batch whose caller waits for the verdicts.
struct WaitingBatch: Sendable {
    let batch: DutyBatch
    private let continuation: CheckedContinuation<[Verdict], Never>

    init(_ batch: DutyBatch, _ continuation: CheckedContinuation<[Verdict], Never>) {
        self.batch = batch
        self.continuation = continuation
    }

    func answer(_ verdicts: [Verdict]) { continuation.resume(returning: verdicts) }
}

/// A task whose caller waits: of an operator, or of the floor.
struct WaitingTask: Sendable {
    typealias Caller<Answer> = CheckedContinuation<Result<Answer, StoreError>, Never>

    enum Work: Sendable {
        case administration(AdministrativeTask, Caller<AdministrativeAnswer>)
        case floor(FloorTask, Caller<FloorAnswer>)
    }
    let work: Work

    init(_ task: AdministrativeTask, _ caller: Caller<AdministrativeAnswer>) { work = .administration(task, caller) }
    init(_ task: FloorTask, _ caller: Caller<FloorAnswer>) { work = .floor(task, caller) }
}

/// What waits for the writer. Blocks pass in front of attestations; administration comes when nothing waits for a
/// signature, or after every full commit.
struct WriterInbox: Sendable {
    /// Entries of one commit: enough to make a sync cheap for each, few enough that a block never waits long.
    static let largestCommit = 512
    /// Tasks of administration that may wait; one that takes long must not gather callers without end.
    static let mostTasks = 64

    private var blocks: [WaitingBatch] = []
    private var attestations: [WaitingBatch] = []
    private var tasks: [WaitingTask] = []
    var isClosing = false

    mutating func append(_ waiting: WaitingBatch) -> Bool {
        guard !isClosing else { return false }
        if case .block = waiting.batch.duty { blocks.append(waiting) } else { attestations.append(waiting) }
        return true
    }

    mutating func append(_ waiting: WaitingTask) -> Bool {
        guard !isClosing, tasks.count < Self.mostTasks else { return false }
        tasks.append(waiting)
        return true
    }

    /// Takes the next commit's work and, if asked, one task; nil while there is nothing to do.
    mutating func take(withTask: Bool) -> (batches: [WaitingBatch], task: WaitingTask?, isClosing: Bool)? {
        let task = withTask && !tasks.isEmpty ? tasks.removeFirst() : nil
        if blocks.isEmpty, attestations.isEmpty, task == nil, !(isClosing && withTask) { return nil }
        var batches = blocks
        blocks.removeAll(keepingCapacity: true)
        if batches.isEmpty, attestations.count <= Self.largestCommit {
            swap(&batches, &attestations)
        } else {
            let count = min(attestations.count, max(0, Self.largestCommit - batches.count))
            batches.append(contentsOf: attestations.prefix(count))
            attestations.removeFirst(count)
        }
        let isLast = isClosing && task == nil && blocks.isEmpty && attestations.isEmpty && tasks.isEmpty
        return (batches, task, isLast && withTask)
    }
}
