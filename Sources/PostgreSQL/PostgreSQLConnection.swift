// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL

/// One connection to a server that can be written to. Used by one thread at a time, which it blocks, never longer than
/// the limits given. Closed when its owner lets go.
///
/// A statement whose answer does not come is not cancelled on the server: the library's request for that opens another
/// connection, without a limit in time. The connection is closed instead, so a server that only stood still may still do
/// afterwards what it was sent.
@safe package struct PostgreSQLConnection: ~Copyable, @unchecked Sendable {
    // Sound: a `PGconn` may be used by any one thread at a time; being noncopyable, it has one owner, and everything
    // that touches the socket is mutating.
    /// Nil once the connection is closed.
    private var handle: OpaquePointer?
    private let notices = Notices()
    private let longest: Duration?

    /// Connects, within `settings.connectTimeout` over all hosts. A server that is a standby, or on which sessions are
    /// read-only, is passed over.
    package init(_ settings: PostgreSQLSettings) throws(PostgreSQLError) {
        let connection = try unsafe Dialing.connect(settings)
        unsafe notices.receive(of: connection)
        unsafe handle = unsafe connection
        longest = settings.socketTimeout
    }

    deinit { unsafe PQfinish(handle) }

    /// Sends all statements in one round trip (libpq's pipeline mode, one Sync at the end); their results in order.
    ///
    /// Without a BEGIN among them they are one transaction, which has been committed when this returns. After `.server`,
    /// thrown for the first that fails, the server has skipped the others; a transaction that is open then, by a BEGIN
    /// here or before, is rolled back. What a COMMIT among the statements had already committed stays.
    ///
    /// A commit whose wait for synchronous standbys was cancelled on the server is `.lost`: it is on one server only.
    package mutating func run(
        _ statements: [PostgreSQLStatement],
        within limit: Duration
    ) throws(PostgreSQLError) -> [ResultTable] {
        guard let first = statements.first else { return [] }
        let others = statements.count > 1 ? " and \(statements.count - 1) more" : ""
        let conversation = try conversation("\(firstWords(of: first.sql))\(others)", within: limit)
        do throws(PostgreSQLError) {
            return try conversation.run(statements)
        } catch {
            settle(after: error, conversation)
            throw error
        }
    }

    /// Runs a script of several commands without parameters (the simple query protocol), for migrations. Without BEGIN
    /// and COMMIT in it, the script is one transaction. After an error as `run`.
    ///
    /// - Precondition: the script holds no NUL character.
    package mutating func execute(script: String, within limit: Duration) throws(PostgreSQLError) {
        precondition(!script.utf8.contains(0), "SQL with a NUL character")
        let conversation = try conversation("the script \(firstWords(of: script))", within: limit)
        do throws(PostgreSQLError) {
            try conversation.execute(script: script)
        } catch {
            settle(after: error, conversation)
            throw error
        }
    }

    /// False for ever after `.lost` and `.timedOut`.
    package var isUsable: Bool { unsafe handle != nil && PQstatus(handle) == CONNECTION_OK }

    /// `150020` for 15.20; 0 once the connection is closed.
    package var serverVersion: Int { unsafe handle.map { unsafe Int(PQserverVersion($0)) } ?? 0 }

    /// The socket, to be watched for becoming readable while idle: then the server has ended the connection. -1 once it
    /// is closed.
    package var descriptor: Int32 { unsafe handle.map { unsafe PQsocket($0) } ?? -1 }

    /// What the server has said beside its answers since this was last asked; the last few.
    package mutating func takeNotices() -> [Notice] { notices.takeAll() }

    private func conversation(_ words: String, within limit: Duration) throws(PostgreSQLError) -> Conversation {
        guard let handle = unsafe handle else { throw .lost(reason: "it was closed before, and nothing was sent") }
        let time = min(limit, longest ?? limit)
        let what = "\(words), within \(time)"
        notices.beginConversation()
        return unsafe Conversation(handle, notices, deadline: Deadline(after: time), what: what)
    }

    /// Leaves the connection without a transaction, or closed.
    private mutating func settle(after error: PostgreSQLError, _ conversation: Conversation) {
        guard case .server = error else { return close() }
        guard unsafe PQtransactionStatus(handle) != PQTRANS_IDLE else { return }
        do throws(PostgreSQLError) {
            try conversation.execute(script: "ROLLBACK")
        } catch { close() }
    }

    private mutating func close() {
        unsafe PQfinish(handle)
        unsafe handle = nil
    }
}

/// Enough of a statement to recognise it in an error; no values, those are parameters.
private func firstWords(of sql: String) -> String {
    sql.split(maxSplits: 4, whereSeparator: \.isWhitespace).prefix(4).joined(separator: " ")
}
