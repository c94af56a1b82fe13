// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Consensus
internal import SQLite

/// A task of an operator that runs in steps, so that signing goes on between them: 4,000 validators with full history
/// would hold it up for seconds.
protocol AdministrativeJob: Sendable {
    /// Does a little, in a transaction of its own. Nil while there is more to do.
    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer?
}

/// A task under way, with the caller that waits for it.
struct RunningJob: Sendable {
    private enum Work: Sendable {
        case administration(any AdministrativeJob, WaitingTask.Caller<AdministrativeAnswer>)
        case floor(FloorTask, WaitingTask.Caller<FloorAnswer>)
    }
    private var work: Work

    init(_ waiting: WaitingTask) {
        switch waiting.work {
        case .administration(let task, let caller): work = .administration(Self.job(for: task), caller)
        case .floor(let task, let caller): work = .floor(task, caller)
        }
    }

    private static func job(for task: AdministrativeTask) -> any AdministrativeJob {
        switch task {
        case .take(let interchange, let dryRun): ImportJob(interchange, dryRun: dryRun)
        case .register(let records): RegistrationJob(records)
        case .outline: SingleStepJob { writer throws(StoreError) in try writer.outline() }
        case .give(let validators): ExportJob(validators)
        case .verify(let validators): VerificationJob(validators)
        case .prune(let validators, let keepEpochs): PruningJob(validators, keepEpochs: keepEpochs)
        case .count(let validators): CountingJob(validators)
        case .disable(let validators, _): EnablingJob(validators, isEnabled: false)
        // Nobody else ever held this record: whoever disabled a validator was this instance.
        case .enable(let validators, _): EnablingJob(validators, isEnabled: true)
        case .disabled(let wanted):
            SingleStepJob { writer throws(StoreError) in try writer.disabled(among: wanted) }
        case .raiseLowWatermarks(let slot, let epoch): WatermarkJob(slot: slot, epoch: epoch)
        case .setHighWatermark(let mark):
            SingleStepJob { writer throws(StoreError) in try writer.setHighWatermark(mark) }
        case .highWatermark: SingleStepJob { writer throws(StoreError) in try writer.readHighWatermark() }
        case .status: SingleStepJob { writer throws(StoreError) in try writer.status() }
        }
    }

    /// Does a little more of it; true once the caller has been answered.
    mutating func proceed(_ writer: inout SQLiteWriter) -> Bool {
        switch work {
        case .administration(var job, let caller):
            do throws(StoreError) {
                let answer = try job.step(&writer)
                work = .administration(job, caller)
                guard let answer else { return false }
                caller.resume(returning: .success(answer))
            } catch {
                caller.resume(returning: .failure(error))
            }
        case .floor(let task, let caller):
            do throws(StoreError) {
                caller.resume(returning: .success(try writer.perform(task)))
            } catch {
                caller.resume(returning: .failure(error))
            }
        }
        return true
    }
}

/// What needs no steps.
private struct SingleStepJob: AdministrativeJob {
    let body: @Sendable (inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer

    init(_ body: @escaping @Sendable (inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer) {
        self.body = body
    }

    func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? { try body(&writer) }
}

extension SQLiteWriter {
    /// A transaction whose failures are told in this module's words; a fault of the disk also stops signing.
    mutating func administrativeTransaction<Result>(
        commit: Bool = true,
        _ body: (inout SQLiteRecord) throws(SQLiteError) -> Result
    ) throws(StoreError) -> Result {
        if let reason = health.reason { throw .storage(reason: reason) }
        do throws(SQLiteError) {
            return try transaction(commit: commit, body)
        } catch {
            stop(after: error)
            throw StoreError(error, path: file.path)
        }
    }

    fileprivate mutating func outline() throws(StoreError) -> AdministrativeAnswer {
        let keys = try administrativeTransaction { record throws(SQLiteError) in try record.allValidators() }
        return .outline(
            RecordOutline(
                genesisValidatorsRoot: settings.genesisValidatorsRoot,
                validators: keys.map { RecordIdentity($0) }
            )
        )
    }

    fileprivate mutating func readHighWatermark() throws(StoreError) -> AdministrativeAnswer {
        .watermark(try administrativeTransaction { record throws(SQLiteError) in try record.highWatermark() })
    }

    /// Sets or clears the end of signing. It must lie above every low watermark, as in Web3Signer (§5.4).
    fileprivate mutating func setHighWatermark(_ mark: HighWatermark?) throws(StoreError) -> AdministrativeAnswer {
        if let mark {
            let lowest = try administrativeTransaction { record throws(SQLiteError) in try record.highestLowWatermarks()
            }
            try mark.refuse(
                belowSlot: lowest.slot,
                epoch: [lowest.source, lowest.target].compactMap(\.self).max()
            )
        }
        try administrativeTransaction { record throws(SQLiteError) in try record.setHighWatermark(mark) }
        return .watermark(mark)
    }

    fileprivate mutating func status() throws(StoreError) -> AdministrativeAnswer {
        // A record that cannot be written can still be looked at.
        do throws(SQLiteError) {
            let counts = try record.counts()
            return .status(
                RecordStatus(
                    backend: "sqlite",
                    path: file.path,
                    schemaVersion: SQLiteSchema.version,
                    genesisValidatorsRoot: settings.genesisValidatorsRoot.description,
                    validators: counts.validators,
                    disabled: counts.disabled,
                    highWatermark: try record.highWatermark(),
                    health: health
                )
            )
        } catch {
            throw StoreError(error, path: file.path)
        }
    }
}
