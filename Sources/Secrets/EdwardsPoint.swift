// SPDX-License-Identifier: Apache-2.0
internal import CSodium

/// Points of the curve under Ed25519. (Its signatures are in `Crypto`; libcrypto takes any 32 bytes for a public key and has
/// no function that looks at them.)
package enum EdwardsPoint {
    /// Whether 32 bytes are, in their one canonical form, a point of the large prime order: what every public key of a seed
    /// is. All else accepts signatures that nobody made, or none at all.
    package static func isPublicKey(_ bytes: Span<UInt8>) -> Bool {
        Sodium.require()
        guard bytes.count == 32 else { return false }
        return unsafe bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return false }
            return unsafe crypto_core_ed25519_is_valid_point(base) == 1
        }
    }
}
