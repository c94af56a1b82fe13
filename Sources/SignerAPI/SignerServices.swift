// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Foundation
package import HTTPServer
package import Signer
internal import SlashingProtection
package import Telemetry

/// The routes of the signer, and what they speak to. The tables here are the only place where a route comes from.
package struct SignerServices: Sendable {
    private let signer: Signer
    private let reader: SignRequestReader
    private let compatibility: Compatibility
    private let reloading: any KeyReloading
    private let health: @Sendable () -> SignerHealth
    private let metrics: @Sendable () -> String
    private let hasRecord: Bool
    private let audit: @Sendable (AuditEvent) -> Void

    /// - Parameters:
    ///   - health: whether the signer can sign now; cheap, asked for every `/healthcheck`.
    ///   - metrics: the text of `/metrics`.
    ///   - hasRecord: false under `noop`, which has no watermarks.
    package init(
        signer: Signer, reader: SignRequestReader, compatibility: Compatibility, reloading: any KeyReloading,
        health: @escaping @Sendable () -> SignerHealth, metrics: @escaping @Sendable () -> String, hasRecord: Bool,
        audit: @escaping @Sendable (AuditEvent) -> Void
    ) {
        self.signer = signer
        self.reader = reader
        self.compatibility = compatibility
        self.reloading = reloading
        self.health = health
        self.metrics = metrics
        self.hasRecord = hasRecord
        self.audit = audit
    }

    /// The signing port: Web3Signer's routes (web3signer.md §2).
    package var signingRoutes: [Route<Scope>] {
        var routes: [Route<Scope>] = [
            Route(.get, "/upcheck", .health) { answering($0, "text/plain") { .text("OK") } },
            Route(.get, "/healthcheck", .health) { [health] _ in .answer(health().response()) },
            Route(.post, "/api/v1/eth2/sign/:identifier", .sign) { sign($0) },
            Route(.get, "/api/v1/eth2/publicKeys", .publicKeys) {
                answering($0, "application/json") { .json(signer.keyring.identifiers.map(\.description)) }
            },
            Route(.post, "/reload", .reload) {
                answering($0, "application/json") { ReloadStatus.response(accepted: reloading.begin()) }
            },
            Route(.get, "/reload", .reload) { answering($0, "application/json") { reloading.status.response() } },
        ]
        if hasRecord { routes.append(Route(.get, "/api/v1/eth2/highWatermark", .highWatermark) { _ in highWatermark() }) }
        return routes
    }

    /// The metrics port.
    package var metricsRoutes: [Route<Scope>] {
        [
            Route(.get, "/metrics", .metrics) { [metrics] _ in
                .proceed { _ in
                    Response(
                        status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: Array(metrics().utf8))
                }
            }
        ]
    }

    /// The admin socket.
    package var administrationRoutes: [Route<Scope>] {
        RecordAdministration.Command.allCases.map { command in
            Route(.post, RecordAdministration.path + command.rawValue, .recordAdministration) { _ in
                .proceed(bodyLimit: 4 << 30) { await administer(command, $0) }
            }
        }
    }

    // MARK: Signing

    private func sign(_ match: RouteMatch) -> Admission {
        let identifier = match["identifier"]
        let caller = Caller.peer(match.head.peer.description)
        let acceptsJSON = match.head.acceptsJSON
        return .proceed { request in
            let outcome = await signer.sign(identifier, for: caller, isAbandoned: { request.clientHasGone }) {
                () throws(UnreadableRequest) in try reader.read(request.body)
            }
            return outcome.response(compatibility, acceptsJSON: acceptsJSON)
        }
    }

    private func highWatermark() -> Admission {
        .proceed { _ in
            do throws(StoreError) {
                guard case .watermark(let mark) = try await signer.protection.administer(.highWatermark) else {
                    preconditionFailure("the record answered another task than it was given")
                }
                return .json(HighWatermarkDocument(mark))
            } catch {
                return .error(503, code: "slashing_protection_unavailable", message: "\(error)", retryAfterSeconds: 1)
            }
        }
    }

    // MARK: Administration

    private func administer(_ command: RecordAdministration.Command, _ request: Request) async -> Response {
        var outcome = AuditEvent.Outcome.done
        let response: Response
        do throws(StoreError) {
            let task = try RecordAdministration.decode(command, query: request.head.query, body: request.body)
            response = .json(RecordAdministration.encode(try await signer.protection.administer(task)))
        } catch {
            outcome = .refused(code: "not_done", detail: error.description)
            response = .error(400, code: "not_done", message: error.description)
        }
        var event = AuditEvent(.administration(command.rawValue, subject: "slashing record"), outcome)
        event.caller = Caller.local.kind
        audit(event)
        return response
    }

    /// An answer of one type: 406 for a client that does not take it.
    private func answering(_ match: RouteMatch, _ type: String, _ make: () -> Response) -> Admission {
        guard match.head.accepts(type) else {
            return .answer(.error(406, code: "not_acceptable", message: "this route answers \(type)", acceptsJSON: false))
        }
        return .answer(make())
    }
}
