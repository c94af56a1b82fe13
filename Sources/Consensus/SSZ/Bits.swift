// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// An SSZ bit list, read from its serialised form in which a final set bit marks the length.
package struct BitList: Hashable, Sendable {
    /// The bits, eight a byte, lowest first, without the marker; unused bits of the last byte are zero.
    package let bytes: [UInt8]
    package let count: Int

    /// Is nil where there is no marker: no bytes, or a last byte of zero.
    package init?(serialized: [UInt8]) {
        guard let last = serialized.last, last != 0 else { return nil }
        let marker = 7 - last.leadingZeroBitCount
        var bytes = serialized
        if marker == 0 {
            bytes.removeLast()
        } else {
            bytes[bytes.count - 1] = last ^ (1 << UInt8(marker))
        }
        self.bytes = bytes
        count = (serialized.count - 1) * 8 + marker
    }

    /// The root as `Bitlist[limit]`.
    func hashTreeRoot(_ field: StaticString, limit: Int) throws(SigningRequestError) -> Chunk {
        guard count <= limit else { throw .overLimit(field: "\(field)", count: count, limit: limit) }
        var tree = Merkleizer<32>(depth: treeDepth(leaves: (limit + 255) / 256))
        tree.append(packed: bytes.span)
        return mixIn(length: count, to: tree.root())
    }

    /// The root as a progressive bit list (EIP-7916), which has no limit.
    func progressiveHashTreeRoot() -> Chunk {
        var tree = ProgressiveMerkleizer()
        tree.append(packed: bytes.span)
        return mixIn(length: count, to: tree.root())
    }
}

/// An SSZ bit vector in its serialised form. Its length belongs to the network's preset, so it is checked with the root.
package struct BitVector: Hashable, Sendable {
    /// The bits, eight a byte, lowest first.
    package let bytes: [UInt8]

    package init(serialized bytes: [UInt8]) { self.bytes = bytes }

    /// The root as `Bitvector[count]`. Another number of bytes, or a bit set beyond the last, is refused.
    func hashTreeRoot(_ field: StaticString, count: Int) throws(SigningRequestError) -> Chunk {
        guard bytes.count == (count + 7) / 8 else {
            throw .wrongLength(field: "\(field)", bytes: bytes.count, expected: (count + 7) / 8)
        }
        if !count.isMultiple(of: 8), let last = bytes.last, last >> UInt8(count % 8) != 0 {
            throw .bitsBeyondEnd(field: "\(field)", expected: count)
        }
        var tree = Merkleizer<16>(depth: treeDepth(leaves: (count + 255) / 256))
        tree.append(packed: bytes.span)
        return tree.root()
    }
}
