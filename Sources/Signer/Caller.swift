// SPDX-License-Identifier: Apache-2.0

/// Who asks. What it may do is decided before the body is read; the rest of the path only names it.
package enum Caller: Hashable, Sendable, CustomStringConvertible {
    /// Somebody who reached the port, by address.
    case peer(String)
    /// The operator's program, over the socket that only this user can open.
    case local

    /// The kind of caller, for the audit log.
    package var kind: String {
        switch self {
        case .peer: "anonymous"
        case .local: "local"
        }
    }

    package var description: String {
        switch self {
        case .peer(let address): address
        case .local: "local"
        }
    }
}
