// SPDX-License-Identifier: Apache-2.0
package import Authorization
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

    private static let largestBody = 64 << 10
    /// Wrapping, getting back and opening wait for the KMS keys one after the other, `kms.timeout_seconds` each.
    package static let patience = Duration.seconds(200)

    package init(_ chamber: Chamber, audit: any AuditTrail) {
        self.chamber = chamber
        self.audit = audit
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
                    let order = try InitOrder(request.body)
                    try await chamber.initialize(keys: order.keys, threshold: order.threshold)
                    return status(201)
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
            ) { _, _, access in
                await perform("chamber_unseal", for: access) { () async throws(ChamberError) -> Response in
                    try await chamber.unseal()
                    return status(200)
                }
            },
        ]
    }

    private func status(_ code: Int) -> Response { .json(ChamberDocument(chamber.status), status: code) }

    private func perform(
        _ name: String,
        for access: Access,
        _ action: @escaping @Sendable () async throws(ChamberError) -> Response
    ) async -> Response {
        await audit.perform(name, on: "chamber", for: access.caller) {
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

/// The body of an initialisation: `kms_key_arns` and `kms_threshold`.
struct InitOrder {
    let keys: [KeyName]
    let threshold: Int

    init(_ body: [UInt8]) throws(ChamberError) {
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(body, names: ["kms_key_arns", "kms_threshold"])
            guard let texts = try root.texts("kms_key_arns", limit: MasterKeyRecord.mostKeys) else {
                throw StrictObject.Malformed("kms_key_arns is missing")
            }
            guard let threshold = try root.number("kms_threshold") else {
                throw StrictObject.Malformed("kms_threshold is missing")
            }
            self.threshold = threshold
            var keys: [KeyName] = []
            for text in texts { keys.append(try Self.key(text.string, keys.count)) }
            self.keys = keys
        } catch { throw .custody(.invalid(error.reason)) }
    }

    private static func key(_ text: String, _ place: Int) throws(StrictObject.Malformed) -> KeyName {
        do throws(WrappingError) { return try KeyName(text) } catch {
            throw StrictObject.Malformed("kms_key_arns[\(place)]: \(error)")
        }
    }
}

/// How the chamber stands.
struct ChamberDocument: Encodable, Documented {
    struct Seal: Encodable {
        let status: String
        let reason: String?
        let not_ordered: String?
    }
    struct MasterKey: Encodable {
        let chamber: String
        let generation: String
        let mode: String
        let made_at: String
        let kms_threshold: Int
        let kms_key_arns: [String]
    }
    let seal: Seal
    let master_key: MasterKey?

    init(_ status: ChamberStatus, notOrdered problem: StateError? = nil) {
        seal = Seal(status: status.state.rawValue, reason: status.reason, not_ordered: problem.map { "\($0)" })
        master_key = status.record.map { record in
            MasterKey(
                chamber: record.identity.chamber.description,
                generation: "\(record.identity.generation)",
                mode: "kms",
                made_at: Date(timeIntervalSince1970: TimeInterval(record.made)).formatted(.iso8601),
                kms_threshold: record.custody.threshold,
                kms_key_arns: record.custody.shares.map(\.key.text)
            )
        }
    }

    static let schema: Schema = {
        let seal = Schema.exactly(
            .required("status", .words(ChamberState.allCases.map(\.rawValue))),
            .optional("reason", .described(.text(), "Why it is not open.")),
            .optional("not_ordered", .described(.text(), "Why the other instances could not be told to seal."))
        )
        let masterKey = Schema.exactly(
            .required("chamber", .text(pattern: "^[0-9a-f]{32}$")),
            .required("generation", .text(pattern: "^[0-9]+$")),
            .required("mode", .words(["kms"])),
            .required("made_at", .text(format: "date-time")),
            .required("kms_threshold", .integer(from: 1)),
            .required("kms_key_arns", .list(.text(), from: 1))
        )
        return .named("Chamber", .exactly(.required("seal", seal), .optional("master_key", masterKey)))
    }()
}

extension Response {
    fileprivate static func refused(_ error: ChamberError) -> Response {
        .error(
            error.status,
            code: error.code,
            message: "\(error)",
            retryAfterSeconds: error.status == 503 ? 1 : nil
        )
    }
}

extension ChamberError {
    /// The one place where these become a status.
    var status: Int {
        switch self {
        case .custody(.invalid): 400
        case .alreadyInitialized, .uninitialized: 409
        case .custody, .state, .sealed, .failed(.sealed): 503
        case .failed: 500
        }
    }

    /// Stable strings of the API.
    var code: String {
        switch self {
        case .custody(.invalid): "invalid_request"
        case .alreadyInitialized: "already_initialized"
        case .uninitialized: "uninitialized"
        case .custody: "kms_unavailable"
        case .state: "signer_state_unavailable"
        case .sealed, .failed(.sealed): "sealed"
        case .failed: "chamber_failed"
        }
    }
}
