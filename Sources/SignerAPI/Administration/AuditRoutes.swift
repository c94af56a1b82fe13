// SPDX-License-Identifier: Apache-2.0
package import Authorization
package import HTTPServer

/// What the admin socket tells of the audit file: for `audit verify`, which must know where the chain stood before it
/// reads.
package struct AuditRoutes: Sendable {
    package static let path = "/admin/v1/audit"
    private let head: @Sendable () -> [UInt8]?

    /// - Parameter head: the anchored head as JSON; nil where there is none.
    package init(head: @escaping @Sendable () -> [UInt8]?) { self.head = head }

    package var routes: [Route<Scope, Access>] {
        [
            Route(.get, RoutePattern(Self.path), scope: .auditHead) { [head] _, _, _ in
                guard let body = head() else {
                    return .error(
                        404,
                        code: "not_anchored",
                        message: "no audit file is kept, or it was not anchored yet"
                    )
                }
                return .json(body)
            }
        ]
    }
}
