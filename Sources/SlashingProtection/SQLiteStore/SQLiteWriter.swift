// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus
internal import SQLite

/// The loop of the thread that owns the record.
struct SQLiteWriter: ~Copyable {
    static let interruptedByFailedSync =
        "a sync of the slashing record failed before; the record is being rewritten to a new file"
    /// Rows after which the log is copied into the database even when there is no quiet moment.
    private static let rowsBetweenCheckpoints = 16_384
    /// How long nothing must happen before the log is copied into the database.
    private static let quietBeforeCheckpoint = Duration.milliseconds(500)

    var record: SQLiteRecord
    let file: SQLiteFile
    private let lock: RecordLock
    let settings: SQLiteStore.Settings
    private let inbox: Condition<WriterInbox>
    let state: Lock<StoreHealth>
    var rowsSinceCheckpoint = 0
    /// A task of an operator that goes on, one validator at a time, between the commits of signing.
    private var job: RunningJob?

    init(
        record: consuming SQLiteRecord, file: SQLiteFile, lock: RecordLock, settings: SQLiteStore.Settings,
        inbox: Condition<WriterInbox>, state: Lock<StoreHealth>
    ) {
        self.record = record
        self.file = file
        self.lock = lock
        self.settings = settings
        self.inbox = inbox
        self.state = state
    }

    /// Works until the store closes. While the record cannot be written, every batch is refused at once and the writer
    /// tries by itself to get over the fault.
    mutating func run() {
        while true {
            let health = state.withLock { $0 }
            let takesTask = job == nil
            guard let work = inbox.wait(timeout: pause(health), until: { $0.take(withTask: takesTask) }) else {
                if job != nil { continueJob() } else if health.recoversByItself { recover(from: health) } else { checkpoint() }
                continue
            }
            commit(work.batches)
            if let task = work.task { job = RunningJob(task) }
            if job != nil { continueJob() }
            if rowsSinceCheckpoint >= Self.rowsBetweenCheckpoints { checkpoint() }
            if work.isClosing {
                checkpoint()
                return
            }
        }
    }

    /// How long to wait for work before looking after the file; nil is for ever.
    private func pause(_ health: StoreHealth) -> Duration? {
        if job != nil { return .zero }
        if health.recoversByItself { return settings.retryInterval }
        return rowsSinceCheckpoint > 0 && health == .ready ? Self.quietBeforeCheckpoint : nil
    }

    private mutating func continueJob() {
        guard var running = job.take() else { return }
        if let result = running.step(&self) { running.answer(result) } else { job = running }
    }

    // MARK: Signing

    /// Checks all batches in order, commits once, then answers all.
    private mutating func commit(_ batches: [WaitingBatch]) {
        guard !batches.isEmpty else { return }
        if let reason = state.withLock({ $0.reason }) {
            for waiting in batches { waiting.answer(waiting.batch.refused(reason)) }
            return
        }
        do throws(SQLiteError) {
            let settings = settings
            let verdicts = try transaction { record throws(SQLiteError) in
                try SQLiteWriter.decide(batches, record: &record, settings: settings)
            }
            rowsSinceCheckpoint += batches.count
            for (waiting, answer) in zip(batches, verdicts) { waiting.answer(answer) }
        } catch {
            let reason = stop(after: error)
            for waiting in batches { waiting.answer(waiting.batch.refused(reason)) }
        }
    }

    private static func decide(
        _ batches: [WaitingBatch], record: inout SQLiteRecord, settings: SQLiteStore.Settings
    ) throws(SQLiteError) -> [[Verdict]] {
        let conditions = RecordConditions(
            pinnedRoot: settings.genesisValidatorsRoot, highWatermark: try record.highWatermark(),
            latestEpoch: settings.latestEpoch(), slotsPerEpoch: settings.slotsPerEpoch)
        var verdicts: [[Verdict]] = []
        verdicts.reserveCapacity(batches.count)
        for waiting in batches {
            var answers: [Verdict] = []
            for identity in waiting.batch.records {
                answers.append(try record.decide(waiting.batch, for: identity, conditions: conditions))
            }
            verdicts.append(answers)
        }
        return verdicts
    }

    /// Runs `body` and makes it durable, or leaves no trace of it.
    mutating func transaction<Result>(
        commit: Bool = true, _ body: (inout SQLiteRecord) throws(SQLiteError) -> Result
    ) throws(SQLiteError) -> Result {
        do throws(SQLiteError) {
            try record.connection.execute("BEGIN IMMEDIATE")
            let result = try body(&record)
            if commit {
                try record.connection.execute("COMMIT")
            } else {
                try record.connection.execute("ROLLBACK")
                record.forget()
            }
            return result
        } catch {
            record.forget()
            // Some failures have ended the transaction already.
            if record.connection.isInTransaction { try? record.connection.execute("ROLLBACK") }
            throw error
        }
    }

    // MARK: Faults

    /// Takes the store out of service after a fault; says why.
    @discardableResult
    mutating func stop(after error: SQLiteError) -> String {
        let health: StoreHealth
        switch error.kind {
        case .full:
            health = .suspended(reason: "no space left for the slashing record \(file.path); free some, signing resumes by itself")
        case .syncFailed:
            file.mark()
            health = .rewriting(
                reason: "a sync of the slashing record \(file.path) failed (\(error.message)); it is being rewritten to a new file, "
                    + "look at the disk")
        case .corrupt:
            health = .unusable(
                reason: "the slashing record \(file.path) is damaged (\(error.message)); restore it from a backup taken after the "
                    + "last signature, then restart")
        case .inputOutput, .busy, .cannotOpen, .constraint, .other:
            health = .suspended(reason: "the slashing record \(file.path) cannot be written: \(error)")
        }
        state.withLock { $0 = health }
        return health.reason ?? ""
    }

    /// Tries to get back into service.
    private mutating func recover(from health: StoreHealth) {
        do throws(SQLiteError) {
            switch health {
            case .suspended:
                // A write and a sync that succeed show that the disk takes records again.
                try transaction { record throws(SQLiteError) in try record.probe() }
                state.withLock { $0 = .ready }
            case .rewriting: rewrite()
            case .ready, .unusable: break
            }
        } catch {
            stop(after: error)
        }
    }

    /// Copies the record to a new file, verifies it, and puts it in the place of the old one.
    private mutating func rewrite() {
        do throws(StoreError) {
            try SQLiteRewrite.copy(record.connection, to: file)
            try file.replaceWithRewritten()
            record = try file.open(pinnedTo: settings.genesisValidatorsRoot)
            rowsSinceCheckpoint = 0
            state.withLock { $0 = .ready }
        } catch {
            state.withLock { $0 = .rewriting(reason: "rewriting the slashing record failed, trying again: \(error)") }
        }
    }

    /// Copies the log into the database. Done by us and not by SQLite after a commit, which would not tell of a sync
    /// that failed here.
    private mutating func checkpoint() {
        guard rowsSinceCheckpoint > 0, state.withLock({ $0 }) == .ready else { return }
        rowsSinceCheckpoint = 0
        do throws(SQLiteError) {
            try record.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        } catch {
            stop(after: error)
        }
    }
}

extension StoreHealth {
    var recoversByItself: Bool {
        switch self {
        case .suspended, .rewriting: true
        case .ready, .unusable: false
        }
    }
}
