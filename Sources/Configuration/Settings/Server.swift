// SPDX-License-Identifier: Apache-2.0
package import Encoding

extension Configuration {
    /// The signing server.
    package struct Server: Sendable {
        package var listenAddress = "127.0.0.1"
        /// 0 lets the system choose.
        package var listenPort = 9000
        /// Lower-case names without port; `*` stands for any.
        package var allowedHosts = ["localhost", "127.0.0.1", "[::1]"]
        package var requestTimeout = Duration.seconds(30)
        package var headTimeout = Duration.seconds(10)
        package var bodyTimeout = Duration.seconds(15)
        package var idleTimeout = Duration.seconds(30)
        package var drain = Duration.seconds(25)
        package var maxBodyBytes = 10 << 20
        package var bodyBudgetBytes = 256 << 20
        package var maxConnections = 4096
        package var maxConnectionsPerAddress = 1024
        package var maxInFlight = 4096
        /// Nil stands for the place beside the slashing database: `Configuration.adminSocketPath`.
        package var adminSocket: String?
        package var isStrict = false
        /// Whose `X-Forwarded-For` is believed.
        package var trustedProxies: [AddressRange] = []
    }

    /// Where the admin socket lies.
    package var adminSocketPath: String { server.adminSocket ?? antiSlashing.path + ".admin.sock" }
}

extension Configuration.Server {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "server.listen_address",
            at: \.server.listenAddress,
            .address,
            "The address on which signing requests are taken. Anything but a loopback address is reachable by others."
        ),
        Setting(
            "server.listen_port",
            at: \.server.listenPort,
            .integer(0...65535),
            "The port of the signing server; 0 picks a free one."
        ),
        Setting(
            "server.allowed_hosts",
            at: \.server.allowedHosts,
            listOf: .host,
            mayBeEmpty: false,
            "The names that clients may write in the Host header; others are refused, which stops DNS rebinding. * allows any."
        ),
        Setting(
            "server.request_timeout_seconds",
            at: \.server.requestTimeout,
            .seconds(1...600),
            "How long a complete request may take before it is answered 503."
        ),
        Setting(
            "server.head_timeout_seconds",
            at: \.server.headTimeout,
            .seconds(1...600),
            "How long a client may take to send the head of a request."
        ),
        Setting(
            "server.body_timeout_seconds",
            at: \.server.bodyTimeout,
            .seconds(1...600),
            "How long a client may take to send the body of a request."
        ),
        Setting(
            "server.idle_timeout_seconds",
            at: \.server.idleTimeout,
            .seconds(1...3600),
            "How long a connection without requests is kept open."
        ),
        Setting(
            "server.drain_seconds",
            at: \.server.drain,
            .seconds(0...600),
            "How long requests in flight are waited for when the process is told to stop."
        ),
        Setting(
            "server.max_body_bytes",
            at: \.server.maxBodyBytes,
            .integer(1024...(1 << 30), unit: "bytes"),
            "The largest body of a request; a larger one is answered 413."
        ),
        Setting(
            "server.body_budget_bytes",
            at: \.server.bodyBudgetBytes,
            .integer(1024...(1 << 40), unit: "bytes"),
            "The memory that the bodies of all requests share; a request beyond it is answered 503."
        ),
        Setting(
            "server.max_connections",
            at: \.server.maxConnections,
            .integer(1...1_000_000),
            "How many connections are open at the same time."
        ),
        Setting(
            "server.max_connections_per_address",
            at: \.server.maxConnectionsPerAddress,
            .integer(1...1_000_000),
            "How many connections one client address may have open."
        ),
        Setting(
            "server.max_in_flight",
            at: \.server.maxInFlight,
            .integer(1...1_000_000),
            "How many signing requests are worked on or wait at the same time; one more is answered 503 at once."
        ),
        Setting(
            "server.admin_socket",
            at: \.server.adminSocket,
            optional: .path,
            unset: "anti_slashing.path with .admin.sock added",
            "The Unix socket over which the command line reaches the running process."
        ),
        Setting(
            "server.trusted_proxies",
            at: \.server.trustedProxies,
            listOf: .addressRange,
            mayBeEmpty: true,
            "The proxies whose X-Forwarded-For says where a request comes from. Nobody else's is believed."
        ),
        Setting(
            "server.strict",
            at: \.server.isStrict,
            .boolean,
            "Refuses to start with any protection missing: key or password files that others can read, a configuration that others can reach, root or capabilities, memory that can be swapped or dumped, server.seccomp or server.landlock off or not to be had. Everything is named at once, with what mends it."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["server.listen_port", "metrics.listen_port", "server.listen_address", "metrics.listen_address"]) { all in
            let (server, metrics) = (all.server, all.metrics)
            guard metrics.isEnabled, server.listenPort != 0, server.listenPort == metrics.listenPort else { return nil }
            let addresses = [server.listenAddress, metrics.listenAddress]
            guard addresses[0] == addresses[1] || addresses.contains("0.0.0.0") || addresses.contains("::") else {
                return nil
            }
            return .init("metrics.listen_port", "is \(metrics.listenPort), the port of server.listen_port too")
        },
        Rule(["server.body_budget_bytes", "server.max_body_bytes"]) { all in
            guard all.server.bodyBudgetBytes < all.server.maxBodyBytes else { return nil }
            return .init("server.body_budget_bytes", "is less than server.max_body_bytes: one body must fit")
        },
        Rule(["server.max_connections_per_address", "server.max_connections"]) { all in
            guard all.server.maxConnectionsPerAddress > all.server.maxConnections else { return nil }
            return .init("server.max_connections_per_address", "is more than server.max_connections")
        },
        Rule(["server.admin_socket", "anti_slashing.path"]) { all in
            if all.adminSocketPath == all.antiSlashing.path {
                return .init("server.admin_socket", "is the file of anti_slashing.path")
            }
            // sun_path of sockaddr_un holds 108 bytes, with the closing zero.
            guard all.adminSocketPath.utf8.count > 107 else { return nil }
            return .init(
                "server.admin_socket",
                "is a path of \(all.adminSocketPath.utf8.count) bytes; Unix sockets have at most 107",
                hint: "set server.admin_socket to a shorter path"
            )
        },
    ]
}
