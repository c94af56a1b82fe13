// SPDX-License-Identifier: Apache-2.0
package import SignerState

/// Why policies or tokens were not changed.
package enum AccessChangeError: Error, Equatable, Sendable, CustomStringConvertible {
    case invalid(PolicyError)
    case notFound(String)
    case alreadyExists(PolicyName)
    case unknownPolicies([PolicyName])
    /// A certificate of that name is bound already, or this certificate is, under that name.
    case alreadyBound(PolicyName)
    case inUse(PolicyName, tokens: Int, certificates: Int)
    case tooMany(String, most: Int)
    case state(StateError)
    /// There is a master key, and it is not here: nothing can be tagged.
    case sealed
    /// Nothing says which rows are right.
    case distrusted(CatalogueFault)
    /// What was shown to whoever accepts rows is not what stands now.
    case outdated
    /// What operators have to do with it was refused.
    case refused(status: Int, code: String, reason: String)

    package var description: String {
        switch self {
        case .invalid(let error): "\(error)"
        case .notFound(let what): "there is no \(what)"
        case .alreadyExists(let name): "there is a policy \(name) already; PUT replaces it"
        case .unknownPolicies(let names): "there is no policy \(names.map(\.text).joined(separator: ", "))"
        case .alreadyBound(let name):
            "the certificate \(name) is bound already; delete it first"
        case .inUse(let name, let tokens, 0):
            "\(tokens) \(tokens == 1 ? "token has" : "tokens have") the policy \(name); delete or replace them first"
        case .inUse(let name, let tokens, let certificates):
            "\(tokens) tokens and \(certificates) certificates have the policy \(name); delete or replace them first"
        case .tooMany(let what, let most): "there are \(most) \(what) already, the most that are kept"
        case .state(let error): "\(error)"
        case .sealed: "policies and tokens are tagged under the master key; unseal the chamber first"
        case .distrusted(let fault): "\(fault.reason); \(CatalogueFault.remedy)"
        case .refused(_, _, let reason): reason
        case .outdated: "the rows have changed since they were shown; look at them again"
        }
    }
}
