// SPDX-License-Identifier: Apache-2.0
internal import HTTPServer
internal import Signer
internal import Telemetry

/// How an admin action ended.
struct ActionEnd: Sendable {
    let response: Response
    /// Nil where the action goes on, and tells its end itself.
    let outcome: AuditEvent.Outcome?
    /// What it was about, where that is known only now.
    let subject: String?

    init(_ response: Response, _ outcome: AuditEvent.Outcome?, subject: String? = nil) {
        self.response = response
        self.outcome = outcome
        self.subject = subject
    }
}

extension AuditTrail {
    /// Does an admin action between two lines: one before that it is begun, one behind that says how it ended.
    ///
    /// A line before alone would tell of things that did not happen; one behind alone would leave none of something that
    /// did, where the disk fails in between. So without the first line nothing is done, and where only the last one
    /// cannot be written the answer is an error that says what was done.
    func perform(
        _ name: String,
        on subject: String,
        for caller: Caller,
        _ action: @Sendable () async -> ActionEnd
    ) async -> Response {
        var event = AuditEvent(.administration(name, subject: subject), .begun)
        event.caller = caller.kind
        if caller != .local { event.peer = caller.description }
        do throws(AuditUnavailable) { try await record(event) } catch {
            return .unaudited(error)
        }
        let end = await action()
        guard let outcome = end.outcome else { return end.response }
        event.action = .administration(name, subject: end.subject ?? subject)
        event.outcome = outcome
        do throws(AuditUnavailable) { try await record(event) } catch {
            return .unfinished(outcome, end.subject ?? subject, error)
        }
        return end.response
    }
}

extension AuditTrail {
    /// Tells of an action that has ended, in one line, before it is answered. For what strangers can try: a line before each
    /// would let them fill the file.
    ///
    /// - Parameter count: how often it was tried since the last such line.
    func tell(
        _ name: String,
        of end: ActionEnd,
        on subject: String,
        for caller: Caller,
        count: Int = 1
    ) async -> Response {
        guard var outcome = end.outcome else { return end.response }
        if count > 1, case .refused(let code, let detail) = outcome {
            outcome = .refused(
                code: code,
                detail: (detail.map { "\($0); " } ?? "") + "\(count) since the last such line"
            )
        }
        var event = AuditEvent(.administration(name, subject: end.subject ?? subject), outcome)
        event.caller = caller.kind
        if caller != .local { event.peer = caller.description }
        do throws(AuditUnavailable) { try await record(event) } catch {
            return .unfinished(outcome, end.subject ?? subject, error)
        }
        return end.response
    }
}

extension Response {
    /// Nothing is done that cannot be told of.
    static func unaudited(_ problem: AuditUnavailable) -> Response {
        .error(503, code: "audit_unavailable", message: "nothing was done: \(problem)", retryAfterSeconds: 1)
    }

    /// The action has ended, and the line that says so could not be written.
    fileprivate static func unfinished(
        _ outcome: AuditEvent.Outcome,
        _ subject: String,
        _ problem: AuditUnavailable
    ) -> Response {
        switch outcome {
        case .begun, .done:
            .error(
                500,
                code: "audit_incomplete",
                message:
                    "THIS WAS DONE (\(subject)), but its audit line says only that it was begun: \(problem). A secret "
                    + "that it made is not shown: take it back when the file can be written again"
            )
        case .refused(_, let detail), .failed(_, let detail):
            .error(
                503,
                code: "audit_unavailable",
                message:
                    "this was not done (\(detail ?? subject)), and its audit line could not be written: \(problem)",
                retryAfterSeconds: 1
            )
        }
    }
}
