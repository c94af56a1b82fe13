// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// A compressed point of G1, 48 bytes: a validator's public key.
package struct PublicKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<48>
    package init(_ bytes: Bytes<48>) { self.bytes = bytes }

    /// Reads hexadecimal text, with or without `0x`, in any case. Does not check that the point exists.
    package init(hex: String) throws(Hex.Failure) { bytes = try Hex.decode(hex) }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
    package var description: String { bytes.description }
}

extension PublicKey {
    /// The point of a key that may be used (`KeyValidate` of the BLS draft, section 2.5): on the curve, in the group, not
    /// infinity.
    package func validated() throws(PointFailure) -> G1Point {
        let point = try G1Point(compressed: bytes)
        guard !point.isInfinity else { throw .infinity }
        return point
    }

    /// Whether these bytes are a key at all.
    package var isValid: Bool { (try? validated()) != nil }
}
