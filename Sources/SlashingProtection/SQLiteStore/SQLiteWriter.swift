// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus
internal import SQLite

/// The loop of the thread that owns the record.
struct SQLiteWriter: ~Copyable {
    static let interruptedByFailedSync =
        "a sync of the slashing record failed before; the record is being rewritten to a new file"
    /// How long nothing must happen before the log is copied into the database.
    private static let quietBeforeCheckpoint = Duration.milliseconds(500)

    var record: SQLiteRecord
    let file: SQLiteFile
    private let lock: DatabaseLock
    let settings: SQLiteStore.Settings
    private let inbox: Condition<WriterInbox>
    private var service: Service
    private var rowsSinceCheckpoint = 0
    /// A task of an operator that goes on, one validator at a time, between the commits of signing.
    private var job: RunningJob?

    init(
        record: consuming SQLiteRecord,
        file: SQLiteFile,
        lock: DatabaseLock,
        settings: SQLiteStore.Settings,
        inbox: Condition<WriterInbox>,
        state: Lock<StoreHealth>
    ) {
        self.record = record
        self.file = file
        self.lock = lock
        self.settings = settings
        self.inbox = inbox
        service = Service(of: file, health: state, retryInterval: settings.retryInterval)
    }

    var health: StoreHealth { service.health }

    /// Works until the store closes. While the record cannot be written, every batch is refused at once and the writer
    /// tries by itself to get over the fault, however much there is to refuse.
    mutating func run() {
        while true {
            let takesTask = job == nil
            let work = inbox.wait(timeout: pause(), until: { $0.take(withTask: takesTask) })
            if let work {
                commit(work.batches)
                if let task = work.task { job = RunningJob(task) }
            }
            let isQuiet = work == nil && job == nil
            continueJob()
            recoverIfDue()
            if isQuiet || rowsSinceCheckpoint >= settings.rowsBetweenCheckpoints { checkpoint() }
            if let work, work.isClosing {
                checkpoint()
                return
            }
        }
    }

    /// How long to wait for work before looking after the file; nil is for ever.
    private func pause() -> Duration? {
        if job != nil { return .zero }
        if let pause = service.pause { return pause }
        return rowsSinceCheckpoint > 0 && health == .ready ? Self.quietBeforeCheckpoint : nil
    }

    private mutating func continueJob() {
        guard var running = job.take() else { return }
        if !running.proceed(&self) { job = running }
    }

    // MARK: Signing

    /// Checks all batches in order, commits once, then answers all.
    private mutating func commit(_ batches: [WaitingBatch]) {
        guard !batches.isEmpty else { return }
        if let reason = health.reason {
            for waiting in batches { waiting.answer(waiting.batch.refused(reason)) }
            return
        }
        do throws(SQLiteError) {
            let settings = settings
            let verdicts = try transaction { record throws(SQLiteError) in
                try SQLiteWriter.decide(batches, record: &record, settings: settings)
            }
            for (waiting, answer) in zip(batches, verdicts) { waiting.answer(answer) }
        } catch {
            let reason = stop(after: error)
            for waiting in batches { waiting.answer(waiting.batch.refused(reason)) }
        }
    }

    private static func decide(
        _ batches: [WaitingBatch],
        record: inout SQLiteRecord,
        settings: SQLiteStore.Settings
    ) throws(SQLiteError) -> [[Verdict]] {
        let conditions = RecordConditions(
            pinnedRoot: settings.genesisValidatorsRoot,
            highWatermark: try record.highWatermark(),
            latestEpoch: settings.latestEpoch(),
            slotsPerEpoch: settings.slotsPerEpoch
        )
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
        commit: Bool = true,
        _ body: (inout SQLiteRecord) throws(SQLiteError) -> Result
    ) throws(SQLiteError) -> Result {
        do throws(SQLiteError) {
            let changesBefore = record.connection.totalChanges
            try record.statements.begin.run()
            let result = try body(&record)
            if commit {
                try record.statements.commit.run()
                rowsSinceCheckpoint += Int(record.connection.totalChanges - changesBefore)
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
    mutating func stop(after error: SQLiteError) -> String { service.stop(after: error) }

    /// Tries to get back into service, where it is time.
    private mutating func recoverIfDue() {
        guard let health = service.due else { return }
        if case .rewriting = health { return rewrite() }
        do throws(SQLiteError) {
            // A write and a sync that succeed show that the disk takes records again.
            try transaction { record throws(SQLiteError) in try record.probe() }
            service.resume()
        } catch {
            stop(after: error)
        }
    }

    /// Copies the record to a new file, verifies it, and puts it in the place of the old one. The old connection stays
    /// open until the new one is: whatever fails on the way, the next attempt reads from it.
    private mutating func rewrite() {
        do throws(StoreError) {
            try SQLiteRewrite.copy(record.connection, to: file)
            do throws(DiskFailure) { try file.replaceWithRewritten() } catch { throw .storage(reason: "\(error)") }
            record = try file.open(pinnedTo: settings.genesisValidatorsRoot)
            do throws(DiskFailure) { try file.unmark() } catch { throw .storage(reason: "\(error)") }
            rowsSinceCheckpoint = 0
            service.resume()
        } catch {
            service.stop(.rewriting(reason: "rewriting the slashing record failed, trying again: \(error)"))
        }
    }

    /// Copies the log into the database. Done by us and not by SQLite after a commit, which would not tell of a sync
    /// that failed here.
    private mutating func checkpoint() {
        guard rowsSinceCheckpoint > 0, health == .ready else { return }
        rowsSinceCheckpoint = 0
        do throws(SQLiteError) {
            try record.connection.checkpoint()
        } catch {
            stop(after: error)
        }
    }
}
