// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import PostgreSQL

/// The state of a chamber of several instances, in two tables of a PostgreSQL database, in the schema
/// `containment_chamber`. Changes are one transaction each, one after the other.
package final class PostgreSQLState: StateStore {
    private let settings: PostgreSQLSettings
    private let session = Lock(SessionBox())
    /// How long a call may take, connecting left out.
    private static let limit = Duration.seconds(5)

    /// Connects, and makes the tables where there are none: a chamber without tokens is closed, so an empty state gives
    /// nothing away.
    ///
    /// Blocks: not on the pool.
    package init(_ settings: PostgreSQLSettings) throws(StateError) {
        self.settings = settings
        try session.withLock { box throws(StateError) in
            try box.use(settings) { connection throws(PostgreSQLError) in try StateTables.prepare(&connection) }
        }
    }

    package func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        try await perform { connection throws(PostgreSQLError) in
            .reading(try StateTables.read(&connection, after: revision, within: Self.limit))
        }.reading
    }

    @discardableResult
    package func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let outcome = try await perform { connection throws(PostgreSQLError) in
            try StateTables.apply(&connection, changes, within: Self.limit)
        }
        switch outcome {
        case .conflict(let name): throw .conflict(name)
        case .applied(let revision): return revision
        case .reading: preconditionFailure("a change was answered with rows")
        }
    }

    private func perform(
        _ work: @escaping @Sendable (inout PostgreSQLConnection) throws(PostgreSQLError) -> StateOutcome
    ) async throws(StateError) -> StateOutcome {
        let result = await Blocking.run(name: "signer-state") { [self] () -> Result<StateOutcome, StateError> in
            session.withLock { box -> Result<StateOutcome, StateError> in
                do throws(StateError) { return .success(try box.use(settings, work)) } catch { return .failure(error) }
            }
        }
        return try result.get()
    }

    package func close() async {
        await Blocking.run(name: "signer-state") { [self] in session.withLock { $0.close() } }
    }
}

/// What a call came to.
enum StateOutcome: Sendable {
    case reading(StateReading)
    case applied(UInt64)
    case conflict(StateRowName)

    var reading: StateReading {
        guard case .reading(let reading) = self else { preconditionFailure("rows were asked for") }
        return reading
    }
}

/// The one connection, made again where it was lost.
private struct SessionBox: ~Copyable {
    private var connection: PostgreSQLConnection?
    private var isClosed = false

    init() { connection = nil }

    mutating func close() {
        connection = nil
        isClosed = true
    }

    mutating func use<Result>(
        _ settings: PostgreSQLSettings,
        _ work: (inout PostgreSQLConnection) throws(PostgreSQLError) -> Result
    ) throws(StateError) -> Result {
        guard !isClosed else { throw .unavailable(reason: "it is closed") }
        do throws(PostgreSQLError) {
            var current: PostgreSQLConnection
            if let standing = connection.take(), standing.isUsable {
                current = standing
            } else {
                current = try PostgreSQLConnection(settings)
            }
            let result = try work(&current)
            connection = consume current
            return result
        } catch {
            // A connection after an error is not kept: the next call makes one.
            switch error {
            case .server(let state, _) where state.hasPrefix("42") || state.hasPrefix("3"):
                throw .unusable(reason: "\(settings): \(error)")
            case .settings: throw .unusable(reason: "\(error)")
            default: throw .unavailable(reason: "\(settings): \(error)")
            }
        }
    }
}
