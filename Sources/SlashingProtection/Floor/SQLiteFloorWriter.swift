// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import SQLite

/// The loop of the thread that owns a floor. Faults are treated as the record's are: a full disk is probed, a failed sync
/// is never tried again on the same file.
struct SQLiteFloorWriter: ~Copyable {
    private static let quietBeforeCheckpoint = Duration.milliseconds(500)
    private static let rowsBetweenCheckpoints = 16_384

    private var record: SQLiteFloorRecord
    private let file: SQLiteFile
    private let lock: DatabaseLock
    private let inbox: Condition<FloorInbox>
    private let shared: Lock<FloorView>
    private var service: Service
    private var rowsSinceCheckpoint = 0

    init(
        record: consuming SQLiteFloorRecord,
        file: SQLiteFile,
        lock: DatabaseLock,
        service: Service,
        inbox: Condition<FloorInbox>,
        shared: Lock<FloorView>
    ) {
        self.record = record
        self.file = file
        self.lock = lock
        self.service = service
        self.inbox = inbox
        self.shared = shared
    }

    private var health: StoreHealth { service.health }

    mutating func run() {
        while true {
            let work = inbox.wait(timeout: pause(), until: { $0.take() })
            if let work { commit(work.changes) }
            recoverIfDue()
            if work == nil || rowsSinceCheckpoint >= Self.rowsBetweenCheckpoints { checkpoint() }
            if let work, work.isClosing {
                checkpoint()
                return
            }
        }
    }

    /// How long to wait for work before looking after the file; nil is for ever.
    private func pause() -> Duration? {
        if let pause = service.pause { return pause }
        return rowsSinceCheckpoint > 0 && health == .ready ? Self.quietBeforeCheckpoint : nil
    }

    /// Writes all changes, commits once, shows them, then lets everybody go.
    private mutating func commit(_ changes: [WaitingChange]) {
        guard !changes.isEmpty else { return }
        if let reason = health.reason { return refuse(changes, reason) }
        let plan = FloorPlan(changes, over: shared.withLock { $0 })
        do throws(SQLiteError) {
            try record.transaction { () throws(SQLiteError) in
                for (key, marks) in plan.marks { try record.write(marks, of: key) }
                if plan.changesCondition { try record.write(plan.condition) }
            }
        } catch {
            return refuse(changes, service.stop(after: error))
        }
        rowsSinceCheckpoint += plan.marks.count + 1
        shared.withLock { view in
            view.marks.merge(plan.marks) { $1 }
            view.condition = plan.condition
        }
        for waiting in changes { waiting.caller.resume(returning: .success(())) }
    }

    private func refuse(_ changes: [WaitingChange], _ reason: String) {
        for waiting in changes { waiting.caller.resume(returning: .failure(.storage(reason: reason))) }
    }

    // MARK: Faults

    /// Tries to get back into service, where it is time.
    private mutating func recoverIfDue() {
        guard let health = service.due else { return }
        if case .rewriting = health { return rewrite() }
        do throws(SQLiteError) {
            // A write and a sync that succeed show that the disk takes the floor again.
            try record.transaction { () throws(SQLiteError) in try record.probe() }
            service.resume()
        } catch {
            service.stop(after: error)
        }
    }

    /// Copies the floor to a new file, verifies it, and puts it in the place of the old one.
    private mutating func rewrite() {
        do throws(StoreError) {
            try SQLiteRewrite.copy(record.connection, to: file)
            do throws(DiskFailure) { try file.replaceWithRewritten() } catch { throw .storage(reason: "\(error)") }
            record = try SQLiteFloorRecord.open(file)
            do throws(DiskFailure) { try file.unmark() } catch { throw .storage(reason: "\(error)") }
            rowsSinceCheckpoint = 0
            service.resume()
        } catch {
            service.stop(.rewriting(reason: "rewriting the floor failed, trying again: \(error)"))
        }
    }

    /// Copies the log into the database; a sync that fails here is told, as it is in the record.
    private mutating func checkpoint() {
        guard rowsSinceCheckpoint > 0, health == .ready else { return }
        rowsSinceCheckpoint = 0
        do throws(SQLiteError) { try record.connection.checkpoint() } catch { service.stop(after: error) }
    }
}

/// What a group of changes comes to.
private struct FloorPlan {
    /// Only those that rise.
    private(set) var marks: [PublicKey: Watermarks] = [:]
    private(set) var condition: FloorCondition
    private(set) var changesCondition = false

    init(_ changes: [WaitingChange], over view: FloorView) {
        condition = view.condition
        for waiting in changes {
            switch waiting.change {
            case .condition(let change): change(&condition)
            case .raise(let release):
                let reached = Watermarks(reaching: release.duty)
                for record in release.records {
                    let key = record.publicKey
                    let before = marks[key] ?? view.marks[key] ?? Watermarks()
                    let after = before.raised(to: reached)
                    if after != before { marks[key] = after }
                }
                // During an alarm what was seen stays as it is told.
                if condition.alarm == nil, let seen = release.seen { see(seen) }
            }
        }
        changesCondition = condition != view.condition
    }

    /// Answers may come in another order than the database was written in.
    private mutating func see(_ identity: DatabaseIdentity) {
        if let last = condition.seen, identity.isStepBack(from: last) { return }
        condition.seen = identity
    }
}
