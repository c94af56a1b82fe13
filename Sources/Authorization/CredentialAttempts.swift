// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Counts wrong answers for a credential by address, and is asked before an answer is looked at: whoever guesses learns nothing
/// of what they send while they have to wait. A plain value: time is told to it.
///
/// An attempt is counted when it begins and taken back when it was no wrong one, so that many at once are no way around. Only who
/// was wrong waits, at the address where they were, and only with that credential: nobody can lock out an operator from elsewhere.
package struct CredentialAttempts: Sendable {
    /// What an attempt is about.
    package enum Subject: Hashable, Sendable {
        /// What a registration token says can only be known by looking at it: all of them count together.
        case registration
        case credential(String, of: String)
    }

    private struct Place: Hashable {
        let subject: Subject
        let network: IPAddress?
    }

    private struct Bucket {
        /// Seconds until all attempts are forgiven, as of then.
        var owed: Int64
        var seen: Int64
    }

    /// Wrong answers in a row that are taken, in seconds.
    private let limit: Int64
    /// Seconds in which one wrong answer is forgiven.
    private let price: Int64
    private let most: Int
    private var buckets: [Place: Bucket] = [:]

    /// - Parameters:
    ///   - burst: wrong answers in a row that are taken.
    ///   - seconds: in which one of them is forgiven.
    package init(burst: Int, seconds: Int64, most: Int = 16_384) {
        limit = Int64(burst) * seconds
        price = seconds
        self.most = most
    }

    /// Counts an attempt that is about to be made.
    ///
    /// - Parameters:
    ///   - source: an IPv6 client counts with its whole /64, since it can choose within it.
    ///   - now: seconds of a clock that does not go back.
    /// - Returns: nil where it may be made; otherwise the seconds after which one may, and nothing was counted.
    package mutating func begin(_ subject: Subject, from source: IPAddress?, at now: Int64) -> Int? {
        let place = Place(subject: subject, network: source?.group)
        let owed = owed(buckets[place], at: now)
        guard owed + price <= limit else { return Int(owed + price - limit) }
        if buckets[place] == nil, buckets.count >= most { makeRoom(now) }
        buckets[place] = Bucket(owed: owed + price, seen: now)
        return nil
    }

    /// Takes back an attempt that was right, or that nothing was guessed with.
    package mutating func excuse(_ subject: Subject, from source: IPAddress?, at now: Int64) {
        let place = Place(subject: subject, network: source?.group)
        let owed = owed(buckets[place], at: now) - price
        buckets[place] = owed > 0 ? Bucket(owed: owed, seen: now) : nil
    }

    private func owed(_ bucket: Bucket?, at now: Int64) -> Int64 {
        bucket.map { max(0, $0.owed - max(0, now - $0.seen)) } ?? 0
    }

    /// Forgets what is forgiven; where that is nothing, the half that has the least to wait. Only wrong answers for credentials
    /// that there are stay here, so nobody comes that far who does not have thousands of networks, and so as many first guesses.
    private mutating func makeRoom(_ now: Int64) {
        buckets = buckets.filter { owed($0.value, at: now) > 0 }
        guard buckets.count >= most else { return }
        let ordered = buckets.sorted { owed($0.value, at: now) < owed($1.value, at: now) }
        for (place, _) in ordered.prefix((most + 1) / 2) { buckets[place] = nil }
    }
}
