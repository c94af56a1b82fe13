// SPDX-License-Identifier: Apache-2.0
internal import CBlst
internal import Encoding
package import Secrets

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

    /// The scalar as files and formats have it (EIP-2333, EIP-2335), for whoever encrypts it.
    package func bigEndianBytes() -> SecretBytes {
        scalar.withBytes { scalar in
            SecretBytes(count: 32) { target in
                unsafe scalar.withUnsafeBytes { scalar in
                    unsafe target.withUnsafeMutableBytes { target in
                        unsafe blst_bendian_from_scalar(
                            target.bindMemory(to: UInt8.self).baseAddress,
                            scalar.bindMemory(to: blst_scalar.self).baseAddress
                        )
                    }
                }
            }
        }
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
