// SPDX-License-Identifier: Apache-2.0
internal import CBlst
package import Encoding

/// SHA-256 through blst, which picks the processor's own instructions: for the short inputs of SSZ trees, where a
/// context object for each hash would cost more than the hash.
package enum SHA256 {
    /// Digest of a span, `blst_sha256`.
    package static func hash(_ message: Span<UInt8>) -> Bytes<32> {
        var digest = Bytes<32>()
        unsafe message.withUnsafeBufferPointer { message in
            var out = digest.mutableSpan
            unsafe out.withUnsafeMutableBufferPointer { out in
                unsafe blst_sha256(out.baseAddress, message.baseAddress, message.count)
            }
        }
        return digest
    }

    /// Digest of two chunks of 32 bytes, one node of a Merkle tree.
    package static func hash(_ left: Bytes<32>, _ right: Bytes<32>) -> Bytes<32> {
        var pair = Bytes<64>()
        for position in 0..<32 {
            pair[position] = left[position]
            pair[32 + position] = right[position]
        }
        return hash(pair.span)
    }
}
