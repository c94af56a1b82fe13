// SPDX-License-Identifier: Apache-2.0

/// What stands above the server: it decides from the head alone, and names what will answer once the body is there.
package protocol HTTPHandler: Sendable {
    /// Called on the thread of the socket before a byte of the body is taken: it may look things up in memory, and must
    /// neither wait nor compute for long.
    func admit(_ head: RequestHead) -> Admission
}

/// Looks at a whole body and gives an answer where the request is not to be worked on at all. Neither waits nor computes.
package typealias Shedding = @Sendable (_ head: RequestHead, _ body: [UInt8]) -> Response?

/// The decision about a head.
package enum Admission: Sendable {
    /// Takes the body, at most `bodyLimit` bytes (nil: the limit of the server), and then runs `respond` in a task on the
    /// executor of the server, for `answerLimit` at most (nil: as long as the server lets any). What `admit` learnt travels
    /// in the closure. Before that `shed` may answer, on the thread of the socket: under overload a refusal must cost less
    /// than a task.
    case proceed(
        bodyLimit: Int? = nil,
        answerLimit: Duration? = nil,
        shed: Shedding? = nil,
        respond: @Sendable (Request) async -> Response
    )
    /// Answers now, without a task, whatever else is busy. A body that was announced is thrown away where it is small;
    /// else the connection closes after the answer.
    case answer(Response)
    /// The same for a refusal of the server's own, which it tells of.
    case refuse(Refusal)
    /// The same for a refusal of which whoever made it has told already.
    case refused(Response)

    /// What is answered without a body; nil where the request goes on.
    package func answer(to head: RequestHead) -> Response? {
        switch self {
        case .proceed: nil
        case .answer(let response), .refused(let response): response
        case .refuse(let refusal): refusal.response(acceptsJSON: head.acceptsJSON)
        }
    }
}
