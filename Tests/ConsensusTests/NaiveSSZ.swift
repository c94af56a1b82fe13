// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding

/// The SSZ specification's words written down as they stand, with all their padding: slow, and what the streaming
/// implementation is held against.
enum NaiveSSZ {
    static func merkleize(_ chunks: [Chunk], limit: Int) -> Chunk {
        var width = 1
        while width < limit { width *= 2 }
        var level = chunks + Array(repeating: Chunk(), count: width - chunks.count)
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map { SHA256.hash(level[$0], level[$0 + 1]) }
        }
        return level[0]
    }

    /// EIP-7916, `merkleize_progressive`.
    static func merkleizeProgressive(_ chunks: [Chunk], leaves: Int = 1) -> Chunk {
        if chunks.isEmpty { return Chunk() }
        return SHA256.hash(
            merkleize(Array(chunks.prefix(leaves)), limit: leaves),
            merkleizeProgressive(Array(chunks.dropFirst(leaves)), leaves: leaves * 4)
        )
    }

    static func pack(_ bytes: [UInt8]) -> [Chunk] {
        stride(from: 0, to: bytes.count, by: 32).map { start in
            var chunk = Chunk()
            for (position, byte) in bytes[start..<min(start + 32, bytes.count)].enumerated() { chunk[position] = byte }
            return chunk
        }
    }

    static func pack(numbers: [UInt64]) -> [Chunk] { pack(numbers.flatMap(littleEndian)) }

    static func littleEndian(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }

    static func mixInLength(_ root: Chunk, _ length: Int) -> Chunk {
        SHA256.hash(root, pack(littleEndian(UInt64(length)))[0])
    }
}
