// SPDX-License-Identifier: Apache-2.0
package import Authorization
package import HTTPServer

extension APIOperation {
    /// Every operation there is, port by port. A route that is not here fails `APIDocumentTests`; so does an operation
    /// without a route. The lists stand in files of this folder, one a topic.
    package static func all(_ compatibility: Compatibility = Compatibility()) -> [APIOperation] {
        signing(compatibility) + health + document + access + chamber + chamberKeys + keyManager + metrics
            + administration
    }

    /// Those of some routes, in their own order.
    static func all(_ compatibility: Compatibility, of routes: [Route<Scope, Access>]) -> [APIOperation] {
        all(compatibility).filter { operation in routes.contains(where: operation.describes) }
    }

    /// Whether this is about that route.
    package func describes(_ route: Route<Scope, Access>) -> Bool {
        route.method == method && route.pattern == pattern && route.scope == scope
    }
}
