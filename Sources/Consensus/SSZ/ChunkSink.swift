// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Encoding

// How the fields of a container become leaves. Field by field in the order of the specification:
// `tree.append(slot); tree.append(root); …`.

extension ChunkSink {
    mutating func append(_ number: UInt64) { append(chunk: Chunk(ssz: number)) }
    mutating func append(_ slot: Slot) { append(chunk: Chunk(ssz: slot.value)) }
    mutating func append(_ epoch: Epoch) { append(chunk: Chunk(ssz: epoch.value)) }
    mutating func append(_ flag: Bool) { append(chunk: Chunk(ssz: flag)) }
    mutating func append(_ root: Root) { append(chunk: root.bytes) }
    mutating func append(_ address: Bytes<20>) { append(chunk: address.vectorRoot()) }
    mutating func append(_ key: PublicKey) { append(chunk: key.bytes.vectorRoot()) }
    mutating func append(_ signature: Signature) { append(chunk: signature.bytes.vectorRoot()) }
    mutating func append(_ container: some Container) { append(chunk: container.hashTreeRoot()) }

    /// The chunks of a byte sequence, the last one filled with zeros: what `pack` makes of bytes and of bits.
    mutating func append(packed bytes: Span<UInt8>) {
        var start = 0
        while start < bytes.count {
            append(chunk: Chunk(ssz: bytes, from: start))
            start += 32
        }
    }

    /// The chunks of a sequence of `uint64`, four each.
    mutating func append(packed numbers: [UInt64]) {
        var start = 0
        while start < numbers.count {
            var chunk = Chunk()
            for offset in 0..<Swift.min(4, numbers.count - start) { chunk.set(numbers[start + offset], at: 8 * offset) }
            append(chunk: chunk)
            start += 4
        }
    }
}

/// An object whose root depends on nothing but itself: no list that could exceed a limit, no size from a preset.
protocol Container {
    func hashTreeRoot() -> Chunk
}

extension Bytes {
    /// The root as `Vector[byte, count]`.
    func vectorRoot() -> Chunk {
        var tree = Merkleizer<4>(depth: treeDepth(leaves: (count + 31) / 32))
        tree.append(packed: span)
        return tree.root()
    }
}
