// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPServer

/// Reads the key sources again while signing goes on.
package protocol KeyReloading: Sendable {
    /// Starts a reload in the background; false while one is running.
    func begin() -> Bool
    var status: ReloadStatus { get }
}

/// How far the last reload is, in Web3Signer's words (web3signer.md §2.4).
package struct ReloadStatus: Sendable, Equatable {
    package enum State: String, Sendable {
        case idle, running, completed, failed
        case completedWithErrors = "completed_with_errors"
    }
    package var state: State
    /// Seconds since 1970, of the last start; nil before the first.
    package var lastOperationTime: Double?
    package var lastError: String?

    package init(state: State = .idle, lastOperationTime: Double? = nil, lastError: String? = nil) {
        self.state = state
        self.lastOperationTime = lastOperationTime
        self.lastError = lastError
    }
}

extension ReloadStatus {
    func response() -> Response {
        struct Document: Encodable {
            let status: String
            let lastOperationTime: String?
            let lastError: String?
        }
        let time = lastOperationTime.map { seconds in
            Date(timeIntervalSince1970: seconds).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        }
        return .json(Document(status: state.rawValue, lastOperationTime: time, lastError: lastError))
    }

    /// The answer to `POST /reload`.
    static func response(accepted: Bool) -> Response {
        struct Document: Encodable {
            let status: String
            let message: String
        }
        return accepted
            ? .json(
                Document(
                    status: "accepted",
                    message:
                        "Reload operation accepted and is running in the background. Use GET /reload to check status."
                ),
                status: 202
            )
            : .json(
                Document(
                    status: "error",
                    message: "A reload operation is already in progress. Please try again later."
                ),
                status: 409
            )
    }
}
