// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import BLS
internal import Encoding
internal import HTTPServer
package import Signer

/// Where an answer may follow Web3Signer instead of us (blueprint: decided differences).
package struct Compatibility: Sendable {
    /// The status of a wrong `signing_root`: 400, or Web3Signer's 500.
    package var signingRootMismatchStatus = 400
    /// The status of a request for another network: 403, or Web3Signer's 412.
    package var wrongNetworkStatus = 403
    package init() {}
}

extension SigningOutcome {
    /// The one place where an outcome becomes a status.
    package func status(_ compatibility: Compatibility) -> Int {
        switch self {
        case .signed: 200
        case .malformed: 400
        case .rootMismatch: compatibility.signingRootMismatchStatus
        case .notAllowed(let refusal): refusal.status
        case .canary: 403
        case .otherNetwork: compatibility.wrongNetworkStatus
        case .unknownKey: 404
        case .slashable: 412
        case .sealed, .protectionUnavailable, .auditUnavailable, .overloaded, .withdrawn, .abandoned: 503
        }
    }

    /// The answer to a sign request.
    func response(_ compatibility: Compatibility, acceptsJSON: Bool) -> Response {
        switch self {
        case .signed(let signature, _): return .signature(signature, asJSON: acceptsJSON)
        case .overloaded: return acceptsJSON ? .overloadedAsJSON : .overloadedAsText
        default: return refusal(compatibility, acceptsJSON: acceptsJSON)
        }
    }

    fileprivate func refusal(_ compatibility: Compatibility, acceptsJSON: Bool) -> Response {
        let status = status(compatibility)
        return .error(
            status,
            code: code,
            message: reason ?? "",
            acceptsJSON: acceptsJSON,
            retryAfterSeconds: status == 503 ? 1 : nil
        )
    }
}

extension Response {
    /// `{"signature":"0x…"}`, or the bare text (web3signer.md §2.1).
    fileprivate static func signature(_ signature: Signature, asJSON: Bool) -> Response {
        var text: [UInt8] = []
        text.reserveCapacity(224)
        if asJSON { text += #"{"signature":""#.utf8 }
        text += "0x".utf8
        Hex.append(signature.bytes.span, to: &text)
        guard asJSON else { return Response(status: 200, contentType: "text/plain; charset=utf-8", body: text) }
        text += #""}"#.utf8
        return .json(text)
    }
}

extension Response {
    /// Made once: under overload they are given ten thousand times a second.
    static let overloadedAsJSON = SigningOutcome.overloaded.refusal(Compatibility(), acceptsJSON: true)
    static let overloadedAsText = SigningOutcome.overloaded.refusal(Compatibility(), acceptsJSON: false)
}
