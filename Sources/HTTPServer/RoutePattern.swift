// SPDX-License-Identifier: Apache-2.0

/// A path with named places: `/api/v1/eth2/sign/:identifier`.
package struct RoutePattern: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    let segments: [Segment]
    /// What every path that fits begins with: the text up to the first named place.
    private let lead: [UInt8]

    enum Segment: Sendable, Hashable {
        case literal([UInt8])
        case parameter(String)
    }

    /// Patterns are written in code: one that no path can match, or that names a place twice, is a mistake there.
    package init(_ pattern: String) {
        description = pattern
        guard let parts = PathSegments.decode(Array(pattern.utf8)[...]) else {
            preconditionFailure("\(pattern) is no path: it needs a leading slash and segments that are not empty")
        }
        segments = parts.map { $0.hasPrefix(":") ? .parameter(String($0.dropFirst())) : .literal(Array($0.utf8)) }
        lead = Array(pattern.utf8.prefix { $0 != UInt8(ascii: ":") })
        let names = segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
        precondition(
            Set(names).count == names.count && !names.contains(""),
            "\(pattern) needs a name of its own for each place"
        )
    }

    /// The values of the places where a path fits that has one plain reading (`PathSegments.isPlain`): the bytes are
    /// compared as they are. This is the way of nearly every request.
    func match(plain path: ArraySlice<UInt8>) -> PathParameters? {
        guard isLed(path.span) else { return nil }
        var parameters = PathParameters()
        var position = path.startIndex
        for segment in segments {
            guard position < path.endIndex, path[position] == UInt8(ascii: "/") else { return nil }
            position += 1
            switch segment {
            case .literal(let literal):
                guard path[position...].starts(with: literal) else { return nil }
                position += literal.count
            case .parameter(let name):
                let rest = path[position...]
                let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
                guard let value = PathSegments.segment(path[position..<end]) else { return nil }
                parameters.values.append(.init(name: name, value: value))
                position = end
            }
        }
        return position == path.endIndex ? parameters : nil
    }

    /// From the end: paths of one interface begin alike.
    private func isLed(_ path: Span<UInt8>) -> Bool {
        guard path.count >= lead.count else { return false }
        var offset = lead.count
        while offset > 0 {
            offset -= 1
            if path[offset] != lead[offset] { return false }
        }
        return true
    }

    /// The values of the places where a path fits, in any spelling.
    package func parameters(of path: String) -> PathParameters? {
        let bytes = Array(path.utf8)[...]
        return PathSegments.isPlain(bytes) ? match(plain: bytes) : PathSegments.decode(bytes).flatMap(match)
    }

    /// The same for decoded segments.
    func match(_ path: [String]) -> PathParameters? {
        guard path.count == segments.count else { return nil }
        var parameters = PathParameters()
        for (segment, text) in zip(segments, path) {
            switch segment {
            case .literal(let literal): if !text.utf8.elementsEqual(literal) { return nil }
            case .parameter(let name): parameters.values.append(.init(name: name, value: text))
            }
        }
        return parameters
    }

    /// Two patterns with the same shape match the same paths.
    var shape: [[UInt8]?] { segments.map { if case .literal(let text) = $0 { text } else { nil } } }

    /// How many segments are fixed: of two patterns that fit, the one with more wins.
    var literalCount: Int { segments.count { if case .literal = $0 { true } else { false } } }
}

extension RoutePattern: ExpressibleByStringLiteral {
    package init(stringLiteral pattern: String) { self.init(pattern) }
}

/// What a path had in the named places of its route, decoded once.
package struct PathParameters: Sendable {
    struct Value: Sendable {
        let name: String
        let value: String
    }

    var values: [Value] = []

    package init() {}

    /// The value of a place that the pattern names.
    package subscript(_ name: String) -> String {
        guard let found = values.first(where: { $0.name == name }) else {
            preconditionFailure("the route has no place called \(name)")
        }
        return found.value
    }
}
