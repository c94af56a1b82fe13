// SPDX-License-Identifier: Apache-2.0

/// Writes times as RFC 3339 in UTC with microseconds: `2026-11-20T12:51:00.365123Z`. Keeps the last second, since the
/// lines of a batch mostly share it.
struct TimestampWriter {
    private var second: UInt64 = .max
    private var prefix: [UInt8] = []

    mutating func append(_ nanoseconds: UInt64, to text: inout [UInt8]) {
        let current = nanoseconds / 1_000_000_000
        if current != second {
            second = current
            prefix = Self.text(of: current)
        }
        text.append(contentsOf: prefix)
        Self.append(nanoseconds / 1000 % 1_000_000, digits: 6, to: &text)
        text.append(UInt8(ascii: "Z"))
    }

    private static func text(of second: UInt64) -> [UInt8] {
        let (year, month, day) = date(ofDay: second / 86_400)
        let time = second % 86_400
        var text: [UInt8] = []
        let parts: [(UInt64, Int, Character)] = [
            (year, 4, "-"), (month, 2, "-"), (day, 2, "T"), (time / 3600, 2, ":"), (time / 60 % 60, 2, ":"),
            (time % 60, 2, "."),
        ]
        for (value, digits, separator) in parts {
            append(value, digits: digits, to: &text)
            text.append(contentsOf: separator.utf8)
        }
        return text
    }

    private static func append(_ value: UInt64, digits: Int, to text: inout [UInt8]) {
        var divisor: UInt64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// The Gregorian date of a day since 1970-01-01. Counts in years that begin in March, so that the leap day is the
    /// last day, in cycles of 400 years (146,097 days).
    private static func date(ofDay day: UInt64) -> (year: UInt64, month: UInt64, day: UInt64) {
        let shifted = day + 719_468  // days from 0000-03-01 to 1970-01-01
        let cycle = shifted / 146_097
        let dayOfCycle = shifted % 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }
}
