// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Signer

@Suite struct LoadGaugeTests {
    private static let millisecond: UInt64 = 1_000_000

    /// A house for two thousand in which one thing is done each millisecond, and so many come in that time.
    private struct House {
        var gauge = LoadGauge()
        var now: UInt64 = 10_000_000_000
        var underWay = 0
        var refused = 0

        mutating func run(milliseconds: Int, arriving: Int) {
            for _ in 0..<milliseconds {
                now += millisecond
                if underWay > 0 {
                    underWay -= 1
                    gauge.finished(left: underWay, at: now)
                }
                for _ in 0..<arriving {
                    let isTooMuch = underWay >= 2000 || gauge.isTooMuch(underWay: underWay, at: now)
                    if isTooMuch { refused += 1 } else { underWay += 1 }
                }
            }
        }
    }

    @Test func `what can be done is let in`() {
        var house = House()
        house.run(milliseconds: 5000, arriving: 1)
        #expect(house.refused == 0)
    }

    @Test func `a burst is let in whole, again and again`() {
        var house = House()
        for _ in 0..<5 {
            house.run(milliseconds: 1, arriving: 2000)
            house.run(milliseconds: 6000, arriving: 0)
        }
        #expect(house.refused == 0 && house.underWay == 0)
    }

    @Test func `of too much that goes on, what is let in is done in time`() {
        var house = House()
        house.run(milliseconds: 4000, arriving: 10)
        var most = 0
        for _ in 0..<5000 {
            house.run(milliseconds: 1, arriving: 10)
            most = max(most, house.underWay)
        }
        // A fifth of a second's work, give or take what the measure of it is off by.
        #expect(most < 300 && house.underWay > 150)
    }

    @Test func `when it is over everybody is let in again`() {
        var house = House()
        house.run(milliseconds: 3000, arriving: 10)
        house.run(milliseconds: 10_000, arriving: 0)
        house.refused = 0
        house.run(milliseconds: 1, arriving: 1000)
        #expect(house.refused == 0)
    }

    @Test func `a few are let in however slow it is`() {
        var gauge = LoadGauge()
        var now: UInt64 = 0
        // One in a second.
        for _ in 0..<100 {
            now += 1000 * Self.millisecond
            gauge.finished(left: 10, at: now)
            let isTooMuch = gauge.isTooMuch(underWay: 63, at: now)
            #expect(!isTooMuch)
        }
    }
}
