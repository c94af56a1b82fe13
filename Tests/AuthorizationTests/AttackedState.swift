// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import Concurrency
import Consensus
import Crypto
import Encoding
import Secrets
import SignerState
import TestSupport
import Testing

/// A state that somebody can write past its signers: any row with any version, and rows that go without a trace.
final class AttackedState: StateStore {
    struct Content: Sendable {
        var revision: UInt64 = 0
        var rows: [StateRowName: StateRow] = [:]
    }
    private let content = Lock(Content())

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        content.withLock { content in
            let rows = content.rows.values.filter { $0.revision > revision }.sorted { $0.name < $1.name }
            return StateReading(revision: content.revision, rows: rows)
        }
    }

    @discardableResult
    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        try content.withLock { (content) throws(StateError) in
            for change in changes {
                let standing = content.rows[change.name]
                guard change.expected == (standing?.body == nil ? 0 : standing?.version ?? 0) else {
                    throw .conflict(change.name)
                }
            }
            content.revision += 1
            for change in changes {
                let version = (content.rows[change.name]?.version ?? 0) + 1
                content.rows[change.name] = StateRow(
                    name: change.name,
                    version: version,
                    revision: content.revision,
                    body: change.body
                )
            }
            return content.revision
        }
    }

    func close() async {}

    // MARK: The attacker's hand

    var copy: Content {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }

    func row(_ kind: String, _ name: String) -> StateRow? { copy.rows[StateRowName(kind, name)] }

    /// - Parameter version: nil for the next one.
    func put(_ kind: String, _ name: String, version: UInt64? = nil, _ body: [UInt8]?) {
        let name = StateRowName(kind, name)
        content.withLock { content in
            content.revision += 1
            let next = (content.rows[name]?.version ?? 0) + 1
            content.rows[name] = StateRow(
                name: name,
                version: version ?? next,
                revision: content.revision,
                body: body
            )
        }
    }

    /// Without a tombstone, and without a new revision.
    func erase(_ kind: String, _ name: String) {
        content.withLock { $0.rows[StateRowName(kind, name)] = nil }
    }
}

/// Keys that only an open chamber has.
struct TestSeal: AccessSeal {
    var chamber = Bytes<16>([UInt8](0..<16))!
    var generation: UInt64 = 1

    func tag(row message: [UInt8]) -> Bytes<32> { tag(message, 1) }
    func tag(catalogue message: [UInt8]) -> Bytes<32> { tag(message, 2) }

    private func tag(_ message: [UInt8], _ purpose: UInt8) -> Bytes<32> {
        let key = chamber.array + [UInt8(truncatingIfNeeded: generation), purpose]
        return try! HMAC.sha256(key: key.span, message.span)
    }
}

/// An instance with a master key, and what it tells.
struct SealedInstance {
    let authorizer: Authorizer
    let register: AccessRegister
    let reader: TokenReader
    let notices: Lock<[AccessNotice]>

    static let masterKey = StateRowName("custody", "MASTER_KEY")

    /// - Parameter opens: whether it is open at once.
    init(
        _ store: any StateStore,
        memory: StateMemory? = nil,
        opens: Bool = true,
        generation: UInt64 = 1
    ) async throws {
        let notices = Lock<[AccessNotice]>([])
        self.notices = notices
        authorizer = Authorizer(mode: .enforced, now: { 1_000 })
        register = AccessRegister(
            store: store,
            authorizer: authorizer,
            masterKey: Self.masterKey,
            memory: memory,
            now: { 1_000 },
            tell: { notice in notices.withLock { $0.append(notice) } },
            withdraw: {}
        )
        reader = try await register.start()
        guard opens else { return }
        try await register.open([TestSeal(generation: generation)])
    }

    func makeToken(_ policies: [String]) async throws -> (token: Token, bearer: Bearer) {
        let secret = TokenSecret()
        let request = TokenRequest(name: .some, policies: policies.map { PolicyName($0)! }, lifetime: nil)
        let token = try await register.create(request, with: reader, secret: secret)
        let shown = secret.withText { text in Array("Bearer ".utf8) + text.indices.map { text[$0] } }
        let bearer = reader.read(shown.span)
        return (token, bearer)
    }

    func refusal(_ bearer: Bearer, _ scope: Scope = .sign, _ operation: OperationType = .attestation) -> AccessRefusal?
    {
        do throws(AccessRefusal) {
            try authorizer.authenticate(bearer, from: nil).check(scope, key: key(1), operation: operation)
            return nil
        } catch { return error }
    }

    var faults: [String] { register.faults.map { "\($0.name.kind) \($0.fault.rawValue)" } }

    var catalogueFault: AccessFault? { register.catalogueFault?.fault }
}

/// A chamber with a policy that allows signing, one that denies exits, and tokens; made, initialised, open.
struct SealedChamber {
    let store = AttackedState()
    let one: SealedInstance
    let token: Token
    let bearer: Bearer
    let admin: Token
    let adminBearer: Bearer

    init(memory: StateMemory? = nil) async throws {
        one = try await SealedInstance(store, memory: memory, opens: false)
        try await one.register.create(policy([Rule(.allow, scopes: [.sign])], name: "signing"))
        try await one.register.create(
            policy([Rule(.deny, scopes: [.sign], operations: [.voluntaryExit])], name: "no-exits")
        )
        (token, bearer) = try await one.makeToken(["signing", "no-exits"])
        (admin, adminBearer) = try await one.makeToken(["root"])
        let record = StateChange(SealedInstance.masterKey, expecting: 0, body: Array("{}".utf8))
        try await store.apply([record, try await one.register.founding(under: TestSeal())])
        try await one.register.open([TestSeal()])
    }

    var name: String { token.identifier.text }

    func other(memory: StateMemory? = nil) async throws -> SealedInstance {
        try await SealedInstance(store, memory: memory)
    }

    /// The running instance, after it has looked; one that starts; and one that has been open since before.
    func everybody() async throws -> [SealedInstance] {
        try await one.register.refresh()
        return [one, try await other()]
    }
}
