// SPDX-License-Identifier: Apache-2.0

/// Tells a burst from too much work. A plain value: time is told to it, in nanoseconds.
///
/// A slot's burst may be long and is soon over; it is let in whole. Where more is under way than can be done within
/// ``patience``, and that does not end or grows to what no burst is, whoever came last would only wait for an answer that
/// comes too late: then what is let in is what can be done in time, until there has been room for a while. What was let in
/// as a burst that turned out to be none is not signed late while others are turned away: it gives way to what can be in time.
struct LoadGauge: Sendable {
    /// How long what is let in may have to wait.
    private static let patience: UInt64 = 200_000_000
    /// How long a burst may last. After it there is no other for `memory`.
    private static let grace: UInt64 = 1_000_000_000
    private static let memory: UInt64 = 5_000_000_000
    /// Seconds of work that no burst is: what is asked for at the beginning of a slot's duty would come when it is too late.
    private static let hopeless = 2.5
    /// How long it must be crowded before that can be said: what is done in a time while little is asked for is less than
    /// what can be done.
    private static let doubt: UInt64 = 300_000_000
    /// How long something may have waited before it gives way, and how long after a refusal others are being turned away.
    private static let lateness: UInt64 = 250_000_000
    private static let echo: UInt64 = 250_000_000
    /// How long is counted before it is known how much is done in a time.
    private static let window: UInt64 = 100_000_000
    /// What is always let in, however slow the host.
    private static let least = 16

    private var windowBegan: UInt64 = 0
    private var wasEmpty = true
    private var done = 0
    /// What is done in a second; nil while nothing is known.
    private var rate: Double?
    /// Since when there is more than can be done in time.
    private var crowdedSince: UInt64?
    /// When those who answer last got no processor in a flood.
    private var lastStarved: UInt64?
    /// How many are let in unread while they have too little of it.
    private var pace: Pace?
    /// When it was last too much.
    private var lastTooMuch: UInt64?

    /// Something that was under way is done.
    ///
    /// - Parameter left: how much is under way now.
    mutating func finished(left: Int, at now: UInt64) {
        // Time in which the house was empty says how much was asked for, not how much can be done.
        if wasEmpty { (windowBegan, done) = (now, 0) } else { done += 1 }
        wasEmpty = left == 0
        let time = now &- windowBegan
        guard time >= Self.window else { return }
        let seen = Double(done) * 1e9 / Double(time)
        rate = rate.map { $0 * 0.5 + seen * 0.5 } ?? seen
        (windowBegan, done) = (now, 0)
    }

    /// Whether one more would be too much.
    ///
    /// - Parameters:
    ///   - underWay: how much there is without it.
    ///   - isStarving: whether those who answer get no processor. A refusal has to come at once, a signature only in time:
    ///     while others are turned away nothing is let in that would take their processor.
    mutating func isTooMuch(underWay: Int, at now: UInt64, isStarving: Bool = false) -> Bool {
        let isRepeated = isRepeated(now)
        if isRepeated, isStarving {
            lastStarved = now
            return true
        }
        guard let rate, underWay >= max(Self.least, Int(rate * Double(Self.patience) / 1e9)) else {
            crowdedSince = nil
            return false
        }
        let since = crowdedSince ?? now
        crowdedSince = since
        let isLate = now &- since >= Self.grace
        let isHopeless = now &- since >= Self.doubt && Double(underWay) >= rate * Self.hopeless
        guard isLate || isRepeated || isHopeless else { return false }
        lastTooMuch = now
        return true
    }

    /// The same before anything was read, by those who answer. Each one that is not too much is let in: where they had too
    /// little processor, as many in a time as leave them enough of it.
    mutating func isTooMuchUnread(underWay: Int, at now: UInt64, isStarving: Bool = false) -> Bool {
        if isStarving, pace == nil, isRepeated(now), let rate { pace = Pace(capacity: rate, at: now) }
        let isLetIn = pace?.lets(at: now, isStarving: isStarving) ?? true
        if pace?.isOver == true { pace = nil }
        if isTooMuch(underWay: underWay, at: now, isStarving: isStarving) { return true }
        guard pace != nil, !isLetIn else { return false }
        lastTooMuch = now
        return true
    }

    /// Whether somebody was turned away not long ago.
    private func isRepeated(_ now: UInt64) -> Bool { lastTooMuch.map { now &- $0 < Self.memory } ?? false }

    /// Whether others were refused just now.
    private func isTurningAway(at now: UInt64) -> Bool {
        [lastTooMuch, lastStarved].contains { last in last.map { now &- $0 < Self.echo } ?? false }
    }

    /// Whether something that comes to its turn only now is to give way.
    ///
    /// - Parameter waited: how long it has been under way.
    func isTooLate(waited: UInt64, at now: UInt64) -> Bool {
        waited >= Self.lateness && isTurningAway(at: now)
    }
}
