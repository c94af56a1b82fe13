// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// A compressed point of G2, 96 bytes.
package struct Signature: Hashable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<96>
    package init(_ bytes: Bytes<96>) { self.bytes = bytes }
    package var description: String { bytes.description }
}

extension Signature {
    /// Reads hexadecimal text, with or without `0x`, in any case. Does not check that the point exists.
    package init(hex: String) throws(Hex.Failure) { bytes = try Hex.decode(hex) }

    /// The point, checked to be in the group.
    package func validated() throws(PointFailure) -> G2Point { try G2Point(compressed: bytes) }
}
