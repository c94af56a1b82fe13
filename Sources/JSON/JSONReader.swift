// SPDX-License-Identifier: Apache-2.0

/// Checks a text against the grammar of RFC 8259 and notes where its values are.
///
/// Not recursive: the open containers are a chain through their own nodes, so a hostile text costs no stack.
struct JSONReader: ~Copyable, ~Escapable {
    let text: Span<UInt8>
    var position = 0
    private var nodes: [JSONNode] = []
    private var depth = 0
    /// The innermost open container. Meaningless at depth 0.
    private var container = 0

    private let maximumNodes: Int
    private let refusesDuplicates: Bool

    @_lifetime(copy text)
    init(_ text: Span<UInt8>, maximumNodes: Int = JSONDocument.maximumNodes, refusesDuplicates: Bool = true) {
        self.text = text
        self.maximumNodes = maximumNodes
        self.refusesDuplicates = refusesDuplicates
    }

    mutating func read() throws(JSONError) -> [JSONNode] {
        guard text.count <= Int(Int32.max) else { throw .tooLong(limit: Int(Int32.max)) }
        // About what a sign request has: one node a dozen bytes.
        nodes.reserveCapacity(min(text.count / 12 + 8, maximumNodes))
        repeat {
            while try opensAnother() {}
        } while try continues()
        guard position == text.count else { throw .unexpectedByte(at: position) }
        return nodes
    }

    /// Reads a value, or the beginning of an array or object up to the first value in it; then it is true.
    private mutating func opensAnother() throws(JSONError) -> Bool {
        let byte = try peek()
        switch byte {
        case UInt8(ascii: "\""):
            try readString()
        case UInt8(ascii: "{"):
            try open(.object)
            if try peek() != UInt8(ascii: "}") {
                try readName()
                return true
            }
            try close()
        case UInt8(ascii: "["):
            try open(.array)
            if try peek() != UInt8(ascii: "]") { return true }
            try close()
        case UInt8(ascii: "t"): try readWord("true", .true)
        case UInt8(ascii: "f"): try readWord("false", .false)
        case UInt8(ascii: "n"): try readWord("null", .null)
        default: try readNumber()
        }
        return false
    }

    /// Behind a value: closes what closes there. True after a comma, before the next value; false at the end.
    private mutating func continues() throws(JSONError) -> Bool {
        while depth > 0 {
            let isObject = nodes[container].kind == .object
            switch try peek() {
            case UInt8(ascii: ","):
                position += 1
                if isObject { try readName() }
                return true
            case UInt8(ascii: "}") where isObject: try close()
            case UInt8(ascii: "]") where !isObject: try close()
            default: throw .unexpectedByte(at: position)
            }
        }
        skipBlanks()
        return false
    }

    private mutating func open(_ kind: JSONNode.Kind) throws(JSONError) {
        guard depth < JSONDocument.maximumDepth else { throw .tooDeep(limit: JSONDocument.maximumDepth) }
        let outer = container
        container = nodes.count
        depth += 1
        try append(kind, from: position)
        nodes[container].next = UInt32(outer)
        position += 1
    }

    /// Takes the bracket at the position.
    private mutating func close() throws(JSONError) {
        if refusesDuplicates, nodes[container].kind == .object { try checkNames(of: container, in: nodes) }
        position += 1
        depth -= 1
        let outer = Int(nodes[container].next)
        nodes[container].next = UInt32(nodes.count)
        nodes[container].count = UInt32(position) - nodes[container].start
        container = outer
    }

    /// Notes what stands from `start` up to the position, as a node with nothing inside it.
    mutating func append(_ kind: JSONNode.Kind, from start: Int, isEscaped: Bool = false) throws(JSONError) {
        guard nodes.count < maximumNodes else { throw .tooManyValues(limit: maximumNodes) }
        nodes.append(
            JSONNode(
                start: UInt32(start),
                count: UInt32(position - start),
                next: UInt32(nodes.count + 1),
                kind: kind,
                isEscaped: isEscaped
            )
        )
    }

    /// A name of an object and the colon behind it.
    private mutating func readName() throws(JSONError) {
        guard try peek() == UInt8(ascii: "\"") else { throw .unexpectedByte(at: position) }
        try readString()
        guard try peek() == UInt8(ascii: ":") else { throw .unexpectedByte(at: position) }
        position += 1
    }

    /// The next byte that is no blank; it is not taken.
    private mutating func peek() throws(JSONError) -> UInt8 {
        skipBlanks()
        guard position < text.count else { throw .unexpectedEnd }
        return text[position]
    }

    private mutating func skipBlanks() {
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }
}
