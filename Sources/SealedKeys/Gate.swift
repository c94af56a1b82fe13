// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Lets one call at a time through to a backend, in the order in which they come. A call that has waited too long is refused
/// instead of begun, so that behind a database that stands still nobody waits for the sum of everybody's limits.
struct Gate: Sendable {
    private let turnstile = Turnstile()
    /// For errors.
    let place: String
    let limit: Duration

    func pass<Result>(_ body: () async throws(SealedKeyError) -> Result) async throws(SealedKeyError) -> Result {
        let latest = MonotonicClock.nanoseconds &+ UInt64(clamping: limit.nanoseconds)
        return try await turnstile.pass { () async throws(SealedKeyError) -> Result in
            guard MonotonicClock.nanoseconds <= latest else {
                throw .unavailable(reason: "\(place): those who came before took more than \(limit)")
            }
            return try await body()
        }
    }
}
