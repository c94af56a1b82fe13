// SPDX-License-Identifier: Apache-2.0
internal import CBlst
package import Encoding
package import Secrets

/// A compressed point of G1, 48 bytes: a validator's public key.
package struct PublicKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<48>
    package init(_ bytes: Bytes<48>) { self.bytes = bytes }

    /// Reads hexadecimal text, with or without `0x`, in any case. Does not check that the point exists.
    package init(hex: String) throws(Hex.Failure) { bytes = try Hex.decode(hex) }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
    package var description: String { bytes.description }
}

/// A compressed point of G2, 96 bytes.
package struct Signature: Hashable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<96>
    package init(_ bytes: Bytes<96>) { self.bytes = bytes }
    package var description: String { bytes.description }
}

/// A message as the point of G2 that is multiplied by the key: half of the work of a signature, the same for every key
/// that signs this root. Made only from a root, so that it can be held against a permit. Public data.
@safe package struct PreparedMessage: Sendable {
    /// What was hashed: the signing root, 32 bytes.
    package let root: Bytes<32>
    fileprivate let point: blst_p2

    /// The suite of Ethereum's consensus layer, `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_` (consensus specs, phase 0,
    /// BLS signatures).
    package static let domainSeparationTag: StaticString = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

    /// Hashes the root to G2 (`blst_hash_to_g2`).
    package init(root: Bytes<32>) {
        self.root = root
        var point = blst_p2()
        let tag = Self.domainSeparationTag
        unsafe root.span.withUnsafeBytes { message in
            unsafe blst_hash_to_g2(
                &point, message.bindMemory(to: UInt8.self).baseAddress, message.count, tag.utf8Start,
                tag.utf8CodeUnitCount, nil, 0)
        }
        self.point = point
    }
}

/// A validator's secret scalar in the arena, with the public key that belongs to it. Shared by reference; the scalar is
/// wiped when the last holder lets go.
package final class SecretKey: Sendable {
    package let publicKey: PublicKey
    private let scalar: SecretSlot

    /// Why 32 bytes are not a secret key.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// Zero, or not below the order of the group.
        case notAScalar

        package var description: String { "the secret key is zero or not below the order of the curve's group" }
    }

    /// Takes a big-endian scalar (EIP-2335, EIP-2333) into the arena. The source is not wiped here; it belongs to its
    /// owner.
    package init(bigEndian source: RawSpan, arena: SecretArena) throws(Failure) {
        guard source.byteCount == 32 else { throw .notAScalar }
        // blst wants the scalar in little-endian order: the arena holds it in the form in which it is used, so that
        // signing copies nothing.
        scalar = try arena.store { target throws(Failure) in
            let valid = unsafe source.withUnsafeBytes { source in
                unsafe target.withUnsafeMutableBytes { target in
                    let scalar = unsafe target.bindMemory(to: blst_scalar.self).baseAddress
                    unsafe blst_scalar_from_bendian(scalar, source.bindMemory(to: UInt8.self).baseAddress)
                    return unsafe blst_sk_check(scalar)
                }
            }
            guard valid else { throw .notAScalar }
        }
        var key = Bytes<48>()
        scalar.withBytes { scalar in
            unsafe scalar.withUnsafeBytes { scalar in
                var point = blst_p1()
                unsafe blst_sk_to_pk_in_g1(&point, scalar.bindMemory(to: blst_scalar.self).baseAddress)
                var out = key.mutableSpan
                unsafe out.withUnsafeMutableBufferPointer { unsafe blst_p1_compress($0.baseAddress, &point) }
            }
        }
        publicKey = PublicKey(key)
    }

    /// Multiplies the message by the scalar (`blst_sign_pk_in_g1`, constant time) and compresses the point.
    package func sign(_ message: borrowing PreparedMessage) -> Signature {
        var signature = Bytes<96>()
        var hash = message.point
        scalar.withBytes { scalar in
            unsafe scalar.withUnsafeBytes { scalar in
                var point = blst_p2()
                unsafe blst_sign_pk_in_g1(&point, &hash, scalar.bindMemory(to: blst_scalar.self).baseAddress)
                var out = signature.mutableSpan
                unsafe out.withUnsafeMutableBufferPointer { unsafe blst_p2_compress($0.baseAddress, &point) }
            }
        }
        return Signature(signature)
    }
}
