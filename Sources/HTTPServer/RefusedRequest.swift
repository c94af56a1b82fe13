// SPDX-License-Identifier: Apache-2.0

/// A request that the server itself refused, for whoever keeps account of refusals. Told once for each request.
package struct RefusedRequest: Sendable {
    package let refusal: Refusal
    package let peer: PeerAddress
    /// Nil where it could not be read.
    package let head: RequestHead?
    /// The target without its query, as far as it is known.
    package let path: String?

    package init(_ refusal: Refusal, peer: PeerAddress, head: RequestHead?, path: String? = nil) {
        self.refusal = refusal
        self.peer = peer
        self.head = head
        self.path = path ?? head?.rawPath
    }
}

extension Refusal {
    /// Whether it came before the route was found and its gate asked: then nobody has looked at what the request names.
    package var precedesGate: Bool {
        switch self {
        case .malformed, .headTooLarge, .unknownExpectation, .stopping, .notFound, .methodNotAllowed,
            .hostNotAuthorized, .crossSite, .certificateNotAccepted, .tlsRequired:
            true
        case .bodyTooLarge, .malformedChunk, .bodyBudgetSpent, .tookTooLong, .notAcceptable: false
        }
    }
}
