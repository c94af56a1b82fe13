// SPDX-License-Identifier: Apache-2.0

/// Text to a tree. Takes plain data only: no anchors, no aliases, no key twice, nothing deeper or larger than the limits.
package struct YAMLParser: Sendable {
    package struct Limits: Sendable {
        package var bytes: Int
        package var depth: Int
        package var nodes: Int

        package init(bytes: Int = 1 << 20, depth: Int = 32, nodes: Int = 100_000) {
            self.bytes = bytes
            self.depth = depth
            self.nodes = nodes
        }
    }

    package var limits: Limits

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// The documents of a text: none for one that is empty or only comments.
    package func documents(in text: String) throws(YAMLError) -> [YAMLNode] {
        var text = text
        text.makeContiguousUTF8()
        return try documents(in: text.utf8.span)
    }

    /// As above, from bytes in memory that the caller owns. The scalar values of the mapping keys in `withholding` are
    /// not put into the tree: `withhold` gets their bytes, which are wiped after it returns, and the tree holds the
    /// number of the call (0 for the first). So a private key in a file never becomes a `String`.
    package func documents(
        in bytes: Span<UInt8>,
        withholding: Set<String> = [],
        _ withhold: (Span<UInt8>) -> Void = { _ in }
    ) throws(YAMLError) -> [YAMLNode] {
        guard bytes.count <= limits.bytes else { throw .tooLarge(bytes: bytes.count, limit: limits.bytes) }
        var result: Result<[YAMLNode], YAMLError> = .success([])
        unsafe bytes.withUnsafeBufferPointer { buffer in
            do throws(YAMLError) {
                let reader = unsafe try EventReader(buffer)
                var builder = TreeBuilder(reader: reader, limits: limits, withholding: withholding)
                result = .success(try builder.documents(withhold))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }
}

/// Builds trees from events, recursing no deeper than the limit.
private struct TreeBuilder: ~Copyable {
    var reader: EventReader
    let limits: YAMLParser.Limits
    let withholding: Set<String>
    var nodes = 0
    var withheld = 0

    init(reader: consuming EventReader, limits: YAMLParser.Limits, withholding: Set<String>) {
        self.reader = reader
        self.limits = limits
        self.withholding = withholding
    }

    typealias Withhold = (Span<UInt8>) -> Void
    typealias Step = (event: YAMLEvent, position: YAMLPosition)

    mutating func documents(_ withhold: Withhold) throws(YAMLError) -> [YAMLNode] {
        var documents: [YAMLNode] = []
        while true {
            let step = try next()
            switch step.event {
            case .streamEnd: return documents
            case .streamStart, .documentStart, .documentEnd: continue
            default:
                documents.append(try node(step, depth: 1, withhold))
            }
        }
    }

    private mutating func next() throws(YAMLError) -> Step {
        try reader.next(isWithheld: false) { _ in 0 }
    }

    private mutating func next(withholdIf condition: Bool, _ withhold: Withhold) throws(YAMLError) -> Step {
        guard condition else { return try next() }
        let number = withheld
        var taken = false
        let step = try reader.next(isWithheld: true) { bytes in
            withhold(bytes)
            taken = true
            return number
        }
        if taken { withheld += 1 }
        return step
    }

    /// The node that begins with `step`.
    private mutating func node(_ step: Step, depth: Int, _ withhold: Withhold) throws(YAMLError) -> YAMLNode {
        nodes += 1
        guard nodes <= limits.nodes else { throw .tooManyNodes(limit: limits.nodes, at: step.position) }
        guard depth <= limits.depth else { throw .tooDeep(limit: limits.depth, at: step.position) }
        switch step.event {
        case .scalar(let scalar, let tag, let hasAnchor):
            guard !hasAnchor else { throw .alias(at: step.position) }
            return YAMLNode(.scalar(scalar), tag: tag, position: step.position)
        case .sequenceStart(let tag, let hasAnchor):
            guard !hasAnchor else { throw .alias(at: step.position) }
            return YAMLNode(.sequence(try items(depth, withhold)), tag: tag, position: step.position)
        case .mappingStart(let tag, let hasAnchor):
            guard !hasAnchor else { throw .alias(at: step.position) }
            return YAMLNode(.mapping(try entries(depth, withhold)), tag: tag, position: step.position)
        default:
            throw .alias(at: step.position)
        }
    }

    private mutating func items(_ depth: Int, _ withhold: Withhold) throws(YAMLError) -> [YAMLNode] {
        var items: [YAMLNode] = []
        while true {
            let step = try next()
            if case .sequenceEnd = step.event { return items }
            items.append(try node(step, depth: depth + 1, withhold))
        }
    }

    private mutating func entries(_ depth: Int, _ withhold: Withhold) throws(YAMLError) -> YAMLMapping {
        var entries: [YAMLMapping.Entry] = []
        var seen: [String: YAMLPosition] = [:]
        while true {
            let step = try next()
            if case .mappingEnd = step.event { return YAMLMapping(entries) }
            let key = try key(step)
            if let first = seen.updateValue(step.position, forKey: key) {
                throw .duplicateKey(key, at: step.position, first: first)
            }
            let value = try next(withholdIf: withholding.contains(key), withhold)
            entries.append(
                YAMLMapping.Entry(
                    key: key,
                    keyPosition: step.position,
                    value: try node(value, depth: depth + 1, withhold)
                )
            )
        }
    }

    private func key(_ step: Step) throws(YAMLError) -> String {
        switch step.event {
        case .scalar(let scalar, _, hasAnchor: false): return scalar.text
        case .alias, .scalar, .sequenceStart(_, hasAnchor: true), .mappingStart(_, hasAnchor: true):
            throw .alias(at: step.position)
        default: throw .keyIsNotText(at: step.position)
        }
    }
}
