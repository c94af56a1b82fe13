// SPDX-License-Identifier: Apache-2.0
package import SignerState

/// Why nothing can be written under the master keys of an instance, although it may sign.
package enum WritingHindrance: Hashable, Sendable, CustomStringConvertible {
    case sealed(reason: String)
    /// How the master key stands now cannot be read.
    case state(StateError)
    /// It has the master key of before only; the one in its place is being introduced, or was.
    case awaitsKey(isRotated: Bool, byOperators: Bool)

    package var description: String {
        switch self {
        case .sealed(let reason): reason
        case .state(let error): "\(error)"
        case .awaitsKey(let isRotated, let byOperators):
            (isRotated
                ? "the master key was rotated, and this instance has only the one of before"
                : "the master key is being rotated, and this instance does not have the next one yet")
                + ": nothing was changed. "
                + (byOperators
                    ? "Its operators bring it here (`containment-chamber operator unseal --operator NAME`); until then ask an instance that has it"
                    : "It tries to get it from its KMS keys by itself, and its log says what is in the way: try again, or ask an instance that has it")
        }
    }
}
