// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

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
    package var rate: Double { pace.rate }

    /// Time left at that rate; nil before the first file is done.
    package var remaining: Duration? { pace.remaining }

    private var pace: Pace { Pace(finished: finished, total: total, elapsed: elapsed) }

    package var description: String {
        pace.text("key files", per: "files", more: ", \(keys) keys") + (failures > 0 ? ", \(failures) failed" : "")
    }
}
