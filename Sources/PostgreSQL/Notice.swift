// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL

/// What a server says beside its answers. Of the parts of the message only the primary one: detail and context can hold
/// values.
package struct Notice: Equatable, Sendable {
    /// `WARNING`, `NOTICE`, …; `FATAL` where a session was ended while nothing was asked.
    package let severity: String
    package let sqlState: String
    package let message: String

    /// Whether the server took the session away with it: SQLSTATE classes 57P (operator intervention) and 58 (system).
    var endsSession: Bool {
        severity == "FATAL" || severity == "PANIC" || sqlState.hasPrefix("57P") || sqlState.hasPrefix("58")
    }
}

/// The notices of one connection since its owner last asked. Used by the thread that uses the connection: libpq calls
/// only from within its functions.
final class Notices {
    private(set) var all: [Notice] = []
    /// Whether a commit of the conversation under way was answered before its synchronous standbys had it.
    private(set) var isReplicationInDoubt = false
    /// More are not kept: a script can raise any number.
    private static let most = 20

    /// Has the library bring the connection's notices here instead of to the standard error output.
    ///
    /// Sound while whoever owns the connection keeps this as long.
    func receive(of connection: OpaquePointer) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context = unsafe context, let result = unsafe result else { return }
                let notices = unsafe Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue()
                unsafe notices.add(ErrorText.notice(result))
                if unsafe ErrorText.endsReplicationWait(result) { notices.isReplicationInDoubt = true }
            },
            context
        )
    }

    private func add(_ notice: Notice) {
        if all.count == Self.most { all.removeFirst() }
        all.append(notice)
    }

    func beginConversation() { isReplicationInDoubt = false }

    func takeAll() -> [Notice] {
        defer { all = [] }
        return all
    }

    /// Why the server ended the session, where it has said so while nothing was asked: libpq then only knows that the
    /// connection is closed.
    var farewell: String? {
        all.last(where: \.endsSession).map { "\($0.message) (SQLSTATE \($0.sqlState))" }
    }
}
