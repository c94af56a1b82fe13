// SPDX-License-Identifier: Apache-2.0
internal import CBlst
internal import Secrets

// Verification of the proof-of-possession scheme (draft-irtf-cfrg-bls-signature, section 3.3). A key that is not valid
// and a signature that is no point of the group verify nothing: all of these answer false, none throws.

extension Signature {
    /// Whether `key` signed `message` (`Verify`).
    package func isValid(for message: PreparedMessage, by key: PublicKey) -> Bool {
        isValid(for: [(key, message)])
    }

    /// Whether all of these keys signed the same message, each known to hold its key (`FastAggregateVerify`).
    package func isValid(for message: PreparedMessage, byAll keys: [PublicKey]) -> Bool {
        guard let first = keys.first, let sum = try? PublicKey.aggregate(first, keys.dropFirst()) else { return false }
        return matches([(sum, message)])
    }

    /// Whether each key signed its message and this is the sum of those signatures (`AggregateVerify`).
    package func isValid(for signed: [(key: PublicKey, message: PreparedMessage)]) -> Bool {
        guard let points = try? signed.map({ (try $0.key.validated(), $0.message) }) else { return false }
        return matches(points)
    }

    /// The sum of signatures (`Aggregate`); nil where there is nothing to add.
    package static func aggregate(_ signatures: [Signature]) throws(PointFailure) -> Signature? {
        guard !signatures.isEmpty else { return nil }
        var sum = blst_p2()
        for signature in signatures {
            var point = try signature.validated().affine
            var before = sum
            unsafe blst_p2_add_or_double_affine(&sum, &before, &point)
        }
        return Signature(G2Point(sum).compressed)
    }

    /// Whether every signature is valid for its key and message, checked together: each set enters with a random factor
    /// of 64 bits, so that forged sets cannot cancel each other out (they would have to guess the factors).
    package static func areAllValid(
        _ sets: [(key: PublicKey, message: PreparedMessage, signature: Signature)]
    ) -> Bool {
        var signatures = blst_p2()
        var keys: [(G1Point, PreparedMessage)] = []
        for set in sets {
            guard let key = try? set.key.validated(), let signature = try? set.signature.validated() else {
                return false
            }
            let factor = randomFactor()
            keys.append((key.multiplied(by: factor), set.message))
            var term = signature.multiplied(by: factor)
            var before = signatures
            unsafe blst_p2_add_or_double(&signatures, &before, &term)
        }
        return Pairing.areEqual(keys, G2Point(signatures))
    }

    private func matches(_ signed: [(G1Point, PreparedMessage)]) -> Bool {
        guard let point = try? validated() else { return false }
        return Pairing.areEqual(signed, point)
    }

    /// Eight bytes, little-endian, never all zero.
    private static func randomFactor() -> [UInt8] {
        while true {
            let bytes = Random.bytes(8)
            if bytes.contains(where: { $0 != 0 }) { return bytes }
        }
    }
}

extension PublicKey {
    /// The sum of keys, each of which must be valid by itself, as must the sum.
    fileprivate static func aggregate(
        _ first: PublicKey,
        _ others: ArraySlice<PublicKey>
    ) throws(PointFailure) -> G1Point {
        var sum = blst_p1()
        var point = try first.validated().affine
        unsafe blst_p1_from_affine(&sum, &point)
        for key in others {
            point = try key.validated().affine
            var before = sum
            unsafe blst_p1_add_or_double_affine(&sum, &before, &point)
        }
        guard unsafe !blst_p1_is_inf(&sum) else { throw .infinity }
        return G1Point(sum)
    }
}

/// The equation behind every verification.
private enum Pairing {
    /// Whether ∏ e(keyᵢ, messageᵢ) = e(generator, signature). No pairs verify nothing.
    static func areEqual(_ pairs: [(key: G1Point, message: PreparedMessage)], _ signature: G2Point) -> Bool {
        guard !pairs.isEmpty else { return false }
        var product = unsafe blst_fp12_one().pointee
        for pair in pairs {
            var before = product
            var term = millerLoop(pair.key.affine, G2Point(pair.message.point).affine)
            unsafe blst_fp12_mul(&product, &before, &term)
        }
        var expected = millerLoop(unsafe blst_p1_affine_generator().pointee, signature.affine)
        return unsafe blst_fp12_finalverify(&product, &expected)
    }

    /// The pairing of two points before the final exponentiation; of infinity with anything it is one, which the loop of
    /// blst leaves to its caller.
    private static func millerLoop(_ key: blst_p1_affine, _ message: blst_p2_affine) -> blst_fp12 {
        var (key, message, term) = (key, message, blst_fp12())
        if unsafe blst_p1_affine_is_inf(&key) || blst_p2_affine_is_inf(&message) {
            return unsafe blst_fp12_one().pointee
        }
        unsafe blst_miller_loop(&term, &message, &key)
        return term
    }
}

extension G1Point {
    /// By a public factor, little-endian.
    fileprivate func multiplied(by factor: [UInt8]) -> G1Point {
        var affine = affine
        var point = blst_p1()
        var product = blst_p1()
        unsafe blst_p1_from_affine(&point, &affine)
        unsafe blst_p1_mult(&product, &point, factor, factor.count * 8)
        return G1Point(product)
    }
}

extension G2Point {
    /// By a public factor, little-endian.
    fileprivate func multiplied(by factor: [UInt8]) -> blst_p2 {
        var affine = affine
        var point = blst_p2()
        var product = blst_p2()
        unsafe blst_p2_from_affine(&point, &affine)
        unsafe blst_p2_mult(&product, &point, factor, factor.count * 8)
        return product
    }
}
