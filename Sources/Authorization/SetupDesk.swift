// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Encoding
internal import Secrets

/// Knows the setup token of a chamber that has no master key yet. One token a start, for a while, void as soon as the
/// chamber is initialised, by whatever instance.
package final class SetupDesk: Sendable {
    private struct Issue {
        let digest: TokenDigest
        let expires: UInt64
    }
    private let issue = Lock<Issue?>(nil)
    private let now: @Sendable () -> UInt64

    /// - Parameter now: nanoseconds of a clock that does not go back.
    package init(now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds }) { self.now = now }

    /// From now on this token is the one.
    package func open(_ digest: TokenDigest, for lifetime: Duration) {
        let expires = now() &+ UInt64(clamping: lifetime.nanoseconds)
        issue.withLock { $0 = Issue(digest: digest, expires: expires) }
    }

    /// No token is one any more.
    package func close() { issue.withLock { $0 = nil } }

    package func admits(_ digest: TokenDigest) -> Bool {
        guard let issue = issue.withLock({ $0 }), now() < issue.expires else { return false }
        return ConstantTime.areEqual(issue.digest.bytes.span, digest.bytes.span)
    }
}
