// SPDX-License-Identifier: Apache-2.0
package import SignerState

/// The rows of a chamber in the signer state (docs/formats.md).
package enum ChamberRows {
    /// How the master key is held; made once, and from then on changed by rotations only.
    package static let masterKey = StateRowName("custody", "MASTER_KEY")
    /// Whether all instances are to stay sealed.
    package static let seal = StateRowName("custody", "SEAL")
    /// Operators who are to register; gone when they have taken their place.
    package static let registration = StateRowName("custody", "REGISTRATION")
}
