// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import PostgreSQL

/// The state of a chamber of several instances, in two tables of a PostgreSQL database, in the schema
/// `containment_chamber`. Changes are one transaction each, one after the other.
package final class PostgreSQLState: StateStore {
    private let settings: PostgreSQLSettings
    private let connection: Lock<RecoveringConnection>
    /// How long a call may take, connecting left out.
    private static let limit = Duration.seconds(5)

    /// Connects, and makes the tables where there are none: a chamber without tokens is closed, so an empty state gives
    /// nothing away.
    ///
    /// Blocks: not on the pool.
    package init(_ settings: PostgreSQLSettings) throws(StateError) {
        self.settings = settings
        connection = Lock(RecoveringConnection(settings))
        _ = try use(mayHappenTwice: true) { connection throws(PostgreSQLError) in
            try StateTables.prepare(&connection)
        }.get()
    }

    package func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        try await perform(mayHappenTwice: true) { connection throws(PostgreSQLError) in
            .reading(try StateTables.read(&connection, after: revision, within: Self.limit))
        }.reading
    }

    @discardableResult
    package func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let outcome = try await perform(mayHappenTwice: false) { connection throws(PostgreSQLError) in
            try StateTables.apply(&connection, changes, within: Self.limit)
        }
        switch outcome {
        case .conflict(let name): throw .conflict(name)
        case .exhausted(let name): throw .exhausted(name)
        case .applied(let revision): return revision
        case .reading: preconditionFailure("a change was answered with rows")
        }
    }

    private func perform(
        mayHappenTwice: Bool,
        _ work: @escaping @Sendable (inout PostgreSQLConnection) throws(PostgreSQLError) -> StateOutcome
    ) async throws(StateError) -> StateOutcome {
        let result = await Blocking.run(name: "signer-state") { [self] in use(mayHappenTwice: mayHappenTwice, work) }
        return try result.get()
    }

    private func use<Value>(
        mayHappenTwice: Bool,
        _ work: (inout PostgreSQLConnection) throws(PostgreSQLError) -> Value
    ) -> Result<Value, StateError> {
        connection.withLock { (connection) -> Result<Value, StateError> in
            do throws(PostgreSQLError) {
                return .success(try connection.use(mayHappenTwice: mayHappenTwice, work))
            } catch { return .failure(StateError(error, settings)) }
        }
    }

    package func close() async {
        await Blocking.run(name: "signer-state") { [self] in connection.withLock { $0.close() } }
    }
}

/// What a call came to.
enum StateOutcome: Sendable {
    case reading(StateReading)
    case applied(UInt64)
    case conflict(StateRowName)
    case exhausted(StateRowName)

    var reading: StateReading {
        guard case .reading(let reading) = self else { preconditionFailure("rows were asked for") }
        return reading
    }
}

extension StateError {
    fileprivate init(_ error: PostgreSQLError, _ settings: PostgreSQLSettings) {
        switch error {
        case .server(let state, _) where state.hasPrefix("42") || state.hasPrefix("3"):
            self = .unusable(reason: "\(settings): \(error)")
        case .settings: self = .unusable(reason: "\(error)")
        default: self = .unavailable(reason: "\(settings): \(error)")
        }
    }
}
