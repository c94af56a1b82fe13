// SPDX-License-Identifier: Apache-2.0

/// Welch's t between durations of two classes that were measured in random turns. |t| above 4.5 is the usual mark of a leak
/// (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017).
package enum Welch {
    package static let limit = 4.5

    /// |t|. The slowest of all samples are left out, by one bound for both classes: interrupts and other processes fall on
    /// both.
    ///
    /// - Parameter kept: the percentage of all samples that count.
    package static func t(_ first: [UInt32], _ second: [UInt32], kept: Int = 99) -> Double {
        let all = (first + second).sorted()
        guard !first.isEmpty, !second.isEmpty else { return 0 }
        let limit = all[min(all.count - 1, all.count * kept / 100)]
        let (first, second) = (Moments(first, atMost: limit), Moments(second, atMost: limit))
        return abs(first.mean - second.mean)
            / (first.variance / first.count + second.variance / second.count).squareRoot()
    }

    /// Mean and variance of what does not exceed a limit.
    private struct Moments {
        let count: Double
        let mean: Double
        let variance: Double

        init(_ times: [UInt32], atMost limit: UInt32) {
            let kept = times.filter { $0 <= limit }.map(Double.init)
            count = Double(kept.count)
            let mean = kept.reduce(0, +) / max(1, Double(kept.count))
            self.mean = mean
            variance = kept.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(1, count - 1)
        }
    }
}
