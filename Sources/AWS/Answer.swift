// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// What an attempt means for the call.
package enum Answer: Sendable {
    case success(AnswerBody)
    /// It has not happened, and would not the next time either.
    case final(AWSError)
    /// It has not happened; the next time it may.
    case notHappened(AWSError)
    /// It may have happened.
    case unknown(AWSError)

    /// - Parameter source: where credentials were looked for.
    init(
        _ outcome: Exchange.Outcome,
        to request: Request,
        place: String,
        source: String,
        isTransient: (ServiceError) -> Bool
    ) {
        switch outcome {
        case .answered(200, let body): self = .success(body)
        case .answered(let status, let body):
            let answer = Self.refusal(status: status, body: body.plain(), quotable: request.quotable, place: place)
            if case .final(.service(let error)) = answer, isTransient(error) {
                self = .notHappened(.service(error))
            } else {
                self = answer
            }
        case .noCredentials(let reason):
            self = .final(
                .credentials(reason: "no AWS credentials for \(place): \(reason); looked for in \(source)")
            )
        case .notSent(let reason): self = .notHappened(.unreachable(reason: "\(place) cannot be reached: \(reason)"))
        case .unclear(let reason):
            self = .unknown(.unclear(reason: "\(place) was asked, but whether it did it is not known: \(reason)"))
        }
    }

    private static func refusal(status: Int, body: [UInt8], quotable: Set<String>?, place: String) -> Answer {
        let refusal = (try? JSONDocument(body))?.root
        let code = refusal?.member("__type")?.string.map { errorCode(in: $0.string) } ?? ""
        let said = (refusal?.member("message") ?? refusal?.member("Message"))?.string?.string ?? ""
        let isQuotable = quotable?.contains(code) ?? true
        // The refusal of a signature quotes the whole request in later lines, session token and all.
        let message = isQuotable ? String(said.prefix { $0 != "\n" && $0 != "\r\n" }.prefix(300)) : ""
        let error = ServiceError(
            place: place,
            code: code,
            message: message,
            status: status,
            body: isQuotable ? body : []
        )
        if throttling.contains(code) || status == 429 {
            return .notHappened(.throttled(reason: "\(error.description); the capacity does not suffice for the load"))
        }
        if badCredentials.contains(code) {
            return .final(
                .credentials(
                    reason: "\(error.description); check the credentials, their region and this machine's clock"
                )
            )
        }
        // What fails inside may have failed after the write.
        if status >= 500 { return .unknown(.unclear(reason: "whether it was done is not known: \(error.description)")) }
        guard !code.isEmpty else {
            return .final(
                .settings(
                    reason: "\(place) answered HTTP \(status) in another form than AWS; is it the right endpoint?"
                )
            )
        }
        return .final(.service(error))
    }

    /// `com.amazonaws.dynamodb.v20120810#ThrottlingException` and `ThrottlingException:http://…` both stand for the name.
    private static func errorCode(in type: String) -> String {
        let name = type.split(separator: "#").last?.split(separator: ":").first ?? ""
        return String(name.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(80))
    }

    private static let throttling: Set<String> = [
        "ThrottlingException", "Throttling", "ThrottledException", "ProvisionedThroughputExceededException",
        "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "TooManyRequestsException",
        "TransactionInProgressException",
    ]

    private static let badCredentials: Set<String> = [
        "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch", "ExpiredTokenException",
        "ExpiredToken", "IncompleteSignatureException", "IncompleteSignature", "MissingAuthenticationTokenException",
        "MissingAuthenticationToken", "InvalidClientTokenId", "InvalidAccessKeyId",
    ]
}
