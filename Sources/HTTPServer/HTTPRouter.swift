// SPDX-License-Identifier: Apache-2.0

/// One route of a table: method, path, and the scope without which it cannot be declared.
package struct Route<Scope: Sendable>: Sendable {
    package let method: Method
    /// As written: `/api/v1/eth2/sign/:identifier`; a segment behind a colon takes any one segment.
    package let path: String
    package let scope: Scope
    let segments: [Segment]
    let admit: @Sendable (RouteMatch) -> Admission

    enum Segment: Sendable, Hashable {
        case literal(String)
        case parameter(String)
    }

    package init(
        _ method: Method, _ path: String, _ scope: Scope, admit: @escaping @Sendable (RouteMatch) -> Admission
    ) {
        precondition(path.hasPrefix("/"), "the path \(path) of a route does not begin with a slash")
        self.method = method
        self.path = path
        self.scope = scope
        self.admit = admit
        segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { segment in
            segment.hasPrefix(":") ? .parameter(String(segment.dropFirst())) : .literal(String(segment))
        }
    }

    /// The values of the parameters, or nil where the path is another one.
    fileprivate func match(_ path: [String]) -> [(name: String, value: String)]? {
        guard path.count == segments.count else { return nil }
        var parameters: [(name: String, value: String)] = []
        for (segment, value) in zip(segments, path) {
            switch segment {
            case .literal(let literal): if literal != value { return nil }
            case .parameter(let name): parameters.append((name, value))
            }
        }
        return parameters
    }
}

/// A request that a route takes.
package struct RouteMatch: Sendable {
    package let head: RequestHead
    private let parameters: [(name: String, value: String)]

    fileprivate init(head: RequestHead, parameters: [(name: String, value: String)]) {
        self.head = head
        self.parameters = parameters
    }

    /// The value of a parameter of the route's path.
    package subscript(name: String) -> String {
        guard let found = parameters.first(where: { $0.name == name }) else {
            preconditionFailure("the route has no parameter \(name)")
        }
        return found.value
    }
}

/// Finds the route of a request: unknown paths are 404, known ones with another method 405.
package struct HTTPRouter<Scope: Sendable>: HTTPHandler {
    private let routes: [Route<Scope>]
    private let hosts: HostAllowList

    package init(_ routes: [Route<Scope>], hosts: HostAllowList) {
        self.routes = routes
        self.hosts = hosts
    }

    package func admit(_ head: RequestHead) -> Admission {
        if let refusal = hosts.refusal(head) { return .answer(refusal) }
        guard let path = head.pathSegments else { return .answer(.text("Resource not found", status: 404)) }
        var allowed: [Method] = []
        for route in routes {
            guard let parameters = route.match(path) else { continue }
            if route.method == head.method { return route.admit(RouteMatch(head: head, parameters: parameters)) }
            allowed.append(route.method)
        }
        guard !allowed.isEmpty else { return .answer(.text("Resource not found", status: 404)) }
        var response = Response.text("Method Not Allowed", status: 405)
        response.headers.append(.init("Allow", allowed.map(\.name).joined(separator: ", ")))
        return .answer(response)
    }
}
