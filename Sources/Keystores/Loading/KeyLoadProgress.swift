// SPDX-License-Identifier: Apache-2.0

/// How far a load has come, about once a second and once at its end.
package struct KeyLoadProgress: Sendable, Equatable, CustomStringConvertible {
    /// Files that are done, those that failed among them.
    package let finished: Int
    package let total: Int
    /// Keys that are ready.
    package let keys: Int
    package let failures: Int
    package let elapsed: Duration

    package init(finished: Int, total: Int, keys: Int, failures: Int, elapsed: Duration) {
        self.finished = finished
        self.total = total
        self.keys = keys
        self.failures = failures
        self.elapsed = elapsed
    }

    /// Whether this is the last report.
    package var isComplete: Bool { finished == total }

    /// Files a second since the start.
    package var rate: Double {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        return seconds > 0 ? Double(finished) / seconds : 0
    }

    /// Time left at that rate; nil before the first file is done.
    package var remaining: Duration? {
        rate > 0 ? .milliseconds(Int64(Double(total - finished) / rate * 1000)) : nil
    }

    package var description: String {
        var text = "\(finished) of \(total) key files, \(keys) keys, \(Self.rounded(rate)) files/s"
        if !isComplete, let remaining { text += ", \(remaining.components.seconds) s left" }
        if failures > 0 { text += ", \(failures) failed" }
        return text
    }

    /// One decimal below ten, none above.
    private static func rounded(_ rate: Double) -> String {
        rate < 10 ? "\((rate * 10).rounded() / 10)" : "\(Int(rate.rounded()))"
    }
}
