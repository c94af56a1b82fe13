// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Encoding

/// The tree of EIP-7916, which grows with its content: subtrees of 1, 4, 16, 64, … leaves hang on a spine, each the
/// left child of its node, everything that follows the right child.
///
/// As a container (EIP-7495) its fields are the leaves, and ``rootOfContainer()`` mixes in which of them are in use.
struct ProgressiveMerkleizer: ChunkSink {
    /// Subtrees up to 4^15 leaves: 32 GiB of chunks, far beyond every body that is read.
    private static let maximumSubtrees = 16

    private var finished = InlineArray<16, Chunk>(repeating: Chunk())
    private var finishedCount = 0
    private var subtree = Merkleizer<30>(depth: 0)
    private var count = 0

    mutating func append(chunk: Chunk) {
        if subtree.isFull { finishSubtree() }
        subtree.append(chunk: chunk)
        count += 1
    }

    private mutating func finishSubtree() {
        precondition(finishedCount < Self.maximumSubtrees - 1, "a progressive tree is limited to \(count) chunks")
        finished[finishedCount] = subtree.root()
        finishedCount += 1
        subtree = Merkleizer<30>(depth: 2 * finishedCount)
    }

    /// The root of a vector of chunks (`merkleize_progressive`); nothing at all is the zero chunk.
    func root() -> Chunk {
        if count == 0 { return Chunk() }
        var node = SHA256.hash(subtree.root(), Chunk())
        var position = finishedCount
        while position > 0 {
            position -= 1
            node = SHA256.hash(finished[position], node)
        }
        return node
    }

    /// The root of a container all of whose fields are in use: its first `count` bits are set (`mix_in_active_fields`).
    func rootOfContainer() -> Chunk {
        precondition(count <= 64, "a container of \(count) fields")
        return SHA256.hash(root(), Chunk(ssz: count == 64 ? .max : (UInt64(1) << UInt64(count)) - 1))
    }
}
