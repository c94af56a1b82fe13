// SPDX-License-Identifier: Apache-2.0
import HTTPServer
import SignerAPI
import Testing

@Suite struct ServerCodeTests {
    /// Where this does not build, a refusal is new: it needs a line in `refusals` and one in `ErrorCode`.
    private static func knows(_ refusal: Refusal) {
        switch refusal {
        case .malformed, .headTooLarge, .bodyTooLarge, .malformedChunk, .unknownExpectation, .bodyBudgetSpent,
            .tookTooLong, .stopping, .notFound, .methodNotAllowed, .notAcceptable, .hostNotAuthorized,
            .crossSite, .certificateNotAccepted, .tlsRequired:
            break
        }
    }

    @Test func `every refusal of the server is listed with its status`() {
        let refusals: [Refusal] = [
            .malformed("r"), .headTooLarge, .bodyTooLarge(limit: 1), .malformedChunk, .unknownExpectation,
            .bodyBudgetSpent, .tookTooLong, .stopping, .notFound, .methodNotAllowed([.get]), .notAcceptable,
            .crossSite, .certificateNotAccepted("r"), .tlsRequired("r"),
        ]
        for refusal in refusals {
            Self.knows(refusal)
            #expect(ErrorCodeTests.isListed(refusal.code, refusal.status), "\(refusal)")
        }
    }
}
