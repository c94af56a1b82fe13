// SPDX-License-Identifier: Apache-2.0
package import Authorization
package import BLS
package import Consensus
package import SlashingProtection
package import Telemetry

/// How a signing request ended. Closed: every case becomes one status, one audit line and one count.
package enum SigningOutcome: Hashable, Sendable {
    /// `isRepeat`: the same message had been signed before.
    case signed(Signature, isRepeat: Bool)
    /// The request is not one that can be read.
    case malformed(code: String, reason: String)
    /// The client's signing root is not the one we compute.
    case rootMismatch(claimed: SigningRoot, computed: SigningRoot)
    /// The caller may not have this signed.
    case notAllowed(AccessRefusal)
    /// The chamber is sealed.
    case sealed(reason: String)
    /// The key is one that nobody may use.
    case canary
    case otherNetwork(configured: Root, offered: Root)
    case unknownKey
    /// Signing would, or could, be slashable.
    case slashable(Refusal)
    /// The record cannot be checked now.
    case protectionUnavailable(reason: String)
    /// What became of the request could not be written into the audit file, so nothing came of it.
    case auditUnavailable(reason: String)
    /// Too much is under way.
    case overloaded
    /// Authority kept changing while the request was under way.
    case withdrawn
    /// The client has left before anything was recorded.
    case abandoned
}

extension SigningOutcome {
    /// Stable string of the API, of the audit log and of metric labels.
    package var code: String {
        switch self {
        case .signed: "signed"
        case .malformed(let code, _): code
        case .rootMismatch: "signing_root_mismatch"
        case .notAllowed(let refusal): refusal.rawValue
        case .sealed: "sealed"
        case .canary: "canary_key"
        case .otherNetwork: "wrong_network"
        case .unknownKey: "key_not_found"
        case .slashable(let refusal): refusal.code
        case .protectionUnavailable: "slashing_protection_unavailable"
        case .auditUnavailable: "audit_unavailable"
        case .overloaded: "overloaded"
        case .withdrawn: "authority_changed"
        case .abandoned: "client_gone"
        }
    }

    /// One sentence for whoever asked; nil for a signature.
    package var reason: String? {
        switch self {
        case .signed: nil
        case .malformed(_, let reason): reason
        case .rootMismatch(let claimed, let computed):
            "signing_root is \(claimed), but the message's is \(computed)"
        case .notAllowed(let refusal): refusal.reason
        case .sealed(let reason): "nothing is signed in a sealed chamber: \(reason)"
        case .canary: "nothing is signed with this key"
        case .otherNetwork(let configured, let offered):
            "this signer serves the network with genesis validators root \(configured), the request names \(offered)"
        case .unknownKey: "no key with this identifier is loaded"
        case .slashable(let refusal): refusal.description
        case .protectionUnavailable(let reason): "nothing slashable is signed now: \(reason)"
        case .auditUnavailable(let reason): "nothing is signed that cannot be audited: \(reason)"
        case .overloaded: "too many requests are under way; try again"
        case .withdrawn: "keys or permissions changed while this was under way; try again"
        case .abandoned: "the client closed the connection before anything was signed"
        }
    }
}

/// A request that could be read: the message and what is signed for it.
package struct ReadRequest: Sendable {
    package let request: SigningRequest
    package let signingRoot: SigningRoot
    package init(request: SigningRequest, signingRoot: SigningRoot) {
        self.request = request
        self.signingRoot = signingRoot
    }
}

/// Why a request could not be read.
package enum UnreadableRequest: Error, Hashable, Sendable {
    case malformed(code: String, reason: String)
    case rootMismatch(claimed: SigningRoot, computed: SigningRoot)
}

/// Everything about one attempt that logs, audit and metrics are made from.
package struct SigningAttempt: Sendable {
    /// As the request named the key.
    package let identifier: String
    package let key: KeyIdentifier?
    package let caller: Caller
    /// Nil where the request could not be read.
    package let request: ReadRequest?
    package var outcome: SigningOutcome
    /// From the whole request's arrival to the outcome.
    package let nanoseconds: UInt64
    /// When it began, by the monotonic clock.
    package let began: UInt64
    package let stages: SigningStages

    /// How long the slashing record took to answer; nil where it was not asked.
    package var protectionNanoseconds: UInt64? { stages.record.map { $0.upperBound - $0.lowerBound } }
}

/// The parts of an attempt, in nanoseconds of the monotonic clock; nil where it did not come so far.
package struct SigningStages: Sendable {
    /// The trace that the client's request belongs to.
    package var trace: TraceParent?
    package var read: Range<UInt64>?
    package var record: Range<UInt64>?
    package var sign: Range<UInt64>?

    package init() {}
}
