// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// A Merkle root of 32 bytes: of a block, of a state, of the validators at genesis.
package struct Root: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<32>

    package init(_ bytes: Bytes<32>) { self.bytes = bytes }

    /// Reads exactly 32 bytes of hexadecimal text.
    package init(hex: String) throws(Hex.Failure) { bytes = try Hex.decode(hex) }

    /// All zero: the genesis validators root in the domains of deposits and builder registrations.
    package static let zero = Root(Bytes())

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
    package var description: String { bytes.description }
}

/// What a signature is made over: the root of an object mixed with its domain (`compute_signing_root`).
///
/// Distinct from ``Root`` so that a block root can never be handed to a key in its place.
package struct SigningRoot: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<32>

    package init(_ bytes: Bytes<32>) { self.bytes = bytes }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
    package var description: String { bytes.description }
}
