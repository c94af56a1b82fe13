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
    package enum State: String, Sendable, CaseIterable {
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
        let time = lastOperationTime.map { seconds in
            Date(timeIntervalSince1970: seconds).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        }
        return .json(ReloadDocument(status: state.rawValue, lastOperationTime: time, lastError: lastError))
    }

    /// The answer to `POST /reload`.
    static func response(accepted: Bool) -> Response {
        accepted
            ? .json(
                ReloadAnswer(
                    status: "accepted",
                    message:
                        "Reload operation accepted and is running in the background. Use GET /reload to check status."
                ),
                status: 202
            )
            : .json(
                ReloadAnswer(
                    status: "error",
                    message: "A reload operation is already in progress. Please try again later."
                ),
                status: 409
            )
    }
}

/// The answer to `GET /reload`.
struct ReloadDocument: Encodable, Documented {
    let status: String
    let lastOperationTime: String?
    let lastError: String?

    static let schema = Schema.named(
        "ReloadStatus",
        .exactly(
            .required("status", .words(ReloadStatus.State.allCases.map(\.rawValue))),
            .optional("lastOperationTime", .described(.time, "When the last reload began.")),
            .optional("lastError", .text())
        )
    )
}

/// The answer to `POST /reload`.
struct ReloadAnswer: Encodable, Documented {
    let status: String
    let message: String

    static let schema = Schema.named(
        "ReloadAnswer",
        .exactly(.required("status", .words(["accepted", "error"])), .required("message", .text()))
    )
}
