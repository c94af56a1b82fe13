// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import BLS
internal import Concurrency
internal import Foundation
package import HTTPServer
internal import SealedKeys
internal import Sealing
internal import Signer
package import Telemetry

/// `/api/v1/chamber/keys`: the encrypted keys of the chamber, each verb where it is switched on.
package struct ChamberKeyRoutes: Sendable {
    /// `chamber.keys.*` of one verb.
    package struct Verb: Sendable {
        package let items: Int
        package let requests: Int
        package let timeout: Duration

        package init(items: Int, requests: Int, timeout: Duration) {
            self.items = items
            self.requests = requests
            self.timeout = timeout
        }
    }

    /// Nil for a verb that is switched off.
    package struct Verbs: Sendable {
        package var listings: Int
        package var generate: Verb?
        package var importing: Verb?
        package var lifecycle: Verb?

        package init(listings: Int, generate: Verb?, importing: Verb?, lifecycle: Verb?) {
            self.listings = listings
            self.generate = generate
            self.importing = importing
            self.lifecycle = lifecycle
        }
    }

    private let keys: ChamberKeys
    private let verbs: Verbs
    private let audit: any AuditTrail

    private static let path: RoutePattern = "/api/v1/chamber/keys"

    package init(_ keys: ChamberKeys, _ verbs: Verbs, audit: any AuditTrail) {
        self.keys = keys
        self.verbs = verbs
        self.audit = audit
    }

    package var routes: [Route<Scope, Access>] {
        var routes = [list]
        if let verb = verbs.generate { routes.append(generate(verb)) }
        if let verb = verbs.importing { routes.append(take(verb)) }
        if let verb = verbs.lifecycle { routes += [patch(verb), delete(verb)] }
        return routes
    }

    // MARK: Routes

    private var list: Route<Scope, Access> {
        let places = Places(verbs.listings)
        return Route(.get, Self.path, scope: .chamberKeysList, produces: "application/json") { request, _, access in
            guard places.enter() else { return .overloadedVerb }
            defer { places.leave() }
            do throws(ChamberKeys.Refusal) {
                let order = try Self.read { () throws(StrictObject.Malformed) in
                    try SealedKeyListing(request.head.query)
                }
                let (rows, next) = try await keys.list(order, for: access.grant)
                let documents = rows.map { row in
                    SealedKeyDocument(row, fault: keys.fault(of: row), showsBackup: order.includesBackups)
                }
                return .json(SealedKeyPage(data: documents, next: next.map { "\($0)" }))
            } catch { return .refused(error) }
        }
    }

    private func generate(_ verb: Verb) -> Route<Scope, Access> {
        route(.post, "/api/v1/chamber/keys/generate", .chamberKeysGenerate, verb, "chamber_keys_generate") {
            request,
            _ throws(ChamberKeys.Refusal) in
            let order = try Self.read { () throws(StrictObject.Malformed) in
                try KeyGeneration(request.body, limit: verb.items)
            }
            return ("\(order.count) keys", { _, _ async throws(ChamberKeys.Refusal) in try await keys.generate(order) })
        }
    }

    private func take(_ verb: Verb) -> Route<Scope, Access> {
        route(.post, Self.path, .chamberKeysImport, verb, "chamber_keys_import") {
            request,
            _ throws(ChamberKeys.Refusal) in
            let order = try Self.read { () throws(StrictObject.Malformed) in
                try KeyImportOrder(request.body, limit: verb.items)
            }
            return (
                "\(order.keystores.count + order.rawKeys.count) keys",
                { access, deadline async throws(ChamberKeys.Refusal) in
                    try await keys.take(order, for: access.grant, until: deadline)
                }
            )
        }
    }

    private func patch(_ verb: Verb) -> Route<Scope, Access> {
        route(.patch, Self.path, .chamberKeysPatch, verb, "chamber_keys_patch") {
            request,
            _ throws(ChamberKeys.Refusal) in
            let order = try Self.read { () throws(StrictObject.Malformed) in
                try KeyChangeOrder(changing: request.body, limit: verb.items)
            }
            let status = order.status ?? .active
            return (
                "\(order.names.count) keys, \(status.rawValue)",
                { access, _ async throws(ChamberKeys.Refusal) in
                    try await keys.change(order.names, to: status, for: access.grant)
                }
            )
        }
    }

    private func delete(_ verb: Verb) -> Route<Scope, Access> {
        route(.delete, Self.path, .chamberKeysDelete, verb, "chamber_keys_delete") {
            request,
            _ throws(ChamberKeys.Refusal) in
            let order = try Self.read { () throws(StrictObject.Malformed) in
                try KeyChangeOrder(deleting: request.body, limit: verb.items)
            }
            return (
                "\(order.names.count) keys, \(order.removes ? "removed" : "deactivated")",
                { access, _ async throws(ChamberKeys.Refusal) in
                    try await keys.delete(order.names, removing: order.removes, for: access.grant)
                }
            )
        }
    }

    // MARK: One way for all that changes something

    private typealias Work = @Sendable (Access, UInt64) async throws(ChamberKeys.Refusal) -> [ChamberKeys.Status]

    /// - Parameter read: what is to be done, and what it is about, for the audit log.
    private func route(
        _ method: Method,
        _ path: RoutePattern,
        _ scope: Scope,
        _ verb: Verb,
        _ name: String,
        _ read: @escaping @Sendable (Request, Access) throws(ChamberKeys.Refusal) -> (subject: String, work: Work)
    ) -> Route<Scope, Access> {
        let places = Places(verb.requests)
        // What takes longer answers by itself before this.
        let limit = verb.timeout + .seconds(15)
        return Route(
            method,
            path,
            scope: scope,
            bodyLimit: Self.largestBody,
            answerLimit: limit,
            produces: "application/json"
        ) { request, _, access in
            guard places.enter() else { return .overloadedVerb }
            defer { places.leave() }
            let deadline = MonotonicClock.nanoseconds &+ UInt64(clamping: verb.timeout.nanoseconds)
            let order: (subject: String, work: Work)
            do throws(ChamberKeys.Refusal) { order = try read(request, access) } catch { return .refused(error) }
            return await audit.perform(name, on: order.subject, for: access.caller) {
                do throws(ChamberKeys.Refusal) {
                    let statuses = try await order.work(access, deadline)
                    await tell(name, statuses, access)
                    return ActionEnd(
                        .json(KeyStatusList(data: statuses.map { KeyStatusDocument($0) })),
                        .done
                    )
                } catch { return ActionEnd(.refused(error), error.outcome) }
            }
        }
    }

    /// A thousand keystores have some megabytes.
    private static let largestBody = 16 << 20

    private static func read<Order>(
        _ body: () throws(StrictObject.Malformed) -> Order
    ) throws(ChamberKeys.Refusal) -> Order {
        do throws(StrictObject.Malformed) { return try body() } catch { throw .malformed(error.reason) }
    }

    /// One line a key. Where one cannot be written, the line that ends the request cannot either, and the answer says so.
    private func tell(_ name: String, _ statuses: [ChamberKeys.Status], _ access: Access) async {
        for status in statuses {
            let outcome: AuditEvent.Outcome =
                switch status.word {
                case .generated, .imported, .activated, .deactivated, .deleted: .done
                case .existing, .duplicate, .unchanged, .notFound: .refused(code: status.word.rawValue)
                case .error: .failed(code: status.word.rawValue, detail: status.message)
                }
            var event = AuditEvent(.administration(name, subject: "key: \(status.word.rawValue)"), outcome)
            event.key = status.key?.bytes
            event.caller = access.caller.kind
            event.peer = access.caller.description
            do throws(AuditUnavailable) { try await audit.record(event) } catch { return }
        }
    }
}

// MARK: Documents

struct KeyStatusDocument: Encodable {
    let pubkey: String?
    let status: String
    let message: String
    let derivation_path: String?
    let has_backup: Bool?

    init(_ status: ChamberKeys.Status) {
        pubkey = status.key.map { "\($0)" }
        self.status = status.word.rawValue
        message = status.message
        let wasMade = status.word == .generated || status.word == .existing
        derivation_path = wasMade ? "m/12381/3600/0/0/0" : nil
        has_backup = wasMade ? status.row?.encryptedMnemonic != nil : nil
    }
}

struct KeyStatusList: Encodable { let data: [KeyStatusDocument] }

struct SealedKeyDocument: Encodable {
    let pubkey: String
    let status: String
    let created_at: String
    let updated_at: String
    let version: String
    let name: String?
    let has_backup: Bool
    let fault: String?
    let encrypted_mnemonic: String?

    init(_ row: SealedKeyRow, fault: KeyRowFault?, showsBackup: Bool) {
        pubkey = "\(PublicKey(row.publicKey))"
        status = row.status.rawValue
        created_at = Self.time(row.createdAt)
        updated_at = Self.time(row.updatedAt)
        version = "\(row.version)"
        name = row.name
        has_backup = row.encryptedMnemonic != nil
        self.fault = fault?.rawValue
        encrypted_mnemonic = showsBackup ? row.encryptedMnemonic.map { String(decoding: $0, as: UTF8.self) } : nil
    }

    /// RFC 3339, in UTC. A row that was edited may say anything.
    private static func time(_ seconds: UInt64) -> String {
        Date(timeIntervalSince1970: TimeInterval(min(seconds, 253_402_300_799))).formatted(.iso8601)
    }
}

struct SealedKeyPage: Encodable {
    let data: [SealedKeyDocument]
    /// What `after` is for the next page; nothing on the last.
    let next: String?
}

extension Response {
    fileprivate static let overloadedVerb = Response.error(
        503,
        code: "overloaded",
        message: "too many requests of this kind are under way; try again",
        retryAfterSeconds: 1
    )

    fileprivate static func refused(_ refusal: ChamberKeys.Refusal) -> Response {
        .error(
            refusal.status,
            code: refusal.code,
            message: refusal.reason,
            retryAfterSeconds: refusal.secondsToWait
        )
    }
}

extension ChamberKeys.Refusal {
    /// The one place where these become a status.
    var status: Int {
        switch self {
        case .malformed: 400
        case .forbidden: 403
        case .otherRequest, .underWay: 409
        case .sealed, .rotating, .record, .keys, .state: 503
        }
    }

    var code: String {
        switch self {
        case .malformed: "invalid_request"
        case .forbidden: "forbidden"
        case .otherRequest: "request_id_used"
        case .underWay: "request_in_progress"
        case .sealed: "sealed"
        case .rotating: "master_key_rotating"
        case .record: "slashing_protection_unavailable"
        case .keys: "keys_unavailable"
        case .state: "signer_state_unavailable"
        }
    }

    var reason: String {
        switch self {
        case .malformed(let reason), .forbidden(let reason), .otherRequest(let reason), .record(let reason),
            .rotating(let reason), .underWay(let reason, _):
            reason
        case .sealed(let reason): "the chamber is sealed: \(reason)"
        case .keys(let error): "\(error)"
        case .state(let error): "\(error)"
        }
    }

    fileprivate var secondsToWait: Int? {
        if case .underWay(_, let seconds) = self { seconds } else { status == 503 ? 1 : nil }
    }

    fileprivate var outcome: AuditEvent.Outcome {
        status >= 500 ? .failed(code: code, detail: reason) : .refused(code: code, detail: reason)
    }
}
