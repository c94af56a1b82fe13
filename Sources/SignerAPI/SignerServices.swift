// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import Consensus
internal import Foundation
package import HTTPServer
package import Signer
package import SlashingProtection
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
    private let enablingChanged: @Sendable (AdministrativeTask) async -> Void
    private let keyManager: KeyManagerRoutes?
    private let chamber: [Route<Scope, Access>]
    private let listing = KeyListing()
    private let audit: any AuditTrail

    /// - Parameters:
    ///   - health: whether the signer can sign now; cheap, asked for every `/healthcheck`.
    ///   - metrics: the text of `/metrics`.
    ///   - hasRecord: false under `noop`, which has no watermarks.
    ///   - keyManager: nil where the Key Manager API is switched off.
    ///   - chamber: the routes of the chamber, where keys are sealed.
    ///   - enablingChanged: awaited when a task has disabled or enabled keys, before that is answered.
    package init(
        signer: Signer,
        reader: SignRequestReader,
        compatibility: Compatibility,
        reloading: any KeyReloading,
        health: @escaping @Sendable () -> SignerHealth,
        metrics: @escaping @Sendable () -> String,
        hasRecord: Bool,
        enablingChanged: @escaping @Sendable (AdministrativeTask) async -> Void = { _ in },
        keyManager: KeyManagerRoutes? = nil,
        chamber: [Route<Scope, Access>] = [],
        audit: any AuditTrail
    ) {
        self.signer = signer
        self.reader = reader
        self.compatibility = compatibility
        self.reloading = reloading
        self.health = health
        self.metrics = metrics
        self.hasRecord = hasRecord
        self.enablingChanged = enablingChanged
        self.keyManager = keyManager
        self.chamber = chamber
        self.audit = audit
    }

    /// The signing port: Web3Signer's routes (web3signer.md §2).
    package var signingRoutes: [Route<Scope, Access>] {
        var routes: [Route<Scope, Access>] = [
            Route(atOnce: .get, "/upcheck", scope: .health, produces: "text/plain") { _, _, _ in .text("OK") },
            Route(atOnce: .get, "/healthcheck", scope: .health) { [health] _, _, _ in health().response() },
            Route(.post, CanaryWatch.path, scope: .sign, shed: shed) { request, parameters, access in
                await sign(request, parameters["identifier"], access)
            },
            Route(.get, "/api/v1/eth2/publicKeys", scope: .publicKeys, produces: "application/json") { _, _, access in
                // Behind everything that is signed, whoever asks and however often.
                await withTaskExecutorPreference(signer.lanes.executor(.registration)) {
                    .json(listing.body(signer.keyring, for: access.grant))
                }
            },
            Route(.post, "/reload", scope: .reload, produces: "application/json") { _, _, access in
                await reload(for: access.caller)
            },
            Route(.get, "/reload", scope: .reload, produces: "application/json") { _, _, _ in
                reloading.status.response()
            },
        ]
        if hasRecord {
            routes.append(
                Route(.get, "/api/v1/eth2/highWatermark", scope: .highWatermark) { _, _, _ in await highWatermark() }
            )
        }
        return routes + (keyManager?.routes ?? []) + chamber
    }

    /// The metrics port.
    package var metricsRoutes: [Route<Scope, Access>] {
        [
            Route(.get, "/metrics", scope: .metrics) { [metrics] _, _, _ in
                Response(
                    status: 200,
                    contentType: MetricRegistry.contentType,
                    body: Array(metrics().utf8)
                )
            }
        ]
    }

    /// The admin socket. A body may be the histories of many validators.
    package var administrationRoutes: [Route<Scope, Access>] {
        RecordAdministration.Command.allCases.map { command in
            Route(
                .post,
                RoutePattern(RecordAdministration.path + command.rawValue),
                scope: .recordAdministration,
                bodyLimit: RecordAdministration.largestBody
            ) { request, _, access in
                await administer(command, request, access.caller)
            }
        }
    }

    // MARK: Signing

    /// Refuses before anything is read, where too much is under way.
    private var shed: Shedding {
        { [signer] head, body in
            guard signer.sheds(body) else { return nil }
            return head.acceptsJSON ? Response.overloadedAsJSON : .overloadedAsText
        }
    }

    private func sign(_ request: Request, _ identifier: String, _ access: Access) async -> Response {
        let outcome = await signer.sign(
            identifier,
            for: access.caller,
            under: access.grant,
            trace: request.head.value(of: "traceparent").flatMap { TraceParent($0) },
            isAbandoned: { request.clientHasGone }
        ) { () throws(UnreadableRequest) in try reader.read(request.body) }
        return outcome.response(compatibility, acceptsJSON: request.head.acceptsJSON)
    }

    private func highWatermark() async -> Response {
        do throws(StoreError) {
            guard case .watermark(let mark) = try await signer.protection.administer(.highWatermark) else {
                preconditionFailure("the record answered another task than it was given")
            }
            return .json(HighWatermarkDocument(mark))
        } catch {
            return .error(503, code: "slashing_protection_unavailable", message: "\(error)", retryAfterSeconds: 1)
        }
    }

    // MARK: Administration

    /// Only begins it: its end is told by whoever reloads.
    private func reload(for caller: Caller) async -> Response {
        await audit.perform("reload", on: "keys", for: caller) { [reloading] in
            let isAccepted = reloading.begin()
            let response = ReloadStatus.response(accepted: isAccepted)
            return ActionEnd(response, isAccepted ? nil : .refused(code: "already_running"))
        }
    }

    private func administer(
        _ command: RecordAdministration.Command,
        _ request: Request,
        _ caller: Caller
    ) async -> Response {
        await audit.perform(command.rawValue, on: "slashing record", for: caller) {
            do throws(StoreError) {
                switch try RecordAdministration.decode(command, query: request.head.query, body: request.body) {
                case .task(let task):
                    let answer = try await signer.protection.administer(task)
                    if case .changed = answer { await enablingChanged(task) }
                    return ActionEnd(.json(RecordAdministration.encode(answer)), .done)
                case .reconcile(let acceptingClockFloor):
                    let report = try await signer.protection.reconcile(acceptingClockFloor: acceptingClockFloor)
                    return ActionEnd(.json(RecordAdministration.encode(report)), .done)
                }
            } catch {
                return ActionEnd(
                    .error(400, code: "not_done", message: error.description),
                    .refused(code: "not_done", detail: error.description)
                )
            }
        }
    }
}
