// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import Concurrency
internal import DynamoDB

extension DynamoDBStore {
    package func prepare(for instance: FloorInstance, seen: DatabaseIdentity?) {
        watch.prepare(for: instance, seen: seen)
    }

    package func watch(_ beginLook: @escaping @Sendable () -> @Sendable (DatabaseIdentity) -> Void) {
        sights.set(beginLook)
    }

    package var connectionGeneration: UInt64 { state.withLock { $0.generation } }

    package func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer {
        if state.withLock({ $0.isClosed }) { throw .storage(reason: "the slashing record is closed") }
        switch task {
        case .compare(let marks):
            if let reason = health.reason { throw .storage(reason: reason) }
            let identity = try await lookAtTable()
            var comparison = try await record.compare(marks, in: watch.table)
            comparison.identity = identity
            comparison.hasHistory = try await holdsHistory(comparison.hasHistory, isAsked: marks.isEmpty)
            return .comparison(comparison)
        case .register(let instance):
            try await record.register(instance, in: watch.table)
            return .registered
        case .merge(let merge):
            try await lookAtTable()
            let (report, count) = try await record.merge(merge, in: watch.table, countAbove: watch.least)
            watch.note(count)
            return .merged(
                FloorMergeReport(
                    raised: report.raised,
                    recovery: report.recovery,
                    identity: watch.identity(count: count)
                )
            )
        }
    }

    /// Whoever holds marks against the record does not ask whether it has anything; the others may cost a whole scan, but
    /// only until something is there.
    private func holdsHistory(_ isKnown: Bool, isAsked: Bool) async throws(StoreError) -> Bool {
        if state.withLock({ $0.holdsHistory }) { return true }
        let answer = isKnown ? true : isAsked ? try await record.holdsHistory() : false
        if answer { state.withLock { $0.holdsHistory = true } }
        return answer
    }

    /// Asks which table it is, and looks at it. What fails here makes health say so and is no alarm.
    @discardableResult
    private func lookAtTable() async throws(StoreError) -> DatabaseIdentity? {
        let description: TableDescription
        do throws(DynamoDBError) { description = try await record.database.describeTable(record.table) } catch {
            throw failure(error)
        }
        do throws(StoreError) { try record.check(description) } catch {
            suspend("\(error)")
            throw error
        }
        enter(description)
        do throws(DynamoDBError) { return try await watch.look() } catch { throw failure(error) }
    }

    private func failure(_ error: DynamoDBError) -> StoreError {
        _ = suspend(after: error)
        return record.failure(error)
    }

    /// Another table under the same name is met as a new connection is.
    private func enter(_ description: TableDescription) {
        guard watch.enter(description) else { return }
        state.withLock { state in
            state.generation += 1
            state.holdsHistory = false
        }
    }

    // MARK: Health

    /// Suspends signing where more than one validator would meet the failure. Gives the reason.
    func suspend(after error: DynamoDBError) -> String {
        let reason = "\(record.place): \(error)"
        if error.concernsWholeTable { suspend(reason) }
        return reason
    }

    /// Says that signing is not protected now, and looks by itself until it is again: a signer that reports itself down may
    /// get no requests that would show it.
    private func suspend(_ reason: String) {
        let mustProbe = state.withLock { state in
            if state.health == .ready { state.generation += 1 }
            state.health = .suspended(reason: reason)
            state.failures += 1
            guard !state.isProbing, !state.isClosed else { return false }
            state.isProbing = true
            return true
        }
        if mustProbe { Task { [self] in await probe() } }
    }

    private func probe() async {
        while true {
            try? await Task.sleep(for: record.settings.retryInterval)
            let failures = state.withLock { $0.isClosed ? nil : $0.failures }
            guard let failures else { return }
            do throws(StoreError) {
                enter(try await record.verify())
            } catch {
                state.withLock { $0.health = .suspended(reason: "\(error)") }
                continue
            }
            let isOver = state.withLock { state in
                // A failure meanwhile counts.
                guard state.failures == failures else { return false }
                state.health = .ready
                state.isProbing = false
                return true
            }
            if isOver { return }
        }
    }

    /// Looks at a table that nobody has asked for a while, so that health is honest without a message.
    func startBeat() {
        guard let pause = record.settings.beat else { return }
        let task = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: pause)
                guard let self, !Task.isCancelled else { return }
                guard health == .ready, watch.quiet >= pause else { continue }
                let tell = sights.begin()
                if let identity = try? await lookAtTable() { tell(identity) }
            }
        }
        state.withLock { $0.beat = task }
    }
}

extension DynamoDBError {
    /// Whether other validators would meet it too.
    fileprivate var concernsWholeTable: Bool {
        switch self {
        case .conditionFailed, .canceled, .malformed, .aws(.throttled): false
        case .tableMissing, .tableExists, .aws: true
        }
    }
}
