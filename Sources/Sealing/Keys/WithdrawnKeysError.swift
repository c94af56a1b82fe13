// SPDX-License-Identifier: Apache-2.0
package import SignerState

/// Why the list of withdrawn keys cannot be believed, or not be written. Without it an old row of such a key could be put
/// back, so nothing is done until somebody has looked.
package enum WithdrawnKeysError: Error, Hashable, Sendable, CustomStringConvertible {
    case state(StateError)
    /// A row that this chamber has not written, or not in this place.
    case tampered(StateRowName)
    /// A row that was there; the others still are, or this instance remembers it.
    case missing(StateRowName)
    /// An older row than the one that this instance remembers.
    case replayed(StateRowName, sequence: UInt64, seen: UInt64)
    /// A row under a master key that is not here: one that comes after those that are, or one of before.
    case otherGeneration(StateRowName, isAhead: Bool)
    /// The chamber was closed meanwhile.
    case sealed
    case busy

    package var description: String {
        switch self {
        case .state(let error): "the list of withdrawn keys: \(error)"
        case .tampered(let name):
            "the row \(name) of the signer state was edited, or written by another chamber; \(Self.advice)"
        case .missing(let name): "the row \(name) of the signer state is gone; \(Self.advice)"
        case .replayed(let name, let sequence, let seen):
            "an older row \(name) of the signer state was put back: its sequence is \(sequence), but \(seen) was seen; \(Self.advice)"
        case .otherGeneration(_, isAhead: true): Chamber.withoutNextKey
        case .otherGeneration(let name, isAhead: false):
            "the row \(name) of the signer state lies under a master key of before: it was put back; \(Self.advice)"
        case .sealed: "the chamber was sealed meanwhile"
        case .busy: "keys are deactivated and deleted by others at the same time; try again"
        }
    }

    private static let advice =
        "it says which keys were deactivated or deleted: restore it from a backup of the signer state (docs/ceremonies.md, \"The list of withdrawn keys\")"
}
