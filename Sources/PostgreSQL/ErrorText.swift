// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL

/// From what libpq and the server say to our errors.
enum ErrorText {
    /// What the library says of its last failure, in one line.
    static func last(of connection: OpaquePointer) -> String {
        let text = unsafe PQerrorMessage(connection).map { unsafe String(cString: $0) } ?? ""
        return oneLine(text)
    }

    private static func oneLine(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.split(whereSeparator: \.isWhitespace) }
        let joined = lines.map { $0.joined(separator: " ") }.joined(separator: " ")
        return joined.isEmpty ? "no reason was given" : joined
    }

    /// What an operator can do about the refusals that our own defaults bring about.
    static func withAdvice(_ reason: String) -> String {
        if reason.contains("does not support SSL") {
            return reason + " (the URL can say sslmode=disable where the network is trusted)"
        }
        if reason.contains("certificate verify failed") {
            return reason + " (sslrootcert in the URL names the file with the authority to trust)"
        }
        if reason.contains("session is read-only") || reason.contains("read-only mode") {
            return reason + " (only the primary can be used)"
        }
        return reason
    }

    /// Whether a notice says that a commit did not wait to the end for its synchronous standbys (`SyncRepWaitForLSN` in the
    /// server's sources). It comes as a mere warning, and the COMMIT is answered as if nothing had happened. The text is
    /// for servers that do not say which function speaks.
    static func endsReplicationWait(_ notice: OpaquePointer) -> Bool {
        if let function = unsafe chamber_pq_source_function(notice).map({ unsafe String(cString: $0) }) {
            return function == "SyncRepWaitForLSN"
        }
        let message = unsafe chamber_pq_primary_message(notice).map { unsafe String(cString: $0) } ?? ""
        return message.contains("wait for synchronous replication")
    }

    /// The error that a result carries. Without an SQLSTATE it comes from the library, and with severity FATAL or PANIC
    /// the server ends the session: both mean that the connection is gone. Only the primary message is taken: detail and
    /// context can hold values.
    static func error(_ result: OpaquePointer) -> PostgreSQLError {
        guard let state = unsafe chamber_pq_sqlstate(result).map({ unsafe String(cString: $0) }) else {
            return .lost(reason: oneLine(unsafe PQresultErrorMessage(result).map { unsafe String(cString: $0) } ?? ""))
        }
        let message = oneLine(unsafe chamber_pq_primary_message(result).map { unsafe String(cString: $0) } ?? "")
        let severity = unsafe chamber_pq_severity(result).map { unsafe String(cString: $0) }
        if severity == "FATAL" || severity == "PANIC" { return .lost(reason: "\(message) (SQLSTATE \(state))") }
        return .server(sqlState: state, message: message)
    }

    static func notice(_ result: OpaquePointer) -> Notice {
        Notice(
            severity: unsafe chamber_pq_severity(result).map { unsafe String(cString: $0) } ?? "",
            sqlState: unsafe chamber_pq_sqlstate(result).map { unsafe String(cString: $0) } ?? "",
            message: oneLine(unsafe chamber_pq_primary_message(result).map { unsafe String(cString: $0) } ?? "")
        )
    }
}
