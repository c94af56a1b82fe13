// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL
internal import Glibc

/// One exchange with the server, within a time. After `.lost` and `.timedOut` the owner has to close the connection.
@safe struct Conversation {
    // Sound: the owner of the connection makes a conversation, uses it on its own thread and keeps it no longer than one
    // call.
    private let connection: OpaquePointer
    let deadline: Deadline
    private let notices: Notices
    /// What is asked, for errors.
    let what: String

    init(_ connection: OpaquePointer, _ notices: Notices, deadline: Deadline, what: String) {
        unsafe self.connection = unsafe connection
        self.notices = notices
        self.deadline = deadline
        self.what = what
    }

    /// All statements, one Sync, then everything that comes until its answer. Only that answer means success: an implicit
    /// transaction is committed at the Sync and can still fail there, after every statement has given its result.
    func run(_ statements: [PostgreSQLStatement]) throws(PostgreSQLError) -> [ResultTable] {
        guard unsafe PQenterPipelineMode(connection) == 1 else { throw lost() }
        for statement in statements { try send(statement) }
        guard unsafe PQpipelineSync(connection) == 1 else { throw lost() }

        var tables: [ResultTable] = []
        var failure: PostgreSQLError?
        var isComplete = false
        // After each statement's result comes an absent one.
        var endsLeft = statements.count + 2
        while !isComplete {
            guard let table = try nextResult() else {
                endsLeft -= 1
                guard endsLeft > 0 else { throw .lost(reason: "the server's answers are out of step") }
                continue
            }
            switch table.status {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: tables.append(table)
            case PGRES_FATAL_ERROR: try keepFirst(table.error, in: &failure)
            case PGRES_PIPELINE_ABORTED: break
            case PGRES_PIPELINE_SYNC: isComplete = true
            default: throw .lost(reason: "the server answered \(what) with something other than rows")
            }
        }
        guard unsafe PQexitPipelineMode(connection) == 1 else { throw lost() }
        try refuseUnreplicated()
        if let failure { throw failure }
        guard tables.count == statements.count else { throw .lost(reason: "the server's answers are out of step") }
        return tables
    }

    /// A script in one message (`PQsendQuery`).
    func execute(script: String) throws(PostgreSQLError) {
        guard unsafe PQsendQuery(connection, script) == 1 else { throw lost() }
        var failure: PostgreSQLError?
        while let table = try nextResult() {
            switch table.status {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
            case PGRES_FATAL_ERROR: try keepFirst(table.error, in: &failure)
            default: throw .lost(reason: "\(what) is not a script of plain commands (COPY cannot be used)")
            }
        }
        try refuseUnreplicated()
        if let failure { throw failure }
    }

    /// "Committed" was said, but the configured standbys may not have it: in doubt, as if the answer had not come.
    private func refuseUnreplicated() throws(PostgreSQLError) {
        guard notices.isReplicationInDoubt else { return }
        throw .lost(
            reason: "the wait for a synchronous standby was cancelled on the server; what was committed may be on one "
                + "server only"
        )
    }

    private func send(_ statement: PostgreSQLStatement) throws(PostgreSQLError) {
        let encoded = EncodedParameters(statement.parameters)
        let lengths = encoded.ranges.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: lengths.count)
        let isSent = unsafe encoded.bytes.withUnsafeBytes { bytes in
            let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = unsafe encoded.ranges.map { range in
                unsafe range.flatMap { range in unsafe start.map { unsafe $0 + range.lowerBound } }
            }
            return unsafe PQsendQueryParams(
                connection,
                statement.sql,
                Int32(lengths.count),
                encoded.types,
                values,
                lengths,
                formats,
                1
            ) == 1
        }
        guard isSent else { throw lost() }
    }

    /// The next result; nil where the library has none for the current statement any more.
    /// Sends what still waits to be sent, and reads meanwhile: a server that cannot write stops reading.
    private func nextResult() throws(PostgreSQLError) -> ResultTable? {
        while true {
            let unsent = unsafe PQflush(connection)
            guard unsent >= 0 else { throw lost() }
            if unsafe PQisBusy(connection) == 0 {
                return unsafe PQgetResult(connection).map { unsafe ResultTable($0) }
            }
            let events = unsent > 0 ? POLLIN | POLLOUT : POLLIN
            guard let ready = unsafe deadline.wait(for: events, on: PQsocket(connection)) else {
                throw .timedOut(what: what)
            }
            if ready != POLLOUT {
                guard unsafe PQconsumeInput(connection) == 1 else { throw lost() }
            }
        }
    }

    /// An error that ends the connection is thrown at once: no answer to the Sync comes after it.
    private func keepFirst(_ error: PostgreSQLError, in failure: inout PostgreSQLError?) throws(PostgreSQLError) {
        if case .lost(let reason) = error { throw .lost(reason: notices.farewell ?? reason) }
        failure = failure ?? error
    }

    private func lost() -> PostgreSQLError {
        unsafe .lost(reason: notices.farewell ?? ErrorText.last(of: connection))
    }
}
