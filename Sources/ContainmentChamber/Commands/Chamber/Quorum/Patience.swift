// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation

/// How long a command waits for operators: until the signer gives up, and never longer than a day.
struct Patience {
    private static let usual: TimeInterval = 30 * 60
    private static let longest: TimeInterval = 24 * 3600
    private let end: UInt64

    /// - Parameter text: a time of the signer; the clocks of both machines may differ, so a minute is added.
    init(until text: String?) {
        let time = text.flatMap { try? Date($0, strategy: .iso8601) }
        let wait = time.map { $0.timeIntervalSinceNow + 60 } ?? Self.usual
        end = MonotonicClock.nanoseconds + UInt64(min(max(wait, 0), Self.longest)) * 1_000_000_000
    }

    var isOver: Bool { MonotonicClock.nanoseconds >= end }

    /// Between two looks.
    static func step() async { try? await Task.sleep(for: .seconds(1)) }
}
