// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Signer

@Suite struct PaceTests {
    private static let second: UInt64 = 1_000_000_000

    /// How many are let in of some thousand that come in each of so many seconds.
    private func letIn(_ pace: inout Pace, from now: inout UInt64, seconds: Int, starvingAbove limit: Double) -> Int {
        (0..<seconds * 5000).count { _ in
            now += Self.second / 5000
            return pace.lets(at: now, isStarving: pace.rate > limit)
        }
    }

    @Test func `it is found by trying, and kept below what is too much`() {
        var now = Self.second
        var pace = Pace(capacity: 1000, at: now)
        _ = letIn(&pace, from: &now, seconds: 30, starvingAbove: 300)
        #expect(pace.rate > 150 && pace.rate <= 320)
        let done = letIn(&pace, from: &now, seconds: 20, starvingAbove: 300)
        #expect(done > 20 * 150 && done < 20 * 300 && !pace.isOver)
    }

    @Test func `nothing is let in while it is too much, and something always comes in the end`() {
        var now = Self.second
        var pace = Pace(capacity: 1000, at: now)
        #expect(letIn(&pace, from: &now, seconds: 60, starvingAbove: 0) == 0)
        #expect(pace.rate == 100)
        #expect(letIn(&pace, from: &now, seconds: 2, starvingAbove: 1e9) >= 190)
    }

    @Test func `it is over when no more is asked for than can be done`() {
        var now = Self.second
        var pace = Pace(capacity: 1000, at: now)
        _ = letIn(&pace, from: &now, seconds: 2, starvingAbove: 300)
        #expect(!pace.isOver)
        for _ in 0..<1000 {
            now += Self.second / 900
            _ = pace.lets(at: now, isStarving: false)
        }
        #expect(pace.isOver)
    }
}
