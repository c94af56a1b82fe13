// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import PostgreSQL

/// A database between two starts of its server, as the database itself tells it.
struct Incarnation: Sendable {
    let name: String
    let identity: DatabaseIdentity
}

/// The incarnations that a store has met, numbered. A floor is held against each new one before anything is released.
final class Incarnations: Sendable {
    private let state = Lock((generation: UInt64(0), name: ""))
    private let refusing = Lock<UInt64?>(nil)

    /// The generation that took no writes when it was last asked; nil where all is well.
    ///
    /// Only there is a write tried before a message: it moves the database on, and in one that was set back that would hide
    /// the step from the other instances' floors.
    var refusingGeneration: UInt64? {
        get { refusing.withLock { $0 } }
        set { refusing.withLock { $0 = newValue } }
    }

    var generation: UInt64 { state.withLock { $0.generation } }

    /// The number of an incarnation that a connection has found. The one of before keeps its number; any other, also an
    /// older one, gets a new number.
    @discardableResult
    func enter(_ found: Incarnation) -> UInt64 {
        state.withLock { state in
            if state.name != found.name { state = (state.generation + 1, found.name) }
            return state.generation
        }
    }
}

/// A connection that has been held against the settings, and what answers on it.
struct PostgreSQLSession: ~Copyable {
    var connection: PostgreSQLConnection
    let incarnation: String
    let generation: UInt64
}

extension Optional where Wrapped: ~Copyable {
    /// Lends what is there to `body`, and keeps it whatever comes of that.
    mutating func lend<Result, Failure: Error>(
        or absence: Failure,
        _ body: (inout Wrapped) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard var value = take() else { throw absence }
        do throws(Failure) {
            let result = try body(&value)
            self = consume value
            return result
        } catch {
            self = consume value
            throw error
        }
    }
}

extension PostgreSQLError {
    static var notConnected: PostgreSQLError { .lost(reason: "there is no connection") }
}
