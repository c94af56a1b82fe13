// SPDX-License-Identifier: Apache-2.0

/// Why the server itself refuses a request, before any handler of a route sees it.
package enum Refusal: Sendable, Hashable {
    /// The head can be read in two ways, or breaks the grammar; the reason says where.
    case malformed(String)
    /// More head than the limit, in bytes or in fields.
    case headTooLarge
    /// More body than the route takes.
    case bodyTooLarge(limit: Int)
    /// A chunked body with anything but plain chunks.
    case malformedChunk
    /// An `Expect` that is not `100-continue`.
    case unknownExpectation
    /// All memory set aside for bodies is in use.
    case bodyBudgetSpent
    /// The handler did not answer within the limit.
    case tookTooLong
    /// The server is about to stop.
    case stopping
    /// No route has this path.
    case notFound
    /// The path exists, with other methods.
    case methodNotAllowed([Method])
    /// The route cannot produce what the client accepts.
    case notAcceptable
    /// The `Host` is not in the list.
    case hostNotAuthorized
    /// A web page of another site sent it, and it is not a question alone.
    case crossSite
    /// The client's certificate was accepted when the connection was opened, and is not any more.
    case certificateNotAccepted(String)
    /// The port is the one that is left beside a TLS port; the message says where that is.
    case tlsRequired(String)

    package var status: Int {
        switch self {
        case .malformed, .malformedChunk: 400
        case .hostNotAuthorized, .crossSite, .certificateNotAccepted, .tlsRequired: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .bodyTooLarge: 413
        case .unknownExpectation: 417
        case .headTooLarge: 431
        case .bodyBudgetSpent, .tookTooLong, .stopping: 503
        }
    }

    /// The words behind the status (RFC 9110 §15), for answers that do not go through the library.
    var phrase: String {
        switch status {
        case 413: "Content Too Large"
        case 431: "Request Header Fields Too Large"
        default: "Bad Request"
        }
    }

    /// The stable name in the JSON body.
    package var code: String {
        switch self {
        case .malformed: "malformed_request"
        case .malformedChunk: "malformed_chunk"
        case .hostNotAuthorized: "host_not_authorized"
        case .crossSite: "cross_site"
        case .certificateNotAccepted: "certificate_not_accepted"
        case .tlsRequired: "tls_required"
        case .notFound: "not_found"
        case .methodNotAllowed: "method_not_allowed"
        case .notAcceptable: "not_acceptable"
        case .bodyTooLarge: "body_too_large"
        case .unknownExpectation: "unknown_expectation"
        case .headTooLarge: "head_too_large"
        case .bodyBudgetSpent, .tookTooLong: "overloaded"
        case .stopping: "stopping"
        }
    }

    /// What happened, in plain ASCII without quotes: it goes into JSON as it is.
    package var message: String {
        switch self {
        case .malformed(let reason): reason
        case .malformedChunk: "the chunked body is not made of plain chunks"
        case .hostNotAuthorized: "Host not authorized."
        case .crossSite: "a web page of another site may not ask for this"
        case .certificateNotAccepted(let reason), .tlsRequired(let reason): reason
        case .notFound: "no such path"
        case .methodNotAllowed: "the path exists with other methods, see Allow"
        case .notAcceptable: "this path cannot answer in a form the request accepts"
        case .bodyTooLarge(let limit): "the body is larger than \(limit) bytes"
        case .unknownExpectation: "only Expect: 100-continue is understood"
        case .headTooLarge: "the head of the request is too large"
        case .bodyBudgetSpent: "too many request bodies at once, try again"
        case .tookTooLong: "the request was not answered in time, try again"
        case .stopping: "the server is stopping"
        }
    }

    /// The answer: JSON where `acceptsJSON`, else the message as text. Retries are invited where they help.
    package func response(acceptsJSON: Bool) -> Response {
        var answer: Response
        if case .hostNotAuthorized = self {
            answer = .json(Array(#"{"message":"Host not authorized."}"#.utf8))
        } else if acceptsJSON {
            answer = .json(Array(#"{"error":{"code":"\#(code)","message":"\#(message)"}}"#.utf8))
        } else {
            answer = .text(message)
        }
        answer.status = status
        switch self {
        case .bodyBudgetSpent, .tookTooLong, .stopping: answer.headers = [.init("Retry-After", "1")]
        case .methodNotAllowed(let allowed):
            answer.headers = [.init("Allow", allowed.map(\.name).joined(separator: ", "))]
        default: break
        }
        return answer
    }
}
