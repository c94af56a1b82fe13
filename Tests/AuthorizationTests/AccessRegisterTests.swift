// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import Concurrency
import Consensus
import Encoding
import Secrets
import SignerState
import TestSupport
import Testing

/// A chamber of one instance, or more where they share a store.
private struct Chamber {
    let authorizer: Authorizer
    let register: AccessRegister
    let reader: TokenReader
    let withdrawals: Lock<Int>

    init(_ store: any StateStore) async throws {
        let withdrawals = Lock(0)
        authorizer = Authorizer(mode: .enforced, now: { 1_000 })
        register = AccessRegister(store: store, authorizer: authorizer, now: { 1_000 }) {
            withdrawals.withLock { $0 += 1 }
        }
        reader = try await register.start()
        self.withdrawals = withdrawals
    }

    func makeToken(_ policies: [String], lifetime: Int64? = nil) async throws -> (Token, Bearer) {
        let secret = TokenSecret()
        let request = TokenRequest(name: .some, policies: policies.map { PolicyName($0)! }, lifetime: lifetime)
        let token = try await register.create(request, with: reader, secret: secret)
        let shown = secret.withText { text in Array("Bearer ".utf8) + text.indices.map { text[$0] } }
        let bearer = reader.read(shown.span)
        return (token, bearer)
    }

    func refusal(_ bearer: Bearer, _ scope: Scope = .sign) -> AccessRefusal? {
        do throws(AccessRefusal) {
            try authorizer.authenticate(bearer, from: nil).check(scope, key: key(1), operation: .attestation)
            return nil
        } catch { return error }
    }
}

@Suite(.timeLimit(.minutes(2))) struct AccessRegisterTests {
    private static func with(_ body: (any StateStore) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteState(path: folder.path + "/state.sqlite")
        try await body(store)
        await store.close()
        withExtendedLifetime(folder) {}
    }

    private static let signing = policy([Rule(.allow, scopes: [.sign])], name: "signing")

    @Test func `a token works until it is revoked, and its answer waits for what is under way`() async throws {
        try await Self.with { store in
            let chamber = try await Chamber(store)
            try await chamber.register.create(Self.signing)
            let (token, bearer) = try await chamber.makeToken(["signing"])
            #expect(chamber.refusal(bearer) == nil)
            #expect(chamber.refusal(bearer, .reload) == .forbidden)
            let before = chamber.withdrawals.withLock { $0 }
            try await chamber.register.revoke(token.identifier)
            #expect(chamber.withdrawals.withLock { $0 } > before)
            #expect(chamber.refusal(bearer) == .invalidToken)
            #expect(chamber.register.tokens.map(\.value.revoked) == [1_000])
            try await chamber.register.revoke(token.identifier)
            try await chamber.register.delete(token.identifier)
            #expect(chamber.register.tokens.isEmpty)
            #expect(chamber.refusal(bearer) == .invalidToken)
        }
    }

    @Test func `a token that is replaced keeps its end where nothing is said of it`() async throws {
        try await Self.with { store in
            let chamber = try await Chamber(store)
            try await chamber.register.create(Self.signing)
            let (token, _) = try await chamber.makeToken(["signing"], lifetime: 60)
            let request = TokenRequest(name: .some, policies: [Self.signing.name], lifetime: nil)
            let replaced = try await chamber.register.replace(token.identifier, with: request)
            #expect(replaced.expires == 1_060)
            let later = TokenRequest(name: .some, policies: [Self.signing.name], lifetime: 90)
            #expect(try await chamber.register.replace(token.identifier, with: later).expires == 1_090)
            let never = TokenRequest(name: .some, policies: [Self.signing.name], end: .never)
            #expect(try await chamber.register.replace(token.identifier, with: never).expires == nil)
            #expect(try await chamber.register.replace(token.identifier, with: request).expires == nil)
        }
    }

    @Test func `everything is there again after a restart, and the same token key`() async throws {
        try await Self.with { store in
            let first = try await Chamber(store)
            try await first.register.create(Self.signing)
            let (token, bearer) = try await first.makeToken(["signing"], lifetime: 60)
            let second = try await Chamber(store)
            #expect(second.refusal(bearer) == nil)
            #expect(second.register.tokens.map(\.value) == [token])
            #expect(token.expires == 1_060)
            #expect(second.register.policies.map(\.value) == [Self.signing])
        }
    }

    @Test func `another instance follows, and lets nothing go on that was taken away`() async throws {
        try await Self.with { store in
            let one = try await Chamber(store)
            let other = try await Chamber(store)
            try await one.register.create(Self.signing)
            let (token, bearer) = try await one.makeToken(["signing"])
            #expect(other.refusal(bearer) == .invalidToken)
            #expect(try await other.register.refresh())
            #expect(other.refusal(bearer) == nil)
            #expect(try await other.register.refresh() == false)

            try await one.register.replace(policy([Rule(.allow, scopes: [.reload])], name: "signing"))
            let before = other.withdrawals.withLock { $0 }
            #expect(try await other.register.refresh())
            #expect(other.withdrawals.withLock { $0 } == before + 1)
            #expect(other.refusal(bearer) == .forbidden)
            try await one.register.delete(token.identifier)
            try await other.register.refresh()
            #expect(other.refusal(bearer) == .invalidToken)
        }
    }

    @Test func `what cannot be done is refused and changes nothing`() async throws {
        try await Self.with { store in
            let chamber = try await Chamber(store)
            try await chamber.register.create(Self.signing)
            let (token, bearer) = try await chamber.makeToken(["signing"])
            let before = try await store.rows(after: 0)
            let gone = try #require(TokenIdentifier(String(repeating: "0", count: 16)))
            let unknown = TokenRequest(name: .some, policies: [.some], lifetime: nil)
            let refusals: [(String, AccessChangeError?)] = [
                ("again", await Self.refusal { try await chamber.register.create(Self.signing) }),
                ("in use", await Self.refusal { try await chamber.register.delete(Self.signing.name) }),
                ("gone", await Self.refusal { try await chamber.register.revoke(gone) }),
                ("gone", await Self.refusal { try await chamber.register.delete(gone) }),
                ("no policy", await Self.refusal { try await chamber.register.delete(.some) }),
                ("no policy", await Self.refusal { try await chamber.register.replace(policy([Rule(.allow)])) }),
                (
                    "unknown policy",
                    await Self.refusal { _ = try await chamber.register.replace(token.identifier, with: unknown) }
                ),
                (
                    "old version",
                    await Self.refusal { try await chamber.register.replace(Self.signing, expecting: 7) }
                ),
            ]
            for (name, refusal) in refusals { #expect(refusal != nil, "\(name)") }
            #expect(try await store.rows(after: 0) == before)
            #expect(chamber.refusal(bearer) == nil)
        }
    }

    private static func refusal(_ body: () async throws -> Void) async -> AccessChangeError? {
        do {
            try await body()
            return nil
        } catch { return error as? AccessChangeError }
    }

    @Test func `two instances that begin at once have one token key`() async throws {
        try await Self.with { store in
            async let one = Chamber(store)
            async let other = Chamber(store)
            let chambers = [try await one, try await other]
            try await chambers[0].register.create(Self.signing)
            let (_, bearer) = try await chambers[0].makeToken(["signing"])
            try await chambers[1].register.refresh()
            #expect(chambers[1].refusal(bearer) == nil)
        }
    }

    /// One instance looks while another revokes, and gets its answer late.
    @Test func `a reading that was overtaken does not give back what was revoked`() async throws {
        try await Self.with { inner in
            let store = SlowState(inner)
            let chamber = try await Chamber(store)
            try await chamber.register.create(Self.signing)
            let other = try await Chamber(inner)
            let (token, bearer) = try await other.makeToken(["signing"])
            store.holdNext()
            let late = Task { try await chamber.register.refresh() }
            await store.waitUntilHeld()
            try await other.register.revoke(token.identifier)
            try await chamber.register.refresh()
            #expect(chamber.refusal(bearer) == .invalidToken)
            store.letGo()
            _ = try await late.value
            #expect(chamber.refusal(bearer) == .invalidToken)
        }
    }

    @Test func `a state that went back is not believed`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/state.sqlite"
        let store = try SQLiteState(path: path)
        let older = OlderState(store)
        let chamber = try await Chamber(older)
        try await chamber.register.create(Self.signing)
        let text = #"{"name":"signing","rules":[{"effect":"allow"}]}"#
        let row = StateRow(
            name: StateRowName("policy", "signing"),
            version: 1,
            revision: 9,
            body: Array(text.utf8)
        )
        older.extra.withLock { $0 = [row] }
        await #expect(throws: StateError.self) { try await chamber.register.refresh() }
        older.extra.withLock { $0 = [] }
        older.revision.withLock { $0 = 1 }
        await #expect(throws: StateError.self) { try await chamber.register.refresh() }
        #expect(chamber.register.policies.count == 1)
        await store.close()
    }
}

/// A state whose next answer waits until it is let go.
private final class SlowState: StateStore {
    private struct Hold {
        var isWanted = false
        var held: CheckedContinuation<Void, Never>?
        var waiting: CheckedContinuation<Void, Never>?
    }
    private let inner: any StateStore
    private let hold = Lock(Hold())

    init(_ inner: any StateStore) { self.inner = inner }

    func holdNext() { hold.withLock { $0.isWanted = true } }

    func waitUntilHeld() async {
        await withCheckedContinuation { continuation in
            let isHeld = hold.withLock { hold in
                if hold.held == nil { hold.waiting = continuation }
                return hold.held != nil
            }
            if isHeld { continuation.resume() }
        }
    }

    func letGo() { hold.withLock { $0.held.take() }?.resume() }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        let reading = try await inner.rows(after: revision)
        guard
            hold.withLock({ hold in
                defer { hold.isWanted = false }; return hold.isWanted
            })
        else { return reading }
        await withCheckedContinuation { continuation in
            let waiting = hold.withLock { hold in
                hold.held = continuation
                return hold.waiting.take()
            }
            waiting?.resume()
        }
        return reading
    }

    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 { try await inner.apply(changes) }
    func close() async { await inner.close() }
}

/// A state that can tell less than it once did.
private final class OlderState: StateStore {
    private let inner: any StateStore
    let revision = Lock<UInt64?>(nil)
    let extra = Lock<[StateRow]>([])

    init(_ inner: any StateStore) { self.inner = inner }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        let reading = try await inner.rows(after: revision)
        let rows = reading.rows + extra.withLock { $0 }
        return StateReading(revision: self.revision.withLock { $0 } ?? reading.revision, rows: rows)
    }

    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 { try await inner.apply(changes) }
    func close() async { await inner.close() }
}
