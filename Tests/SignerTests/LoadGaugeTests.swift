// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Signer

@Suite struct LoadGaugeTests {
    private static let millisecond: UInt64 = 1_000_000

    /// A house for some thousand in which one thing is done each millisecond, and so many come in that time.
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
                    let isTooMuch = underWay >= 4000 || gauge.isTooMuch(underWay: underWay, at: now)
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

    @Test func `what no burst is, is refused before a second is over, and what waits for long gives way`() {
        var house = House()
        // It knows how much it can do.
        house.run(milliseconds: 1, arriving: 300)
        house.run(milliseconds: 6000, arriving: 0)
        let began = house.now
        house.run(milliseconds: 400, arriving: 10)
        // Two seconds and a half of work, and what came before that could be said.
        #expect(house.underWay > 2400 && house.underWay < 3000 && house.refused > 0)
        let (now, waited) = (house.now, house.now - began)
        let isLate = house.gauge.isTooLate(waited: waited, at: now)
        let isYoungLate = house.gauge.isTooLate(waited: waited / 2, at: now)
        #expect(isLate && !isYoungLate)
        // Nobody is turned away any more: what has waited is signed all the same.
        let isLateThen = house.gauge.isTooLate(waited: waited, at: now + 300 * Self.millisecond)
        #expect(!isLateThen)
    }

    @Test func `while those who answer get no processor nothing is let in, but only where others are turned away`() {
        var house = House()
        house.run(milliseconds: 4000, arriving: 1)
        let isTooMuchAlone = house.gauge.isTooMuch(underWay: 1, at: house.now, isStarving: true)
        #expect(!isTooMuchAlone)
        house.run(milliseconds: 4000, arriving: 10)
        let isTooMuchInFlood = house.gauge.isTooMuch(underWay: 1, at: house.now, isStarving: true)
        let isTooMuchThen = house.gauge.isTooMuch(underWay: 1, at: house.now)
        #expect(isTooMuchInFlood && !isTooMuchThen)
    }

    @Test func `where they had too little of it, few are let in unread, until no more is asked for than can be done`() {
        var house = House()
        house.run(milliseconds: 4000, arriving: 10)
        let isTooMuch = house.gauge.isTooMuchUnread(underWay: 1, at: house.now, isStarving: true)
        #expect(isTooMuch)
        /// How many are let in of so many that come in a second.
        func letIn(of count: Int) -> Int {
            let began = house.now
            return (1...count).count { number in
                house.now = began + UInt64(number) * 1000 * Self.millisecond / UInt64(count)
                return !house.gauge.isTooMuchUnread(underWay: 1, at: house.now)
            }
        }
        // A thousand can be done.
        #expect((50...150).contains(letIn(of: 10_000)))
        _ = letIn(of: 500)
        #expect(letIn(of: 500) == 500)
    }

    @Test func `a burst is let in although little was asked for before`() {
        var house = House()
        // Two at a time, each for a tenth of a second: that is no measure of what can be done.
        for _ in 0..<100 {
            house.now += 50 * Self.millisecond
            house.gauge.finished(left: 1, at: house.now)
        }
        house.run(milliseconds: 1, arriving: 2000)
        house.run(milliseconds: 900, arriving: 1)
        #expect(house.refused == 0)
    }

    @Test func `a burst is signed to its end, however late`() {
        var house = House()
        house.run(milliseconds: 1, arriving: 300)
        house.run(milliseconds: 6000, arriving: 0)
        house.run(milliseconds: 1, arriving: 2000)
        let isLate = house.gauge.isTooLate(waited: 1900 * Self.millisecond, at: house.now + 1900 * Self.millisecond)
        #expect(house.refused == 0 && !isLate)
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
            let isTooMuch = gauge.isTooMuch(underWay: 15, at: now)
            #expect(!isTooMuch)
        }
    }
}
