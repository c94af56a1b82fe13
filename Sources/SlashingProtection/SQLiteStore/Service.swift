// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import SQLite

/// Whether a database of ours takes writes, and when its owner next tries to get over a fault. Lives on the owner's
/// thread; only the health is for others to see.
struct Service: Sendable {
    private let state: Lock<StoreHealth>
    private let file: SQLiteFile
    private let retryInterval: Duration
    /// When the owner next tries, on the monotonic clock.
    private var nextAttempt: UInt64 = 0

    init(of file: SQLiteFile, health: Lock<StoreHealth>, retryInterval: Duration) {
        state = health
        self.file = file
        self.retryInterval = retryInterval
    }

    var health: StoreHealth { state.withLock { $0 } }

    func resume() { state.withLock { $0 = .ready } }

    /// Takes the database out of service after a fault; says why.
    @discardableResult
    mutating func stop(after error: SQLiteError) -> String {
        // As well as it can be done: the disk is the thing that has just failed. The rewrite insists on it.
        if error.kind == .syncFailed { try? file.mark() }
        return stop(StoreHealth(after: error, in: file))
    }

    @discardableResult
    mutating func stop(_ health: StoreHealth) -> String {
        state.withLock { $0 = health }
        nextAttempt = MonotonicClock.nanoseconds &+ UInt64(clamping: retryInterval.nanoseconds)
        return health.reason ?? ""
    }

    /// What to get over, where it is time to try.
    var due: StoreHealth? {
        let health = health
        return health.recoversByItself && MonotonicClock.nanoseconds >= nextAttempt ? health : nil
    }

    /// How long to rest before the next attempt; nil where there is none.
    var pause: Duration? {
        guard health.recoversByItself else { return nil }
        let now = MonotonicClock.nanoseconds
        return .nanoseconds(Int64(clamping: nextAttempt > now ? nextAttempt - now : 0))
    }
}
