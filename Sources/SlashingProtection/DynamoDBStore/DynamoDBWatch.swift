// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import DynamoDB

/// What an instance with a floor knows of the table, and its looks at it.
///
/// Each instance has an item with a count that it alone raises, and never lowers: once with every look. A table that was
/// set back says less than what the instance knows to have written, however much others have written since. Only the
/// instance itself may raise the count, and only from where it left it: while the table is behind, the count stands still.
final class DynamoDBWatch: Sendable {
    private struct State {
        var instance: FloorInstance?
        /// The highest count that the table is known to have had.
        var least: UInt64 = 0
        /// The identifier of the table as it was described last.
        var table: String?
        var lastLook: UInt64 = 0
        /// The newest look; who comes before it has begun shares it.
        var newest: Task<Result<DatabaseIdentity?, DynamoDBError>, Never>?
        var newestHasBegun = true
    }

    private let record: DynamoDBRecord
    private let state = Lock(State())

    init(_ record: DynamoDBRecord, _ description: TableDescription) {
        self.record = record
        state.withLock { $0.table = description.identifier }
    }

    /// Nil for a store without a floor.
    var instance: FloorInstance? { state.withLock { $0.instance } }
    /// Nil where the service gives tables no identifiers.
    var table: String? { state.withLock { $0.table } }
    var least: UInt64 { state.withLock { $0.least } }

    func prepare(for instance: FloorInstance, seen: DatabaseIdentity?) {
        state.withLock { state in
            state.instance = instance
            state.least = max(state.least, seen?.position ?? 0)
        }
    }

    /// Takes over what a description says; true where it is another table than before.
    func enter(_ description: TableDescription) -> Bool {
        state.withLock { state in
            defer { state.table = description.identifier }
            return state.table != description.identifier
        }
    }

    /// The count is known to be this high.
    func note(_ count: UInt64) { state.withLock { $0.least = max($0.least, count) } }

    func identity(count: UInt64) -> DatabaseIdentity {
        DatabaseIdentity(system: table ?? "unnamed", timeline: 0, position: count)
    }

    /// How long ago the table answered a look.
    var quiet: Duration {
        .nanoseconds(Int64(clamping: MonotonicClock.nanoseconds &- state.withLock { $0.lastLook }))
    }

    /// Looks at the table, after this call has begun; nil for a store without a floor. One look serves all who wait for
    /// one when it begins, and one is under way at a time: a burst costs few.
    func look() async throws(DynamoDBError) -> DatabaseIdentity? {
        let task = state.withLock { state in
            if let newest = state.newest, !state.newestHasBegun { return newest }
            let previous = state.newest
            let task = Task { [self] () -> Result<DatabaseIdentity?, DynamoDBError> in
                _ = await previous?.value
                let (instance, least) = self.state.withLock { state in
                    state.newestHasBegun = true
                    return (state.instance, state.least)
                }
                do throws(DynamoDBError) { return .success(try await look(instance, least)) } catch {
                    return .failure(error)
                }
            }
            state.newest = task
            state.newestHasBegun = false
            return task
        }
        return try await task.value.get()
    }

    private func look(_ instance: FloorInstance?, _ least: UInt64) async throws(DynamoDBError) -> DatabaseIdentity? {
        guard let instance else {
            _ = try await record.database.getItem(table: record.table, key: DynamoDBLayout.header)
            state.withLock { $0.lastLook = MonotonicClock.nanoseconds }
            return nil
        }
        let count: UInt64
        do throws(DynamoDBError) {
            let item = try await record.database.updateItem(
                table: record.table,
                key: DynamoDBLayout.looks(of: instance),
                Expression("ADD look_count :one", values: [":one": .number(1)]),
                where: Expression("look_count >= :least", values: [":least": .number(least)]),
                mayHappenTwice: true
            )
            guard let number = item["look_count"]?.number else {
                throw .malformed(reason: "the item of instance \(instance.digits) has no count")
            }
            count = number
            note(count)
        } catch .conditionFailed(let item) {
            // Set back, or the instance is not known there.
            count = item?["look_count"]?.number ?? 0
        }
        state.withLock { $0.lastLook = MonotonicClock.nanoseconds }
        return identity(count: count)
    }
}
