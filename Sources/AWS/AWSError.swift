// SPDX-License-Identifier: Apache-2.0

/// Why a call of AWS has no result. Reasons name the service, its endpoint and region, and what to do; never a secret.
package enum AWSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The settings cannot work, whatever the other side says.
    case settings(reason: String)
    /// There are no credentials, or the service does not take them.
    case credentials(reason: String)
    /// The request was not sent: it has not happened.
    case unreachable(reason: String)
    /// The service refused: it has not happened.
    case service(ServiceError)
    /// The service had no room for it, again and again: it has not happened.
    case throttled(reason: String)
    /// It was sent and there is no answer that tells: it may or may not have happened.
    case unclear(reason: String)

    package var description: String {
        switch self {
        case .settings(let reason), .credentials(let reason), .unreachable(let reason), .throttled(let reason),
            .unclear(let reason):
            reason
        case .service(let error): error.description
        }
    }
}

/// A refusal in the service's own words.
package struct ServiceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Which service, where, in which region.
    package let place: String
    /// Such as `ResourceNotFoundException`; what is documented for the operation.
    package let code: String
    /// The first line of what the service says, cut at 300 characters.
    package let message: String
    package let status: Int
    /// The whole answer, for who knows the operation. Not for logs.
    package let body: [UInt8]

    package var description: String {
        let said = message.isEmpty ? "" : ": \(message)"
        let hint = Self.hints[code].map { "; \($0)" } ?? ""
        return "\(place) answered \(code.isEmpty ? "a failure" : code)\(said) (HTTP \(status))\(hint)"
    }

    private static let hints = [
        "AccessDeniedException": "allow this action in the policy of the role",
        "ResourceNotFoundException": "look at the name and the region, and whether it has been created",
        "KMSInvalidStateException": "look at the state of the key",
    ]
}
