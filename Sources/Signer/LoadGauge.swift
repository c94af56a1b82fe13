// SPDX-License-Identifier: Apache-2.0

/// Tells a burst from too much work. A plain value: time is told to it, in nanoseconds.
///
/// A slot's burst may be long and is soon over; it is let in whole. Where more is under way than can be done within
/// ``patience``, and that does not end, whoever came last would only wait for an answer that comes too late: then what is
/// let in is what can be done in time, until there has been room for a while.
struct LoadGauge: Sendable {
    /// How long what is let in may have to wait.
    private static let patience: UInt64 = 200_000_000
    /// How long a burst may last. After it there is no other for `memory`.
    private static let grace: UInt64 = 1_000_000_000
    private static let memory: UInt64 = 5_000_000_000
    /// How long is counted before it is known how much is done in a time.
    private static let window: UInt64 = 100_000_000
    /// What is always let in, however slow the host.
    private static let least = 64

    private var windowBegan: UInt64 = 0
    private var done = 0
    /// What is done in a second; nil while nothing is known.
    private var rate: Double?
    /// Since when there is more than can be done in time.
    private var crowdedSince: UInt64?
    /// When it was last too much.
    private var lastTooMuch: UInt64?

    /// Something that was under way is done.
    ///
    /// - Parameter left: how much is under way now.
    mutating func finished(left: Int, at now: UInt64) {
        done += 1
        let time = now &- windowBegan
        guard time >= Self.window else { return }
        // A window in which the house was empty for a time says how much was asked for, not how much can be done.
        if time < 2 * Self.window, left > 0 {
            let seen = Double(done) * 1e9 / Double(time)
            rate = rate.map { $0 * 0.5 + seen * 0.5 } ?? seen
        }
        (windowBegan, done) = (now, 0)
    }

    /// Whether one more would be too much.
    ///
    /// - Parameter underWay: how much there is without it.
    mutating func isTooMuch(underWay: Int, at now: UInt64) -> Bool {
        guard let rate, underWay >= max(Self.least, Int(rate * Double(Self.patience) / 1e9)) else {
            crowdedSince = nil
            return false
        }
        let since = crowdedSince ?? now
        crowdedSince = since
        let isLate = now &- since >= Self.grace
        let isRepeated = lastTooMuch.map { now &- $0 < Self.memory } ?? false
        guard isLate || isRepeated else { return false }
        lastTooMuch = now
        return true
    }
}
