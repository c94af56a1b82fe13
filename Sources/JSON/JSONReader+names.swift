// SPDX-License-Identifier: Apache-2.0

extension JSONReader {
    /// Above it names are sorted out by a set instead of each being held against all before it.
    private static let fewNames = 16

    /// That no name stands twice in an object whose values all are noted.
    func checkNames(of object: Int, in nodes: [JSONNode]) throws(JSONError) {
        var (count, isPlain) = (0, true)
        var place = object + 1
        while place < nodes.count {
            count += 1
            if nodes[place].isEscaped { isPlain = false }
            place = Int(nodes[place + 1].next)
        }
        guard count > 1 else { return }
        guard isPlain, count <= Self.fewNames else { return try checkManyNames(of: object, in: nodes) }
        place = object + 1
        while place < nodes.count {
            var earlier = object + 1
            while earlier < place {
                if isSame(nodes[earlier], nodes[place]) { throw .duplicateName(at: Int(nodes[place].start)) }
                earlier = Int(nodes[earlier + 1].next)
            }
            place = Int(nodes[place + 1].next)
        }
    }

    private func isSame(_ one: JSONNode, _ other: JSONNode) -> Bool {
        guard one.count == other.count else { return false }
        for offset in 0..<Int(one.count) where text[Int(one.start) + offset] != text[Int(other.start) + offset] {
            return false
        }
        return true
    }

    private func checkManyNames(of object: Int, in nodes: [JSONNode]) throws(JSONError) {
        var seen: Set<[UInt8]> = []
        var place = object + 1
        while place < nodes.count {
            guard seen.insert(try name(nodes[place])).inserted else {
                throw .duplicateName(at: Int(nodes[place].start))
            }
            place = Int(nodes[place + 1].next)
        }
    }

    /// What a name says, its escapes undone.
    private func name(_ node: JSONNode) throws(JSONError) -> [UInt8] {
        let source = text.extracting(node.range)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count)
        var position = 0
        while position < source.count {
            guard source[position] == UInt8(ascii: "\\") else {
                bytes.append(source[position])
                position += 1
                continue
            }
            let escape = try JSONEscape(in: source, at: position)
            bytes += Array(String(escape.scalar).utf8)
            position = escape.end
        }
        return bytes
    }
}
