// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import SealedKeys

/// A store whose next change stalls: what a test does meanwhile is done before it reaches the store.
final class StalledKeys: SealedKeyStore {
    private let store: any SealedKeyStore
    private let stall = Lock<(@Sendable () async throws -> SealedKeyError?)?>(nil)

    init(_ store: any SealedKeyStore) { self.store = store }

    /// - Parameter body: once, before the next change; what it returns the change fails with.
    func beforeNextChange(_ body: @escaping @Sendable () async throws -> SealedKeyError?) {
        stall.withLock { $0 = body }
    }

    func apply(_ changes: [SealedKeyChange]) async throws(SealedKeyError) -> [SealedKeyOutcome] {
        let body = stall.withLock { stall in
            defer { stall = nil }
            return stall
        }
        let failure: SealedKeyError?
        do { failure = try await body?() } catch { failure = .unusable(reason: "the test failed: \(error)") }
        if let failure { throw failure }
        return try await store.apply(changes)
    }

    func load(
        _ statuses: Set<SealedKeyStatus>,
        _ take: ([SealedKeyRow]) async -> Void
    ) async throws(SealedKeyError) -> SealedKeyCursor {
        try await store.load(statuses, take)
    }

    func changes(after cursor: SealedKeyCursor) async throws(SealedKeyError) -> SealedKeyChanges {
        try await store.changes(after: cursor)
    }

    func entries(of publicKeys: [Bytes<48>]) async throws(SealedKeyError) -> [SealedKeyEntry] {
        try await store.entries(of: publicKeys)
    }

    func page(
        after publicKey: Bytes<48>?,
        limit: Int,
        status: SealedKeyStatus?
    ) async throws(SealedKeyError) -> [SealedKeyRow] {
        try await store.page(after: publicKey, limit: limit, status: status)
    }

    func raiseFence(to generation: UInt64) async throws(SealedKeyError) { try await store.raiseFence(to: generation) }
    func leastGeneration() async throws(SealedKeyError) -> UInt64 { try await store.leastGeneration() }
    func count() async throws(SealedKeyError) -> SealedKeyCount { try await store.count() }
    func close() async {}
}
