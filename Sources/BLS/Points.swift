// SPDX-License-Identifier: Apache-2.0
internal import CBlst
package import Encoding

/// Why bytes are not a point of the group they are meant for.
package enum PointFailure: Error, Equatable, CustomStringConvertible {
    /// The flags of the compressed form contradict each other, or a coordinate is not below the field's order.
    case malformed
    /// No point has this coordinate.
    case notOnCurve
    /// A point outside the subgroup: multiplying it can give away bits of a key.
    case notInGroup
    /// The point at infinity where a key is needed: it would verify the signature of nobody.
    case infinity

    package var description: String {
        switch self {
        case .malformed: "is not the compressed form of a curve point"
        case .notOnCurve: "is not a point of the curve"
        case .notInGroup: "is a point outside the group of prime order"
        case .infinity: "is the point at infinity"
        }
    }

    /// Nil for success.
    fileprivate init?(_ code: BLST_ERROR) {
        switch code {
        case BLST_SUCCESS: return nil
        case BLST_POINT_NOT_ON_CURVE: self = .notOnCurve
        case BLST_POINT_NOT_IN_GROUP: self = .notInGroup
        case BLST_PK_IS_INFINITY: self = .infinity
        default: self = .malformed
        }
    }
}

/// A point of G1 that was checked to be on the curve and in the group.
package struct G1Point: Sendable {
    let affine: blst_p1_affine

    init(_ point: blst_p1) {
        var point = point
        var affine = blst_p1_affine()
        unsafe blst_p1_to_affine(&affine, &point)
        self.affine = affine
    }

    /// Reads the compressed form (`blst_p1_uncompress`) and checks the group. Infinity is a point.
    package init(compressed: Bytes<48>) throws(PointFailure) {
        var affine = blst_p1_affine()
        let code = unsafe compressed.span.withUnsafeBufferPointer { bytes in
            unsafe blst_p1_uncompress(&affine, bytes.baseAddress)
        }
        if let failure = PointFailure(code) { throw failure }
        guard unsafe blst_p1_affine_in_g1(&affine) else { throw .notInGroup }
        self.affine = affine
    }

    package var isInfinity: Bool {
        var affine = affine
        return unsafe blst_p1_affine_is_inf(&affine)
    }

    package var compressed: Bytes<48> {
        var affine = affine
        var bytes = Bytes<48>()
        var out = bytes.mutableSpan
        unsafe out.withUnsafeMutableBufferPointer { unsafe blst_p1_affine_compress($0.baseAddress, &affine) }
        return bytes
    }
}

/// A point of G2 that was checked to be on the curve and in the group.
package struct G2Point: Sendable {
    let affine: blst_p2_affine

    init(_ point: blst_p2) {
        var point = point
        var affine = blst_p2_affine()
        unsafe blst_p2_to_affine(&affine, &point)
        self.affine = affine
    }

    /// Reads the compressed form (`blst_p2_uncompress`) and checks the group. Infinity is a point.
    package init(compressed: Bytes<96>) throws(PointFailure) {
        var affine = blst_p2_affine()
        let code = unsafe compressed.span.withUnsafeBufferPointer { bytes in
            unsafe blst_p2_uncompress(&affine, bytes.baseAddress)
        }
        if let failure = PointFailure(code) { throw failure }
        guard unsafe blst_p2_affine_in_g2(&affine) else { throw .notInGroup }
        self.affine = affine
    }

    /// The point of a message of any length under a domain separation tag (RFC 9380, `blst_hash_to_g2`). Signing takes
    /// a `PreparedMessage`; this is for the vectors of the standard and for protocols with a tag of their own.
    package init(hashing message: Span<UInt8>, tag: Span<UInt8>) {
        self.init(Self.hash(message, tag: tag))
    }

    static func hash(_ message: Span<UInt8>, tag: Span<UInt8>) -> blst_p2 {
        var point = blst_p2()
        unsafe message.withUnsafeBufferPointer { message in
            unsafe tag.withUnsafeBufferPointer { tag in
                unsafe blst_hash_to_g2(
                    &point,
                    message.baseAddress,
                    message.count,
                    tag.baseAddress,
                    tag.count,
                    nil,
                    0
                )
            }
        }
        return point
    }

    package var isInfinity: Bool {
        var affine = affine
        return unsafe blst_p2_affine_is_inf(&affine)
    }

    package var compressed: Bytes<96> {
        var affine = affine
        var bytes = Bytes<96>()
        var out = bytes.mutableSpan
        unsafe out.withUnsafeMutableBufferPointer { unsafe blst_p2_affine_compress($0.baseAddress, &affine) }
        return bytes
    }

    /// Both coordinates: x₁, x₀, y₁, y₀ of 48 bytes each, big-endian.
    package var uncompressed: Bytes<192> {
        var affine = affine
        var bytes = Bytes<192>()
        var out = bytes.mutableSpan
        unsafe out.withUnsafeMutableBufferPointer { unsafe blst_p2_affine_serialize($0.baseAddress, &affine) }
        return bytes
    }
}
