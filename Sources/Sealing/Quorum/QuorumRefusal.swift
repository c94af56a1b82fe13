// SPDX-License-Identifier: Apache-2.0

/// Why something that an operator brought was not taken. Nothing was changed.
package enum QuorumRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The chamber is not waiting for anybody's share now.
    case notUnsealing(ChamberState)
    case unknownOperator(String)
    case unknownCredential(operator: String, credential: String)
    case challengeExpired
    /// The operator has answered as many as are remembered.
    case tooManyChallenges(operator: String, most: Int)
    /// It was not made with the credential that it names.
    case badSignature(operator: String, credential: String)
    /// The operator's share is there already.
    case duplicate(operator: String)
    /// It is somebody else's share, or none of this quorum.
    case wrongShare(operator: String, reason: String)
    /// It was made in another ceremony: before a rotation, or for another chamber.
    case foreignShare(operator: String)
    case unreadable(operator: String, reason: String)
    /// No registration is under way, or its time is over.
    case notRegistering
    case unknownToken
    case alreadyRegistered(operator: String)
    case badCredential(String)
    case unknownProposal
    case tooManyProposals(own: Int)
    case noRoomForProposals(Int)
    case notYourProposal
    case notApproved(have: Int, need: Int)
    case tooManyAttempts(seconds: Int)

    package var description: String {
        switch self {
        case .notUnsealing(let state):
            switch state {
            case .unsealed: "the chamber is unsealed already; no share is needed"
            case .sealed:
                "the chamber waits for its KMS keys first: operator status says which are missing, or who sealed it"
            default: "the chamber waits for no share now: it is \(state.rawValue)"
            }
        case .unknownOperator(let name): "there is no operator \(name.prefix(32)) in the quorum"
        case .unknownCredential(let name, let credential):
            "the operator \(name.prefix(32)) has no credential \(credential.prefix(32))"
        case .challengeExpired:
            "the challenge is not of this ceremony, was used already, or is too old; ask for a new one"
        case .tooManyChallenges(let name, let most):
            "the operator \(name) has answered \(most) challenges in the last minutes; wait five minutes and try again"
        case .badSignature(let name, let credential):
            "that was not signed with the credential \(credential) of the operator \(name): a wrong passphrase, or another YubiKey"
        case .duplicate(let name): "the share of the operator \(name) is there already; another operator's is needed"
        case .wrongShare(let name, let reason): "this is not the share of the operator \(name): \(reason)"
        case .foreignShare(let name):
            "the share of the operator \(name) was made in another ceremony; it was replaced by a rotation, or belongs to another chamber"
        case .unreadable(let name, let reason): "the share of the operator \(name) cannot be read: \(reason)"
        case .notRegistering: "no operators are being registered; their time may be over"
        case .unknownToken: "this registration token is not one of the registration that is under way"
        case .alreadyRegistered(let name): "the operator \(name) is registered already, and a token is good once"
        case .badCredential(let reason): reason
        case .unknownProposal:
            "there is no such proposal here: it was performed, its time is over, or it was made to another instance; of new operators, their registration has changed, or this instance is not unsealed"
        case .tooManyProposals(let own):
            "\(own) proposals of yours wait for operators already, the most that one caller can have; `containment-chamber operator rotate withdraw --proposal ID` takes one back"
        case .noRoomForProposals(let most):
            "\(most) proposals wait for operators already, the most that can; they end when their time is over (operator status), or when those who made them withdraw them"
        case .notYourProposal:
            "it was not you who made this proposal; only who made it takes it back, and without approval it ends by itself"
        case .tooManyAttempts(let seconds):
            "too many attempts failed from this address; try again in \(seconds) seconds. Nobody has to wait at another address"
        case .notApproved(let have, let need): "\(have) of \(need) operators have approved"
        }
    }
}
