// SPDX-License-Identifier: Apache-2.0
internal import CBlst
package import Encoding

/// A message as the point of G2 that is multiplied by the key: half of the work of a signature, the same for every key
/// that signs this root. Made only from a root, so that it can be held against a permit. Public data.
@safe package struct PreparedMessage: Sendable {
    /// What was hashed: the signing root, 32 bytes.
    package let root: Bytes<32>
    let point: blst_p2

    /// The suite of Ethereum's consensus layer, `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_` (consensus specs, phase 0,
    /// BLS signatures).
    package static let domainSeparationTag: StaticString = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

    /// Hashes the root to G2 (`blst_hash_to_g2`).
    package init(root: Bytes<32>) {
        self.root = root
        let tag = Self.domainSeparationTag
        point = G2Point.hash(root.span, tag: unsafe Span(_unsafeStart: tag.utf8Start, count: tag.utf8CodeUnitCount))
    }
}
