// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Observations counted in buckets. Values are in the unit of the metric's name, seconds for durations.
package final class Histogram: Sendable {
    /// Upper bounds, rising; the last bucket has none.
    let bounds: [Double]
    private let state: Lock<State>

    struct State: Sendable {
        /// One more than bounds; not cumulative.
        var counts: [UInt64]
        var sum = 0.0
    }

    init(bounds: [Double]) {
        precondition(bounds == bounds.sorted() && !bounds.isEmpty, "the bounds of a histogram must rise")
        self.bounds = bounds
        state = Lock(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    package func observe(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    /// A duration for a metric in seconds.
    package func observe(nanoseconds: UInt64) { observe(Double(nanoseconds) / 1e9) }

    var snapshot: State { state.withLock { $0 } }
    package var count: UInt64 { snapshot.counts.reduce(0, +) }
}

/// Observations with their number, sum and quantiles, as Web3Signer's timers show them. The quantiles are those of the
/// last 1,024 observations; count and sum are of all.
package final class Summary: Sendable {
    /// Those of Web3Signer.
    static let quantiles = [0.2, 0.5, 0.8, 0.95, 0.99, 1.0]
    private static let window = 1024

    struct State: Sendable {
        var count: UInt64 = 0
        var sum = 0.0
        /// A ring; its place of writing is `count % window`.
        var recent: [Double] = []
    }
    private let state = Lock(State())
    init() {}

    package func observe(_ value: Double) {
        state.withLock { state in
            if state.recent.count < Self.window {
                state.recent.append(value)
            } else {
                state.recent[Int(state.count % UInt64(Self.window))] = value
            }
            state.count += 1
            state.sum += value
        }
    }

    package func observe(nanoseconds: UInt64) { observe(Double(nanoseconds) / 1e9) }

    package var count: UInt64 { snapshot.count }
    var snapshot: State { state.withLock { $0 } }
}

extension Summary.State {
    /// The smallest observation that is not below this share of them all; NaN when there is none.
    func quantiles(_ shares: [Double]) -> [Double] {
        let sorted = recent.sorted()
        return shares.map { share in
            guard !sorted.isEmpty else { return .nan }
            let rank = Int((share * Double(sorted.count)).rounded(.up))
            return sorted[min(max(rank, 1), sorted.count) - 1]
        }
    }
}
