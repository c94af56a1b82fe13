// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// A point in time after which nothing is waited for any more.
struct Deadline {
    private let end: UInt64

    init(after limit: Duration) {
        end = MonotonicClock.nanoseconds &+ UInt64(clamping: min(limit, .seconds(1_000_000)).nanoseconds)
    }

    private init(end: UInt64) { self.end = end }

    var remaining: Duration { .nanoseconds(Int64(clamping: Int64(end) - Int64(MonotonicClock.nanoseconds))) }

    var hasPassed: Bool { remaining <= .zero }

    /// The time until now plus an equal part of what is left for `count` attempts.
    func share(of count: Int) -> Deadline {
        Deadline(end: end - UInt64(clamping: max(remaining, .zero).nanoseconds) / UInt64(count) * UInt64(count - 1))
    }

    /// Waits for any of `events` on a descriptor (`poll(2)`); what came, or nil in vain. Also for a broken connection
    /// something comes.
    func wait(for events: Int32, on descriptor: Int32) -> Int32? {
        while true {
            let left = remaining
            // Rounded up: a wait of 0 ms would spin through the last of them.
            let milliseconds = left <= .zero ? 0 : Int32(clamping: left.nanoseconds / 1_000_000 + 1)
            var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = unsafe poll(&request, 1, milliseconds)
            if count > 0 { return Int32(request.revents) }
            if count == 0 && hasPassed { return nil }
            if count < 0 && errno != EINTR { return POLLERR }
        }
    }
}
