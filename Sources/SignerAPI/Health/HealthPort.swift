// SPDX-License-Identifier: Apache-2.0
package import Authorization
package import HTTPServer
internal import Signer

/// The plain port beside a TLS port: it answers health checks, and says to everybody else where signing is.
package struct HealthPort: HTTPHandler {
    private let router: HTTPRouter<Scope, Access>
    private let elsewhere: String

    /// - Parameter tlsPort: 0 where the system chooses it.
    package init(routes: [Route<Scope, Access>], hosts: HostAllowList, tlsPort: Int) {
        router = HTTPRouter(hosts: hosts, routes: routes.filter { $0.scope.audience == .anybody }) { _, head, _ in
            .allow(Access(caller: .peer(head.peer.description), grant: nil))
        }
        let port = tlsPort == 0 ? "the port of tls.listen_port" : "port \(tlsPort)"
        elsewhere = "this port answers health checks only: speak TLS to \(port)"
    }

    package func admit(_ head: RequestHead) -> Admission {
        let admission = router.admit(head)
        guard case .refuse(.notFound) = admission else { return admission }
        return .refuse(.tlsRequired(elsewhere))
    }
}
