// SPDX-License-Identifier: Apache-2.0
internal import Encoding

// Roots of lists. `limit` is the SSZ limit of the specification and is enforced: hashing a list that no node would
// accept only hides a client's error.

/// The root of `List[Element, limit]` for composite elements.
func listRoot<Element>(
    _ field: StaticString,
    _ elements: [Element],
    limit: Int,
    _ elementRoot: (Element) throws(SigningRequestError) -> Chunk
) throws(SigningRequestError) -> Chunk {
    guard elements.count <= limit else {
        throw .overLimit(field: "\(field)", count: elements.count, limit: limit)
    }
    var tree = Merkleizer<32>(depth: treeDepth(leaves: limit))
    for element in elements { tree.append(chunk: try elementRoot(element)) }
    return mixIn(length: elements.count, to: tree.root())
}

func listRoot(
    _ field: StaticString,
    _ elements: [some Container],
    limit: Int
) throws(SigningRequestError) -> Chunk {
    try listRoot(field, elements, limit: limit) { element throws(SigningRequestError) in element.hashTreeRoot() }
}

/// The root of `List[uint64, limit]`.
func listRoot(_ field: StaticString, _ numbers: [UInt64], limit: Int) throws(SigningRequestError) -> Chunk {
    guard numbers.count <= limit else { throw .overLimit(field: "\(field)", count: numbers.count, limit: limit) }
    var tree = Merkleizer<32>(depth: treeDepth(leaves: (limit + 3) / 4))
    tree.append(packed: numbers)
    return mixIn(length: numbers.count, to: tree.root())
}

/// The root of `ByteList[limit]`.
func listRoot(_ field: StaticString, _ bytes: [UInt8], limit: Int) throws(SigningRequestError) -> Chunk {
    guard bytes.count <= limit else { throw .overLimit(field: "\(field)", count: bytes.count, limit: limit) }
    var tree = Merkleizer<32>(depth: treeDepth(leaves: (limit + 31) / 32))
    tree.append(packed: bytes.span)
    return mixIn(length: bytes.count, to: tree.root())
}

/// The root of `ProgressiveList[Element]` (EIP-7916) for composite elements; it has no limit.
func progressiveListRoot<Element>(_ elements: [Element], _ elementRoot: (Element) -> Chunk) -> Chunk {
    var tree = ProgressiveMerkleizer()
    for element in elements { tree.append(chunk: elementRoot(element)) }
    return mixIn(length: elements.count, to: tree.root())
}

func progressiveListRoot(_ elements: [some Container]) -> Chunk {
    progressiveListRoot(elements) { $0.hashTreeRoot() }
}

/// The root of a progressive list of bytes.
func progressiveListRoot(_ bytes: [UInt8]) -> Chunk {
    var tree = ProgressiveMerkleizer()
    tree.append(packed: bytes.span)
    return mixIn(length: bytes.count, to: tree.root())
}
