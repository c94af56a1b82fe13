// SPDX-License-Identifier: Apache-2.0
package import Consensus
package import Signer

/// Turns the body of a sign request into a message and its signing root.
package final class SignRequestReader: Sendable {
    private let network: Network
    private let cache = BodyCache()

    package init(network: Network) { self.network = network }

    package func read(_ body: [UInt8]) throws(UnreadableRequest) -> ReadRequest {
        guard body.count <= BodyCache.longestBody else { return try readAfresh(body) }
        let (known, key) = cache.find(body)
        if let known { return known }
        let read = try readAfresh(body)
        if read.request.operation.sharesItsRoot { cache.put(read, for: body, key: key) }
        return read
    }

    private func readAfresh(_ body: [UInt8]) throws(UnreadableRequest) -> ReadRequest {
        if body.isEmpty { throw .malformed(code: "malformed_request", reason: "the body is empty") }
        let request: SigningRequest
        do throws(RequestDecodingError) {
            request = try SigningRequest(json: body)
        } catch {
            throw .malformed(code: error.code, reason: error.description)
        }
        do throws(SigningRequestError) {
            return ReadRequest(request: request, signingRoot: try request.signingRoot(on: network))
        } catch {
            if case .signingRootMismatch(let claimed, let computed) = error {
                throw .rootMismatch(claimed: claimed, computed: computed)
            }
            throw .malformed(code: "malformed_request", reason: error.description)
        }
    }
}

extension RequestDecodingError {
    /// Stable string of the API.
    fileprivate var code: String {
        if case .unknownType = self { "unknown_type" } else { "malformed_request" }
    }
}
