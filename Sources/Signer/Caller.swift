// SPDX-License-Identifier: Apache-2.0

package import Authorization

/// Who asks. The rest of the path only names it; what it may do, its grant says.
package enum Caller: Hashable, Sendable, CustomStringConvertible {
    /// Somebody who reached the port, by address.
    case peer(String)
    /// Whoever has a token: its truncated hash, and where the request came from.
    case token(TokenIdentifier, address: String)
    /// Whoever has a certificate: the names under which it is bound, and where the request came from.
    case certificate([PolicyName], address: String)
    /// The operator's program, over the socket that only this user can open.
    case local

    /// Who it is, for the audit log: never a token.
    package var kind: String {
        switch self {
        case .peer: "anonymous"
        case .token(let identifier, _): "token:\(identifier)"
        case .certificate(let names, _): "certificate:" + names.map(\.text).joined(separator: "+")
        case .local: "local"
        }
    }

    package var description: String {
        switch self {
        case .peer(let address), .token(_, let address), .certificate(_, let address): address
        case .local: "local"
        }
    }
}
