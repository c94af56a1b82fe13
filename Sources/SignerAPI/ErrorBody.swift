// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPServer

extension Response {
    /// A refusal in the shape of the whole API: `{"error":{"code":…,"message":…}}` for a client that takes JSON, else
    /// the status' reason phrase as text, which is what Web3Signer sends.
    static func error(
        _ status: Int,
        code: String,
        message: String,
        acceptsJSON: Bool = true,
        retryAfterSeconds: Int? = nil
    ) -> Response {
        var response =
            acceptsJSON
            ? Response.json(encoded(ErrorBody(error: .init(code: code, message: message))), status: status)
            : Response.text(HTTPStatus.reasonPhrase(status), status: status)
        if let retryAfterSeconds { response.headers.append(.init("Retry-After", "\(retryAfterSeconds)")) }
        return response
    }

    /// A value of ours as JSON. Its encoding cannot fail: it holds strings, numbers and lists.
    static func json(_ value: some Encodable, status: Int = 200) -> Response {
        .json(encoded(value), status: status)
    }

    private static func encoded(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            preconditionFailure("a value of the API cannot be encoded: \(error)")
        }
    }
}

struct ErrorBody: Encodable, Documented {
    struct Content: Encodable {
        let code: String
        let message: String
    }
    let error: Content

    static let schema = Schema.named(
        "Error",
        .exactly(
            .required(
                "error",
                .exactly(
                    .required("code", .described(.text(), "A stable word, for programs.")),
                    .required("message", .described(.text(), "A sentence, for people; it may change."))
                )
            )
        )
    )
}

/// Names of the statuses that the API uses (RFC 9110 §15).
enum HTTPStatus {
    static func reasonPhrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 202: "Accepted"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        default: "Error"
        }
    }
}
