// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import BLS
internal import Encoding
internal import Signer

/// What makes two refusals the same one again: who, for what, and why. Not which path or key was named: whoever repeats
/// himself could choose another each time. A canary has lines of its own.
struct RepeatedRefusal: Hashable, Sendable {
    enum Holder: Hashable, Sendable {
        case address(IPAddress?)
        case token(TokenIdentifier)
        case certificate([PolicyName])
    }

    let holder: Holder
    /// Nil where no route was found.
    let scope: Scope?
    let code: String
    let canary: PublicKey?

    init(_ caller: Caller, from source: IPAddress?, _ scope: Scope?, code: String, canary: PublicKey?) {
        holder =
            switch caller {
            case .token(let identifier, _): .token(identifier)
            case .certificate(let names, _): .certificate(names)
            case .peer, .local: .address(source?.group)
            }
        self.scope = scope
        self.code = code
        self.canary = canary
    }
}
