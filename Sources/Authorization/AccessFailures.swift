// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Counts failed authentication by address, and says when enough is enough. A plain value: time is told to it.
///
/// It only ever touches callers without a good token: whoever has one is answered from the same address as always.
package struct AccessFailures: Sendable {
    /// What to do with one failure.
    package struct Answer: Hashable, Sendable {
        /// Seconds after which the address may try again; nil while it may at once.
        package let retryAfter: Int?
        /// Failures of this address to be told now: this one, and those that were kept back; 0 to tell nothing.
        package let told: Int
    }

    private struct Bucket {
        /// Failures that are still free.
        var free: Double
        var filled: Int64
        var keptBack = 0
        var lastTold: Int64
    }

    /// Failures in a row that an address may have.
    private let burst: Double
    /// Failures that become free again each second.
    private let rate: Double
    /// Seconds between two lines about an address that goes on.
    private let tellingInterval: Int64
    private let most: Int
    private var buckets: [IPAddress?: Bucket] = [:]

    package init(burst: Int = 20, rate: Double = 1, tellingInterval: Int64 = 1, most: Int = 16_384) {
        self.burst = Double(burst)
        self.rate = rate
        self.tellingInterval = tellingInterval
        self.most = most
    }

    /// - Parameters:
    ///   - source: an IPv6 client counts with its whole /64, since it can choose within it.
    ///   - now: seconds of a clock that does not go back.
    package mutating func fail(from source: IPAddress?, at now: Int64) -> Answer {
        let place = source?.clientNetwork
        if buckets[place] == nil, buckets.count >= most { makeRoom(now) }
        // Where more addresses fail than are kept, those beyond share one place.
        let key = buckets[place] != nil || buckets.count < most ? place : nil
        var bucket = buckets[key] ?? Bucket(free: burst, filled: now, lastTold: now - tellingInterval)
        bucket.free = min(burst, bucket.free + Double(max(0, now - bucket.filled)) * rate)
        bucket.filled = max(bucket.filled, now)
        defer { buckets[key] = bucket }
        if bucket.free >= 1 {
            bucket.free -= 1
            defer { bucket.keptBack = 0 }
            bucket.lastTold = now
            return Answer(retryAfter: nil, told: 1 + bucket.keptBack)
        }
        bucket.keptBack += 1
        let wait = Int(((1 - bucket.free) / rate).rounded(.up))
        guard now - bucket.lastTold >= tellingInterval else { return Answer(retryAfter: max(1, wait), told: 0) }
        defer { bucket.keptBack = 0 }
        bucket.lastTold = now
        return Answer(retryAfter: max(1, wait), told: bucket.keptBack)
    }

    /// Failures that were kept back and are due: of addresses that went quiet, too. To be asked for once a second.
    ///
    /// - Parameter all: also those that are not due yet, at the end.
    package mutating func due(at now: Int64, all: Bool = false) -> [(source: IPAddress?, count: Int)] {
        var due: [(source: IPAddress?, count: Int)] = []
        for (source, bucket) in buckets
        where bucket.keptBack > 0 && (all || now - bucket.lastTold >= tellingInterval) {
            due.append((source, bucket.keptBack))
        }
        for (source, _) in due {
            buckets[source]?.keptBack = 0
            buckets[source]?.lastTold = now
        }
        return due
    }

    /// Forgets who has been quiet for long enough to begin anew.
    private mutating func makeRoom(_ now: Int64) {
        buckets = buckets.filter { _, bucket in
            bucket.keptBack > 0 || bucket.free + Double(now - bucket.filled) * rate < burst
        }
    }
}

extension IPAddress {
    /// What counts as one client: an IPv6 client can choose within its /64.
    var clientNetwork: IPAddress {
        isVersion4 ? self : IPAddress(version6: bits & (UInt128.max << 64))
    }
}
