// SPDX-License-Identifier: Apache-2.0

/// How many of a flood are let in during a time, found by trying: a little more while it goes well, much less when it does
/// not. A plain value: time is told to it, in nanoseconds.
struct Pace: Sendable {
    /// Of what could be done before: to begin with, and however badly it goes.
    private static let beginning = 0.125
    private static let least = 0.1
    private static let increase = 1.05
    private static let decrease = 0.6
    /// How long one pace is kept before it is changed.
    private static let step: UInt64 = 500_000_000

    /// In a second.
    private(set) var rate: Double
    /// Whether no more is asked for than can be done: then nobody needs to be held back.
    private(set) var isOver = false
    private let capacity: Double
    private var lastLetIn: UInt64
    private var stepBegan: UInt64
    private var asked = 0
    private var hasStarved = false

    /// - Parameter capacity: what could be done in a second before.
    init(capacity: Double, at now: UInt64) {
        self.capacity = capacity
        rate = capacity * Self.beginning
        (stepBegan, lastLetIn) = (now, now)
    }

    /// Whether one that asks may come; then it has. To be told of each.
    ///
    /// - Parameter isStarving: whether those who answer get no processor.
    mutating func lets(at now: UInt64, isStarving: Bool) -> Bool {
        let time = now &- stepBegan
        if time >= Self.step {
            isOver = Double(asked) * 1e9 / Double(time) <= capacity
            if !hasStarved { rate *= Self.increase }
            (stepBegan, asked, hasStarved) = (now, 0, false)
        }
        asked += 1
        if isStarving {
            if !hasStarved { rate = max(capacity * Self.least, rate * Self.decrease) }
            hasStarved = true
            return false
        }
        guard Double(now &- lastLetIn) * rate >= 1e9 else { return false }
        lastLetIn = now
        return true
    }
}
