// SPDX-License-Identifier: Apache-2.0

/// One entry of the route table. There is no way to make one without a scope (promise 3): what a route demands of its
/// caller stands beside its path.
package struct Route<Scope: Sendable, Grant: Sendable>: Sendable {
    package let method: Method
    package let pattern: RoutePattern
    package let scope: Scope
    /// The largest body in bytes; nil is the limit of the server.
    package let bodyLimit: Int?
    /// How long the handler may take; nil is the limit of the server.
    package let answerLimit: Duration?
    /// Answers in place of the handler where too much is under way.
    package let shed: Shedding?
    /// The only type the route produces: an `Accept` that excludes it is answered 406. Nil where the handler looks itself.
    package let produces: String?
    let action: Action

    enum Action: Sendable {
        case work(@Sendable (Request, PathParameters, Grant) async -> Response)
        case atOnce(@Sendable (RequestHead, PathParameters, Grant) -> Response)
    }

    /// A route that is answered by a task once the body is there.
    package init(
        _ method: Method,
        _ pattern: RoutePattern,
        scope: Scope,
        bodyLimit: Int? = nil,
        answerLimit: Duration? = nil,
        produces: String? = nil,
        shed: Shedding? = nil,
        handler: @escaping @Sendable (Request, PathParameters, Grant) async -> Response
    ) {
        self.method = method
        self.pattern = pattern
        self.scope = scope
        self.bodyLimit = bodyLimit
        self.answerLimit = answerLimit
        self.shed = shed
        self.produces = produces
        action = .work(handler)
    }

    /// A route that is answered on the thread of the socket, whatever else is busy: for answers that lie ready. Its
    /// handler must neither wait nor compute; a body is thrown away.
    package init(
        atOnce method: Method,
        _ pattern: RoutePattern,
        scope: Scope,
        produces: String? = nil,
        handler: @escaping @Sendable (RequestHead, PathParameters, Grant) -> Response
    ) {
        self.method = method
        self.pattern = pattern
        self.scope = scope
        bodyLimit = 0
        answerLimit = nil
        shed = nil
        self.produces = produces
        action = .atOnce(handler)
    }
}

/// What the gate says about a caller: what it learnt about them, or the answer that turns them away.
package enum GateDecision<Grant: Sendable>: Sendable {
    case allow(Grant)
    case refuse(Response)
}

/// The route table as a handler of a server. Order: `Host`, site, path, method, gate, `Accept`; all from the head, before a byte
/// of body.
package struct HTTPRouter<Scope: Sendable, Grant: Sendable>: HTTPHandler {
    /// Decides for the scope of the route that was found, from head and path alone.
    package typealias Gate = @Sendable (Scope, RequestHead, PathParameters) -> GateDecision<Grant>

    private let hosts: HostAllowList
    private let gate: Gate
    /// Routes by path, those with more fixed segments first.
    private let table: [(pattern: RoutePattern, routes: [Route<Scope, Grant>])]

    /// Two routes with the same method and the same shape of path are a mistake in the table.
    package init(hosts: HostAllowList = .loopback, routes: [Route<Scope, Grant>], gate: @escaping Gate) {
        self.hosts = hosts
        self.gate = gate
        table = Dictionary(grouping: routes, by: \.pattern).map { ($0.key, $0.value) }.sorted { one, other in
            (other.0.literalCount, one.0.description) < (one.0.literalCount, other.0.description)
        }
        for (_, group) in Dictionary(grouping: routes, by: \.pattern.shape) {
            let isUnique = Set(group.map(\.method)).count == group.count && Set(group.map(\.pattern)).count == 1
            precondition(isUnique, "two routes match the same requests: \(group[0].pattern)")
        }
    }

    package func admit(_ head: RequestHead) -> Admission {
        if let refusal = hosts.refusal(of: head) ?? CrossSite.refusal(of: head) { return .refuse(refusal) }
        guard let (candidates, parameters) = find(head) else { return .refuse(.notFound) }
        guard let route = candidates.first(where: { head.isMethod($0.method) }) else {
            return .refuse(.methodNotAllowed(candidates.map(\.method).sorted { $0.name < $1.name }))
        }
        switch gate(route.scope, head, parameters) {
        case .refuse(let response): return .refused(response)
        case .allow(let grant):
            if let produces = route.produces, !head.accepts(produces) { return .refuse(.notAcceptable) }
            return admit(head, route, parameters, grant)
        }
    }

    private func admit(
        _ head: RequestHead,
        _ route: Route<Scope, Grant>,
        _ parameters: PathParameters,
        _ grant: Grant
    ) -> Admission {
        switch route.action {
        case .atOnce(let handler): .answer(handler(head, parameters, grant))
        case .work(let handler):
            .proceed(bodyLimit: route.bodyLimit, answerLimit: route.answerLimit, shed: route.shed) { request in
                await handler(request, parameters, grant)
            }
        }
    }

    private func find(_ head: RequestHead) -> ([Route<Scope, Grant>], PathParameters)? {
        if PathSegments.isPlain(head.pathBytes) {
            for (pattern, routes) in table {
                if let parameters = pattern.match(plain: head.pathBytes) { return (routes, parameters) }
            }
        } else if let path = head.pathSegments {
            for (pattern, routes) in table {
                if let parameters = pattern.match(path) { return (routes, parameters) }
            }
        }
        return nil
    }
}

extension RequestHead {
    fileprivate func isMethod(_ method: Method) -> Bool { methodBytes.elementsEqual(method.name.utf8) }
}
