// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import BLS
internal import Concurrency
package import HTTPServer
internal import Signer
internal import SlashingProtection
package import Telemetry

/// `/eth/v1/keystores`: the routes of the standard's Key Manager API (ethereum/keymanager-APIs) for keys in memory.
package struct KeyManagerRoutes: Sendable {
    /// `http.key_manager_api.*`
    package struct Limits: Sendable {
        /// Listings and deletions at a time.
        package var reads = 50
        /// Imports at a time.
        package var writes = 10
        package var timeout = Duration.seconds(30)
        /// Keys of one request.
        package var items = 100

        package init() {}
    }

    private let manager: KeyManager
    private let limits: Limits
    private let reads: Places
    private let writes: Places
    private let audit: any AuditTrail

    package init(_ manager: KeyManager, _ limits: Limits, audit: any AuditTrail) {
        self.manager = manager
        self.limits = limits
        self.audit = audit
        reads = Places(limits.reads)
        writes = Places(limits.writes)
    }

    package var routes: [Route<Scope, Access>] {
        let path: RoutePattern = "/eth/v1/keystores"
        return [
            route(.get, path, .listKeys, reads, list), route(.post, path, .importKeystores, writes, take),
            route(.delete, path, .deleteKeys, reads, delete),
        ]
    }

    private func route(
        _ method: Method,
        _ path: RoutePattern,
        _ scope: Scope,
        _ places: Places,
        _ action: @escaping @Sendable (Request, Access) async throws(KeyManager.Refusal) -> Response
    ) -> Route<Scope, Access> {
        // What takes longer answers by itself before this; the rest is for a record that stands still.
        let limit = limits.timeout + .seconds(5)
        return Route(method, path, scope: scope, answerLimit: limit, produces: "application/json") {
            request,
            _,
            access in
            guard places.enter() else {
                return .error(
                    503,
                    code: "overloaded",
                    message: "too many requests of this kind are under way; try again",
                    retryAfterSeconds: 1
                )
            }
            defer { places.leave() }
            do throws(KeyManager.Refusal) { return try await action(request, access) } catch {
                return .refused(error)
            }
        }
    }

    // MARK: Routes

    private func list(_: Request, _ access: Access) async throws(KeyManager.Refusal) -> Response {
        .json(KeystoreList(data: manager.list(for: access.grant).map { ListedKeystore($0) }))
    }

    private func take(_ request: Request, _ access: Access) async throws(KeyManager.Refusal) -> Response {
        let deadline = MonotonicClock.nanoseconds &+ UInt64(clamping: limits.timeout.nanoseconds)
        let wanted = try KeystoreImport(body: request.body, limit: limits.items)
        return await audit.perform("import_keystores", on: "\(wanted.keystores.count) keystores", for: access.caller) {
            do throws(KeyManager.Refusal) {
                let statuses = try await manager.take(wanted, for: access.grant, until: deadline)
                await tell("import_keystore", statuses, access)
                return ActionEnd(.json(StatusList(data: statuses.map { StatusDocument($0) })), .done)
            } catch {
                return ActionEnd(.refused(error), error.outcome)
            }
        }
    }

    private func delete(_ request: Request, _ access: Access) async throws(KeyManager.Refusal) -> Response {
        let wanted = try KeystoreDeletion(body: request.body, limit: limits.items)
        return await audit.perform("delete_keystores", on: "\(wanted.names.count) keystores", for: access.caller) {
            let (statuses, history) = await manager.delete(wanted.names, for: access.grant)
            await tell("delete_keystore", statuses, access)
            return ActionEnd(
                .json(
                    DeletionDocument(
                        data: statuses.map { StatusDocument($0) },
                        slashing_protection: String(decoding: history.json(), as: UTF8.self)
                    )
                ),
                .done
            )
        }
    }

    /// One line a key. Where one cannot be written, the line that ends the request cannot either, and the answer says so.
    private func tell(_ verb: String, _ statuses: [KeyManager.Status], _ access: Access) async {
        for status in statuses {
            let outcome: AuditEvent.Outcome =
                switch status.word {
                case .imported, .deleted: .done
                case .error: .failed(code: status.word.rawValue, detail: status.message)
                case .duplicate, .notActive, .notFound: .refused(code: status.word.rawValue)
                }
            var event = AuditEvent(.administration(verb, subject: "keystore"), outcome)
            event.key = status.key?.bytes
            event.caller = access.caller.kind
            event.peer = access.caller.description
            do throws(AuditUnavailable) { try await audit.record(event) } catch { return }
        }
    }
}

extension KeyManager.Refusal {
    fileprivate var outcome: AuditEvent.Outcome {
        switch self {
        case .malformed(let reason): .refused(code: "invalid_request", detail: reason)
        case .forbidden(let reason): .refused(code: "forbidden", detail: reason)
        case .record(let reason): .failed(code: "slashing_protection_unavailable", detail: reason)
        }
    }
}

// MARK: Documents

struct KeystoreList: Encodable { let data: [ListedKeystore] }

struct ListedKeystore: Encodable {
    let validating_pubkey: String
    /// Null where the keystore names none.
    let derivation_path: String?
    let readonly: Bool

    init(_ key: SigningKey) {
        validating_pubkey = key.identifier.description
        derivation_path = key.origin.derivationPath
        readonly = key.origin.source != KeySourceName.memory
    }

    private enum Name: CodingKey { case validating_pubkey, derivation_path, readonly }

    /// Also what is null: clients look for the name.
    func encode(to encoder: any Encoder) throws {
        var names = encoder.container(keyedBy: Name.self)
        try names.encode(validating_pubkey, forKey: .validating_pubkey)
        try names.encode(derivation_path, forKey: .derivation_path)
        try names.encode(readonly, forKey: .readonly)
    }
}

struct StatusDocument: Encodable {
    let status: String
    let message: String

    init(_ status: KeyManager.Status) {
        self.status = status.word.rawValue
        message = status.message
    }
}

struct StatusList: Encodable { let data: [StatusDocument] }

struct DeletionDocument: Encodable {
    let data: [StatusDocument]
    /// An EIP-3076 document as a string.
    let slashing_protection: String
}

extension Response {
    fileprivate static func refused(_ refusal: KeyManager.Refusal) -> Response {
        switch refusal {
        case .malformed(let reason): .error(400, code: "invalid_request", message: reason)
        case .forbidden(let reason): .error(403, code: "forbidden", message: reason)
        case .record(let reason):
            .error(503, code: "slashing_protection_unavailable", message: reason, retryAfterSeconds: 1)
        }
    }
}
