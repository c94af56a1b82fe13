// SPDX-License-Identifier: Apache-2.0
import Concurrency
import SignerState

/// A signer state whose next change stalls: what a test does meanwhile is done before it reaches the store.
final class StalledState: StateStore {
    private let store: any StateStore
    private let stall = Lock<(@Sendable () async throws -> Void)?>(nil)

    init(_ store: any StateStore) { self.store = store }

    /// - Parameter body: once, before the next change.
    func beforeNextChange(_ body: @escaping @Sendable () async throws -> Void) { stall.withLock { $0 = body } }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        try await store.rows(after: revision)
    }

    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let body = stall.withLock { stall in
            defer { stall = nil }
            return stall
        }
        do { try await body?() } catch { throw .unusable(reason: "the test failed: \(error)") }
        return try await store.apply(changes)
    }

    func close() async {}
}
