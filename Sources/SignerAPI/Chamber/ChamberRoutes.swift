// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import Concurrency
internal import Foundation
package import HTTPServer
internal import JSON
package import Sealing
internal import Signer
internal import SignerState
package import Telemetry

/// The routes of the chamber: making its master key, seeing how it stands, closing and opening it.
package struct ChamberRoutes: Sendable {
    private let chamber: Chamber
    private let audit: any AuditTrail
    private let seconds: @Sendable () -> Int64
    /// Whether somebody may unseal, by what the chamber itself has tagged under these keys.
    private let verify: @Sendable (Grant, MasterKeys) async -> Bool

    private static let largestBody = 64 << 10
    /// Wrapping, getting back and opening wait for the KMS keys one after the other, `kms.timeout_seconds` each.
    package static let patience = Duration.seconds(200)

    /// - Parameters:
    ///   - seconds: of a clock that does not go back, for who has to wait.
    ///   - verify: whether somebody may unseal, by what the chamber itself has tagged under these keys.
    package init(
        _ chamber: Chamber,
        audit: any AuditTrail,
        seconds: @escaping @Sendable () -> Int64 = { Int64(MonotonicClock.nanoseconds / 1_000_000_000) },
        mayUnseal verify: @escaping @Sendable (Grant, MasterKeys) async -> Bool = { _, _ in true }
    ) {
        self.chamber = chamber
        self.audit = audit
        self.seconds = seconds
        self.verify = verify
    }

    package var routes: [Route<Scope, Access>] {
        [
            Route(
                .post,
                "/api/v1/chamber/init",
                scope: .chamberInit,
                bodyLimit: Self.largestBody,
                answerLimit: Self.patience,
                produces: "application/json"
            ) { request, _, access in
                await perform("chamber_init", for: access) { () async throws(ChamberError) -> Response in
                    try await initialize(try InitOrder(request.body))
                }
            },
            Route(.get, "/api/v1/chamber/status", scope: .chamberStatus, produces: "application/json") { _, _, _ in
                status(200)
            },
            Route(
                .post,
                "/api/v1/chamber/seal",
                scope: .chamberSeal,
                answerLimit: Self.patience,
                produces: "application/json"
            ) { _, _, access in
                await perform("chamber_seal", for: access) { () async throws(ChamberError) -> Response in
                    let report = await chamber.seal()
                    return .json(ChamberDocument(chamber.status, notOrdered: report.problem))
                }
            },
            Route(
                .post,
                "/api/v1/chamber/unseal",
                scope: .chamberUnseal,
                answerLimit: Self.patience,
                produces: "application/json"
            ) { _, _, access in await unseal(for: access) },
            Route(
                .post,
                "/api/v1/chamber/rotate",
                scope: .chamberRotate,
                bodyLimit: Self.largestBody,
                answerLimit: Self.patience,
                produces: "application/json"
            ) { request, _, access in
                await perform("chamber_rotate", for: access) { () async throws(ChamberError) -> Response in
                    try await rotate(try RotationOrder(request.body), for: access)
                }
            },
            Route(
                .delete,
                "/api/v1/chamber/rotate",
                scope: .chamberRotate,
                produces: "application/json"
            ) { _, _, access in
                await perform("chamber_rotate_cancel", for: access) { () async throws(ChamberError) -> Response in
                    try await chamber.cancelRegistration()
                    return status(200)
                }
            },
            Route(
                .delete,
                "/api/v1/chamber/proposals/:id",
                scope: .chamberRotate,
                produces: "application/json"
            ) { _, parameters, access in
                let identifier = parameters["id"]
                return await perform("chamber_proposal_withdraw", for: access) { () async throws(ChamberError) in
                    try chamber.withdraw(identifier, by: Proposer(access.caller.kind))
                    return status(200)
                }
            },
        ] + OperatorRoutes(chamber, audit: audit, seconds: seconds).routes
    }

    package static let unsealPath = "/admin/v1/chamber/unseal"

    /// Of the admin socket: whoever is on the signer's machine takes an order to seal back, which opens nothing that its KMS
    /// keys and its operators do not open.
    package var administrationRoutes: [Route<Scope, Access>] {
        [
            Route(
                .post,
                RoutePattern(Self.unsealPath),
                scope: .chamberAdministration,
                answerLimit: Self.patience,
                produces: "application/json"
            ) { _, _, access in await unseal(for: access) }
        ]
    }

    private func unseal(for access: Access) async -> Response {
        await perform("chamber_unseal", for: access) { () async throws(ChamberError) -> Response in
            try await chamber.unseal { keys in
                guard let grant = access.grant else { return true }
                return await verify(grant, keys)
            }
            return status(200)
        }
    }

    private func initialize(_ order: InitOrder) async throws(ChamberError) -> Response {
        guard let operators = order.operators else {
            try await chamber.initialize(keys: order.keys, threshold: order.threshold)
            return status(201)
        }
        let tickets = Tickets(for: operators.names)
        try await chamber.initialize(
            keys: order.keys,
            threshold: order.threshold,
            operators: operators.names,
            operatorThreshold: operators.threshold,
            tokens: tickets.tokens
        )
        return .json(ChamberDocument(chamber.status, tickets: tickets.shown), status: 201)
    }

    private func rotate(_ order: RotationOrder, for access: Access) async throws(ChamberError) -> Response {
        switch order {
        case .finish:
            try await chamber.endRekeying()
            return status(200)
        case .change(let change):
            let tickets = Tickets(for: change)
            switch try await chamber.change(change, by: Proposer(access.caller.kind), tokens: tickets.tokens) {
            case .done: return .json(ChamberDocument(chamber.status, tickets: tickets.shown))
            case .proposed(let proposal):
                return .json(ProposedDocument(proposal: ProposalDocument(proposal)), status: 202)
            }
        case .perform(let identifier):
            let change = try chamber.proposal(identifier).change
            // Those are performed where they are done: on the signer's machine.
            guard !change.isDeed else { throw .refused(.unknownProposal) }
            let tickets = Tickets(for: change)
            try await chamber.perform(identifier, tokens: tickets.tokens)
            return .json(ChamberDocument(chamber.status, tickets: tickets.shown))
        }
    }

    private func status(_ code: Int) -> Response { .json(ChamberDocument(chamber.status), status: code) }

    private func perform(
        _ name: String,
        for access: Access,
        _ action: @escaping @Sendable () async throws(ChamberError) -> Response
    ) async -> Response {
        await audit.perform(name, on: chamber, for: access.caller, action)
    }
}

extension AuditTrail {
    /// A ceremony, between two lines.
    func perform(
        _ name: String,
        on chamber: Chamber,
        for caller: Caller,
        _ action: @escaping @Sendable () async throws(ChamberError) -> Response
    ) async -> Response {
        await perform(name, on: "chamber", for: caller) {
            do throws(ChamberError) {
                return ActionEnd(try await action(), .done, subject: chamber.subject)
            } catch {
                let response = Response.refused(error)
                return ActionEnd(
                    response,
                    response.status >= 500
                        ? .failed(code: error.code, detail: "\(error)") : .refused(code: error.code, detail: "\(error)")
                )
            }
        }
    }
}

extension Chamber {
    /// For the audit log.
    fileprivate var subject: String {
        let status = status
        return
            "chamber \(status.record?.identity.chamber.description ?? "without a master key"), \(status.state.rawValue)"
    }
}

extension Response {
    static func refused(_ error: ChamberError) -> Response {
        .error(
            error.status,
            code: error.code,
            message: "\(error)",
            retryAfterSeconds: error.retryAfterSeconds
        )
    }
}

extension ChamberError {
    fileprivate var retryAfterSeconds: Int? {
        if case .refused(.tooManyAttempts(let seconds)) = self { return seconds }
        return status == 503 ? 1 : nil
    }

    /// The one place where these become a status.
    var status: Int {
        switch self {
        case .custody(.invalid): 400
        case .notAllowed: 403
        case .alreadyInitialized, .uninitialized, .registering, .rotating, .notRotating, .state(.conflict): 409
        case .refused(let refusal): refusal.status
        case .custody, .state, .sealed, .failed(.sealed), .contents: 503
        case .failed: 500
        }
    }

    /// Stable strings of the API.
    var code: String {
        switch self {
        case .custody(.invalid): "invalid_request"
        case .notAllowed: "forbidden"
        case .alreadyInitialized: "already_initialized"
        case .uninitialized: "uninitialized"
        case .refused(let refusal): refusal.code
        case .registering: "registration_under_way"
        case .rotating: "rotation_under_way"
        case .notRotating: "no_rotation"
        case .state(.conflict): "version_conflict"
        case .custody: "kms_unavailable"
        case .state, .contents: "signer_state_unavailable"
        case .sealed, .failed(.sealed): "sealed"
        case .failed: "chamber_failed"
        }
    }
}
