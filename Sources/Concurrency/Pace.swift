// SPDX-License-Identifier: Apache-2.0

/// How far long work is: how fast it went so far, and how long the rest takes at that rate.
package struct Pace: Sendable, Equatable {
    package let finished: Int
    package let total: Int
    package let elapsed: Duration

    package init(finished: Int, total: Int, elapsed: Duration) {
        self.finished = finished
        self.total = total
        self.elapsed = elapsed
    }

    package var isComplete: Bool { finished >= total }

    /// Pieces a second since the start.
    package var rate: Double {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        return seconds > 0 ? Double(finished) / seconds : 0
    }

    /// Time left at that rate; nil before the first piece is done.
    package var remaining: Duration? {
        rate > 0 ? .milliseconds(Int64(Double(total - finished) / rate * 1000)) : nil
    }

    /// `12 of 400 THINGS`, the rate, and the time left where there is some: what every progress line says.
    ///
    /// - Parameter more: stands behind the count.
    package func text(_ things: String, per unit: String, more: String = "") -> String {
        var text = "\(finished) of \(total) \(things)\(more), \(Self.rounded(rate)) \(unit)/s"
        if !isComplete, let remaining { text += ", \(remaining.components.seconds) s left" }
        return text
    }

    /// One decimal below ten, none above.
    private static func rounded(_ rate: Double) -> String {
        rate < 10 ? "\((rate * 10).rounded() / 10)" : "\(Int(rate.rounded()))"
    }
}
