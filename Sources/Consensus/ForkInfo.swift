// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// The four bytes that tell the forks of a network apart in a signing domain.
package struct ForkVersion: Hashable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<4>

    package init(_ bytes: Bytes<4>) { self.bytes = bytes }

    /// The version as it is written: `ForkVersion(0x9000_0069)` is `0x90000069`.
    package init(_ number: UInt32) {
        var bytes = Bytes<4>()
        for position in 0..<4 { bytes[position] = UInt8(truncatingIfNeeded: number >> (24 - 8 * UInt32(position))) }
        self.bytes = bytes
    }

    package init(hex: String) throws(Hex.Failure) { bytes = try Hex.decode(hex) }
    package var description: String { bytes.description }
}

/// What a validator client says about the chain it signs for: the two versions around the latest fork, the epoch of
/// that fork, and the chain's identity.
package struct ForkInfo: Hashable, Sendable {
    package var previousVersion: ForkVersion
    package var currentVersion: ForkVersion
    /// The first epoch of `currentVersion`.
    package var epoch: Epoch
    package var genesisValidatorsRoot: Root

    package init(
        previousVersion: ForkVersion,
        currentVersion: ForkVersion,
        epoch: Epoch,
        genesisValidatorsRoot: Root
    ) {
        self.previousVersion = previousVersion
        self.currentVersion = currentVersion
        self.epoch = epoch
        self.genesisValidatorsRoot = genesisValidatorsRoot
    }

    /// The version in force at `epoch` (`get_domain`): the previous one before the fork's epoch.
    package func version(at epoch: Epoch) -> ForkVersion {
        epoch < self.epoch ? previousVersion : currentVersion
    }
}
