// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Testing

@testable import Consensus

@Suite struct MerkleizerTests {
    /// Known to everyone who has seen a deposit contract: trees of zeros of depth 1, 2 and 3.
    @Test(arguments: [
        (1, "0xf5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
        (2, "0xdb56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71"),
        (3, "0xc78009fdf07fc56a11f122370658a353aaa542ed63e44c4bc15ff4cd105ab33c"),
    ])
    func `an empty tree has the root of its zeros`(depth: Int, root: String) {
        #expect(Merkleizer<8>(depth: depth).root().description == root)
        var full = Merkleizer<8>(depth: depth)
        for _ in 0..<(1 << depth) { full.append(chunk: Chunk()) }
        #expect(full.root().description == root)
    }

    @Test func `a tree has the root of the specification for every number of leaves`() {
        var random = SplitMix(seed: 1)
        for depth in 0...6 {
            for count in 0...(1 << depth) {
                let chunks = NaiveSSZ.pack(random.bytes(32 * count))
                var tree = Merkleizer<10>(depth: depth)
                for chunk in chunks { tree.append(chunk: chunk) }
                #expect(tree.root() == NaiveSSZ.merkleize(chunks, limit: 1 << depth), "\(count) of 2^\(depth)")
            }
        }
    }

    @Test func `a progressive tree has the root of the EIP for every number of leaves`() {
        var random = SplitMix(seed: 2)
        for count in Array(0...90) + [340, 341, 342, 1365, 1366] {
            let chunks = NaiveSSZ.pack(random.bytes(32 * count))
            var tree = ProgressiveMerkleizer()
            for chunk in chunks { tree.append(chunk: chunk) }
            #expect(tree.root() == NaiveSSZ.merkleizeProgressive(chunks), "\(count)")
        }
    }

    @Test func `the active fields of a progressive container are mixed in`() {
        var random = SplitMix(seed: 3)
        let chunks = NaiveSSZ.pack(random.bytes(32 * 12))
        var tree = ProgressiveMerkleizer()
        for chunk in chunks { tree.append(chunk: chunk) }
        let fields = NaiveSSZ.pack([0xff, 0x0f])[0]
        #expect(tree.rootOfContainer() == SHA256.hash(NaiveSSZ.merkleizeProgressive(chunks), fields))
    }

    @Test func `one leaf too many is a mistake of ours`() async {
        await #expect(processExitsWith: .failure) {
            var tree = Merkleizer<1>()
            for _ in 0..<3 { tree.append(chunk: Chunk()) }
        }
    }
}

@Suite struct ListRootTests {
    @Test func `lists of bytes and numbers have the roots of the specification`() throws {
        var random = SplitMix(seed: 4)
        for _ in 0..<200 {
            let limit = Int.random(in: 1...400, using: &random)
            let count = Int.random(in: 0...limit, using: &random)
            let bytes = random.bytes(count)
            let root = NaiveSSZ.merkleize(NaiveSSZ.pack(bytes), limit: (limit + 31) / 32)
            #expect(try listRoot("data", bytes, limit: limit) == NaiveSSZ.mixInLength(root, count))

            let numbers = (0..<count).map { _ in random.next() }
            let numbersRoot = NaiveSSZ.merkleize(NaiveSSZ.pack(numbers: numbers), limit: (limit + 3) / 4)
            #expect(try listRoot("indices", numbers, limit: limit) == NaiveSSZ.mixInLength(numbersRoot, count))

            let progressive = NaiveSSZ.merkleizeProgressive(NaiveSSZ.pack(bytes))
            #expect(progressiveListRoot(bytes) == NaiveSSZ.mixInLength(progressive, count))
        }
    }

    @Test func `a list beyond its limit is refused by name`() {
        #expect(throws: SigningRequestError.overLimit(field: "data", count: 5, limit: 4)) {
            try listRoot("data", [UInt8](repeating: 0, count: 5), limit: 4)
        }
        #expect(throws: SigningRequestError.overLimit(field: "indices", count: 5, limit: 4)) {
            try listRoot("indices", [UInt64](repeating: 0, count: 5), limit: 4)
        }
        #expect(throws: SigningRequestError.overLimit(field: "exits", count: 2, limit: 1)) {
            let exit = VoluntaryExit(epoch: 1, validatorIndex: 2)
            return try listRoot("exits", [exit, exit], limit: 1)
        }
    }

    @Test func `a vector of bytes fills its last chunk with zeros`() throws {
        var random = SplitMix(seed: 5)
        let bytes = random.bytes(96)
        let signature = try #require(Bytes<96>(bytes))
        #expect(signature.vectorRoot() == NaiveSSZ.merkleize(NaiveSSZ.pack(bytes), limit: 3))
        let key = try #require(Bytes<48>(bytes[..<48]))
        #expect(key.vectorRoot() == NaiveSSZ.merkleize(NaiveSSZ.pack(Array(bytes[..<48])), limit: 2))
    }
}

@Suite struct BitsTests {
    /// The serialised form of `bits`, with the marker.
    private func serialized(_ bits: [Bool]) -> [UInt8] {
        var bytes = packed(bits + [true])
        if bytes.isEmpty { bytes = [1] }
        return bytes
    }

    private func packed(_ bits: [Bool]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (bits.count + 7) / 8)
        for (position, bit) in bits.enumerated() where bit { bytes[position / 8] |= 1 << UInt8(position % 8) }
        return bytes
    }

    @Test func `bit lists have the roots of the specification`() throws {
        var random = SplitMix(seed: 6)
        for count in Array(0...40) + [255, 256, 257, 511, 512, 2047, 2048] {
            let bits = (0..<count).map { _ in Bool.random(using: &random) }
            let list = try #require(BitList(serialized: serialized(bits)))
            #expect(list.count == count)
            #expect(list.bytes == packed(bits))
            let chunks = NaiveSSZ.pack(packed(bits))
            let root = NaiveSSZ.mixInLength(NaiveSSZ.merkleize(chunks, limit: 8), count)
            #expect(try list.hashTreeRoot("bits", limit: 2048) == root)
            let progressive = NaiveSSZ.mixInLength(NaiveSSZ.merkleizeProgressive(chunks), count)
            #expect(list.progressiveHashTreeRoot() == progressive)
        }
    }

    @Test(arguments: [[], [0], [0xff, 0]] as [[UInt8]])
    func `a bit list without its marker is refused`(bytes: [UInt8]) {
        #expect(BitList(serialized: bytes) == nil)
    }

    @Test func `a bit list beyond its limit is refused`() throws {
        let list = try #require(BitList(serialized: [0xff, 0x03]))
        #expect(list.count == 9)
        #expect(throws: SigningRequestError.overLimit(field: "bits", count: 9, limit: 8)) {
            try list.hashTreeRoot("bits", limit: 8)
        }
    }

    @Test func `bit vectors have exactly their bits`() throws {
        let bytes: [UInt8] = Array(repeating: 0xa5, count: 64)
        let root = NaiveSSZ.merkleize(NaiveSSZ.pack(bytes), limit: 2)
        #expect(try BitVector(serialized: bytes).hashTreeRoot("bits", count: 512) == root)
        #expect(throws: SigningRequestError.wrongLength(field: "bits", bytes: 3, expected: 4)) {
            try BitVector(serialized: [1, 2, 3]).hashTreeRoot("bits", count: 32)
        }
        #expect(throws: SigningRequestError.bitsBeyondEnd(field: "bits", expected: 4)) {
            try BitVector(serialized: [0x10]).hashTreeRoot("bits", count: 4)
        }
        #expect(throws: Never.self) { try BitVector(serialized: [0x0f]).hashTreeRoot("bits", count: 4) }
    }
}
