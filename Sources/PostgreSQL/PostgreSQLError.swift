// SPDX-License-Identifier: Apache-2.0

/// A call that did not succeed. Never holds a password or a value of a statement.
package enum PostgreSQLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The URL cannot be used.
    case settings(reason: String)
    /// No connection came about; nothing was sent.
    case unreachable(reason: String)
    /// The server said no, and the connection can be used again. What the failing transaction did is undone.
    case server(sqlState: String, message: String)
    /// The connection broke and is closed. What was sent may have happened, may not, or may still happen.
    case lost(reason: String)
    /// No answer came in time and the connection is closed: in doubt as with `lost`.
    case timedOut(what: String)

    package var description: String {
        switch self {
        case .settings(let reason): "the PostgreSQL URL cannot be used: \(reason)"
        case .unreachable(let reason): "no connection to PostgreSQL: \(reason)"
        case .server(let state, let message): "PostgreSQL refused: \(message) (SQLSTATE \(state))"
        case .lost(let reason): "the connection to PostgreSQL was lost: \(reason)"
        case .timedOut(let what): "PostgreSQL did not answer in time: \(what)"
        }
    }
}
