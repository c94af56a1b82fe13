// SPDX-License-Identifier: Apache-2.0
package import SignerState

/// What is wrong with a row of policies, tokens or bound certificates, or with the catalogue of them.
package enum AccessFault: String, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// Its tag does not fit what it says, or it has none.
    case tampered
    /// An older version of it was put back.
    case replayed
    /// It is gone, and the chamber did not take it away.
    case missing
    /// The chamber does not know of it: a deleted one was put back, or one was put there past the chamber.
    case uncatalogued

    package var description: String {
        switch self {
        case .tampered: "it was edited or put there past the signers"
        case .replayed: "an older version of it was put back"
        case .missing: "it is gone, and no signer deleted it"
        case .uncatalogued:
            "it is not in the catalogue: a deleted one was put back, or one was put there past the signers"
        }
    }
}

extension StateRowName {
    /// As it is shown: whoever puts a row past the signers chooses its name, and it lands on a terminal.
    package var shown: String { "\(Self.shown(kind)) \(Self.shown(name))" }

    package static func shown(_ text: String) -> String {
        String(
            decoding: text.utf8.prefix(64).map { byte in
                byte > 0x20 && byte < 0x7f ? byte : UInt8(ascii: "?")
            },
            as: UTF8.self
        )
    }
}

/// A row that is refused.
package struct AccessRowFault: Hashable, Comparable, Sendable {
    package let name: StateRowName
    package let fault: AccessFault

    package static func < (left: Self, right: Self) -> Bool { left.name < right.name }
}

/// Why the catalogue is not believed.
package struct CatalogueFault: Hashable, Sendable {
    package let fault: AccessFault
    package let reason: String

    package static let remedy =
        "look at the rows, then `containment-chamber operator generate-root-token --accept-access-rows` on this signer's "
        + "machine accepts those that are right (docs/access.md)"
}
