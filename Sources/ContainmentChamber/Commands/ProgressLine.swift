// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation

/// Says on the standard error output how far a command is: every second where somebody watches, else every ten, and
/// nothing where the work is over before the first line.
struct ProgressLine {
    private let what: String
    private let things: String
    private let unit: String
    private let total: Int
    private let began = MonotonicClock.nanoseconds
    private let interval: UInt64
    private var last: UInt64

    /// - Parameters:
    ///   - what: stands before the count, such as `importing`.
    ///   - things: what is counted.
    ///   - unit: what the rate is told in.
    init(_ what: String, total: Int, _ things: String = "validators", unit: String = "validators") {
        self.what = what
        self.things = things
        self.unit = unit
        self.total = total
        interval = isatty(STDERR_FILENO) == 1 ? 1_000_000_000 : 10_000_000_000
        last = began
    }

    /// Notes how much is done; prints a line where it is time.
    mutating func reached(_ finished: Int, more: String = "") {
        let now = MonotonicClock.nanoseconds
        guard now - last >= interval else { return }
        last = now
        let elapsed = Duration.nanoseconds(Int64(clamping: now - began))
        let pace = Pace(finished: finished, total: max(total, finished), elapsed: elapsed)
        Output.complain("\(what): \(pace.text(things, per: unit, more: more))")
    }
}
