// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Configuration
internal import HTTPServer
internal import Sealing
internal import Signer
internal import SignerAPI
internal import Telemetry

/// The signing port, the metrics port and the admin socket.
final class ServerPorts: Sendable {
    private struct Port {
        let name: String
        let server: HTTPServer
    }
    private let ports: [Port]
    private let logger: Logger

    init(
        _ configuration: Configuration,
        routes: SignerServices,
        access: AccessService,
        chamber: Chamber?,
        audit: AuditService,
        tls: TLSService?,
        lanes: SigningLanes,
        logger: Logger
    ) {
        self.logger = logger
        let server = configuration.server
        let port = UInt16(tls == nil ? server.listenPort : configuration.tls.listenPort)
        var signing = HTTPServerSettings(listener: TCPListener(host: configuration.signingAddress, port: port))
        signing.tls = tls
        signing.executor = lanes.executor(.intake)
        signing.starvation = lanes.sockets
        signing.limits = .init(server)
        signing.deadlines = .init(server)
        signing.readCredential = access.credentialReader
        let gate = access.gate
        signing.refused = gate.refused
        let accessRoutes = access.routes(of: chamber)
        var administrative = accessRoutes?.administrationRoutes ?? []
        administrative += chamber.map { ChamberRoutes($0, audit: audit).administrationRoutes } ?? []
        administrative += AuditRoutes { audit.anchoredHead }.routes
        if configuration.antiSlashing.backend != .noop { administrative += routes.administrationRoutes }
        var served = routes.signingRoutes + (accessRoutes?.routes ?? [])
        served +=
            DocumentRoutes(
                describing: served + routes.metricsRoutes + administrative,
                version: Program.version,
                compatibility: SignerAPI.Compatibility(configuration.compatibility)
            ).routes
        var ports = [
            Port(
                name: "signing",
                server: HTTPServer(
                    signing,
                    handler: HTTPRouter(
                        hosts: HostAllowList(server.allowedHosts),
                        routes: served,
                        gate: gate.decide
                    )
                )
            )
        ]
        if tls != nil { ports.append(Self.healthPort(configuration, routes, signing)) }
        if configuration.metrics.isEnabled {
            let metrics = configuration.metrics
            var settings = HTTPServerSettings(
                listener: TCPListener(host: metrics.listenAddress, port: UInt16(metrics.listenPort))
            )
            settings.refused = gate.refused
            ports.append(
                Port(
                    name: "metrics",
                    server: HTTPServer(
                        settings,
                        handler: HTTPRouter(
                            hosts: HostAllowList(metrics.allowedHosts),
                            routes: routes.metricsRoutes,
                            gate: Self.open
                        )
                    )
                )
            )
        }
        var administration = HTTPServerSettings(listener: UnixListener(path: configuration.adminSocketPath))
        administration.refused = gate.refused
        administration.limits.bodyBytes = RecordAdministration.largestBody
        administration.limits.bodyBudget = RecordAdministration.largestBody
        administration.deadlines.body = .seconds(600)
        administration.deadlines.answer = .seconds(3600)
        ports.append(
            Port(
                name: "administration",
                server: HTTPServer(
                    administration,
                    handler: HTTPRouter(routes: administrative) { _, _, _ in .allow(.local) }
                )
            )
        )
        self.ports = ports
    }

    /// What is left of the plain port where there is TLS.
    private static func healthPort(
        _ configuration: Configuration,
        _ routes: SignerServices,
        _ signing: HTTPServerSettings
    ) -> Port {
        let server = configuration.server
        var settings = signing
        settings.listener = TCPListener(host: server.listenAddress, port: UInt16(server.listenPort))
        settings.tls = nil
        // Nothing that is shown here is looked at; it is overwritten all the same.
        settings.readCredential = nil
        let hosts = HostAllowList(server.allowedHosts)
        let handler = HealthPort(routes: routes.signingRoutes, hosts: hosts, tlsPort: configuration.tls.listenPort)
        return Port(name: "health", server: HTTPServer(settings, handler: handler))
    }

    /// The gate of a port without tokens: whoever reaches it passes, under the name of his address.
    private static func open(_: Scope, head: RequestHead, _: PathParameters) -> GateDecision<Access> {
        .allow(.open(head))
    }

    /// Opens all of them. Nobody is answered before `start`.
    func open() throws(Failure) {
        for port in ports {
            do throws(HTTPServerError) { try port.server.open() } catch {
                throw Failure("the \(port.name) port: \(error)")
            }
        }
    }

    func start() throws(Failure) {
        for port in ports {
            do throws(HTTPServerError) {
                let address = try port.server.start()
                logger.info(.http, "listening", ["port": .text(port.name), "address": .text("\(address)")])
            } catch {
                throw Failure("the \(port.name) port: \(error)")
            }
        }
    }

    /// Stops taking requests and lets those under way finish.
    func stop(drain: Duration) async {
        for port in ports where !(await port.server.stop(drain: drain)) {
            logger.warn(.http, "requests were cut off", ["port": .text(port.name)])
        }
    }
}

extension HTTPServerSettings.Limits {
    fileprivate init(_ server: Configuration.Server) {
        self.init()
        bodyBytes = server.maxBodyBytes
        bodyBudget = server.bodyBudgetBytes
        connections = server.maxConnections
        connectionsPerAddress = server.maxConnectionsPerAddress
    }
}

extension HTTPServerSettings.Deadlines {
    fileprivate init(_ server: Configuration.Server) {
        self.init()
        head = server.headTimeout
        body = server.bodyTimeout
        answer = server.requestTimeout
        idle = server.idleTimeout
    }
}
