// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Encoding

/// What takes the leaves of a tree one after another.
protocol ChunkSink {
    mutating func append(chunk: Chunk)
}

/// A binary Merkle tree whose leaves arrive one after another (`merkleize` of the SSZ specification).
///
/// Holds one waiting node a level and nothing else: the leaves are never stored, and the zeros to the right of the last
/// one are taken from a table. `levels` is the room for the depth, so that a small container costs little stack.
struct Merkleizer<let levels: Int>: ChunkSink {
    private let depth: Int
    private var count = 0
    /// The left node that waits on each level; only those whose bit is set in `count` mean something.
    private var waiting = InlineArray<levels, Chunk>(repeating: Chunk())
    private var top = Chunk()

    /// A tree with room for 2^`depth` leaves.
    init(depth: Int = levels) {
        precondition(depth <= levels, "a tree of depth \(depth) needs more than \(levels) levels")
        self.depth = depth
    }

    var isFull: Bool { count == 1 << depth }

    mutating func append(chunk: Chunk) {
        precondition(!isFull, "a tree of depth \(depth) takes no further leaf")
        var node = chunk
        var level = 0
        while count >> level & 1 == 1 {
            node = SHA256.hash(waiting[level], node)
            level += 1
        }
        if level < depth { waiting[level] = node } else { top = node }
        count += 1
    }

    /// The root, everything to the right of the last leaf being zero.
    func root() -> Chunk {
        if isFull { return top }
        if count == 0 { return ZeroTree.root(depth: depth) }
        var node = Chunk()
        var started = false
        for level in 0..<depth {
            if count >> level & 1 == 1 {
                node = SHA256.hash(waiting[level], started ? node : ZeroTree.root(depth: level))
                started = true
            } else if started {
                node = SHA256.hash(node, ZeroTree.root(depth: level))
            }
        }
        return node
    }
}

/// The roots of trees that hold nothing but zeros.
enum ZeroTree {
    /// The deepest tree that a message of ours can need: more leaves than any machine has bytes.
    static let maximumDepth = 63

    private static let roots: [Chunk] = {
        var roots = [Chunk()]
        for depth in 0..<maximumDepth { roots.append(SHA256.hash(roots[depth], roots[depth])) }
        return roots
    }()

    static func root(depth: Int) -> Chunk { roots[depth] }
}

/// The smallest depth at which a binary tree has room for `leaves`.
func treeDepth(leaves: Int) -> Int {
    leaves <= 1 ? 0 : Int.bitWidth - (leaves - 1).leadingZeroBitCount
}

/// Mixes a length into a list's root (`mix_in_length`).
func mixIn(length: Int, to root: Chunk) -> Chunk {
    SHA256.hash(root, Chunk(ssz: UInt64(length)))
}
