// SPDX-License-Identifier: Apache-2.0
internal import YAML

extension ValueType where Value == Bool {
    /// The two words of YAML 1.2 and no others: `yes`, `on` and `1` mean different things to different readers.
    static let boolean = ValueType(
        "true or false",
        placeholder: "true|false",
        isBare: true,
        read: { text throws(ValueFailure) in
            switch text {
            case "true": return true
            case "false": return false
            default: throw ValueFailure("is true or false, not \(YAMLText.quoted(text, limit: 40))")
            }
        },
        write: { String($0) }
    )
}

extension ValueType where Value == Int {
    /// A whole number in plain decimal digits.
    static func integer(_ range: ClosedRange<Int>, unit: String? = nil) -> ValueType {
        ValueType(
            "whole number" + described(range) + (unit.map { " (\($0))" } ?? ""),
            placeholder: "NUMBER",
            isBare: true,
            read: { text throws(ValueFailure) in try number(text, in: range) },
            write: { String($0) }
        )
    }
}

extension ValueType where Value == UInt64 {
    static let epoch = ValueType(
        "epoch, a whole number",
        placeholder: "EPOCH",
        isBare: true,
        read: { text throws(ValueFailure) in try number(text, in: 0...UInt64.max) },
        write: { String($0) }
    )
}

extension ValueType where Value == Duration {
    static func seconds(_ range: ClosedRange<Int>) -> ValueType {
        whole("seconds", placeholder: "SECONDS", of: 1, range)
    }

    static func minutes(_ range: ClosedRange<Int>) -> ValueType {
        whole("minutes", placeholder: "MINUTES", of: 60, range)
    }

    static func hours(_ range: ClosedRange<Int>) -> ValueType { whole("hours", placeholder: "HOURS", of: 3600, range) }

    private static func whole(
        _ unit: String,
        placeholder: String,
        of seconds: Int,
        _ range: ClosedRange<Int>
    ) -> ValueType {
        ValueType(
            "whole number of \(unit)" + described(range),
            placeholder: placeholder,
            isBare: true,
            read: { text throws(ValueFailure) in .seconds(try number(text, in: range) * seconds) },
            write: { String($0.components.seconds / Int64(seconds)) }
        )
    }
}

private func described(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max ? ", \(range.lowerBound) or more" : ", \(range.lowerBound) to \(range.upperBound)"
}

private func number<Number: FixedWidthInteger & Sendable>(
    _ text: String,
    in range: ClosedRange<Number>
) throws(ValueFailure) -> Number {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
        throw ValueFailure("is a whole number in decimal digits, not \(YAMLText.quoted(text, limit: 40))")
    }
    guard let number = Number(text), range.contains(number) else {
        let limits =
            range.upperBound == .max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        throw ValueFailure("is \(text.prefix(40)), outside of what is possible: \(limits)")
    }
    return number
}
