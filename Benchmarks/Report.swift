// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The figures of a run, some with a target.
struct Report {
    private struct Row {
        let name: String
        let value: Double
        let unit: String
        let digits: Int
        let target: Double?
        let least: Double?
        var isMet: Bool { target.map { value <= $0 } ?? true && least.map { value >= $0 } ?? true }
    }
    private var rows: [Row] = []
    private var notes: [String] = []

    mutating func add(
        _ name: String,
        _ value: Double,
        _ unit: String,
        digits: Int = 1,
        atMost target: Double? = nil,
        atLeast least: Double? = nil
    ) {
        rows.append(Row(name: name, value: value, unit: unit, digits: digits, target: target, least: least))
    }

    mutating func note(_ text: String) { notes.append(text) }

    /// Whether no target was missed.
    var isMet: Bool { rows.allSatisfy(\.isMet) }

    static func text(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    var table: String {
        let width = rows.map(\.name.count).max() ?? 0
        var lines = rows.map { row in
            let name = row.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let value = Self.text(row.value, row.digits)
            let padded = String(repeating: " ", count: max(0, 10 - value.count)) + value
            let unit = row.unit.padding(toLength: 13, withPad: " ", startingAt: 0)
            guard let target = row.target ?? row.least else { return "\(name) \(padded) \(unit)" }
            let bound = row.target == nil ? "at least" : "at most"
            let limit = "\(bound) \(Self.text(target, target.rounded() == target ? 0 : 2))"
            return "\(name) \(padded) \(unit) \(limit): \(row.isMet ? "met" : "MISSED")"
        }
        lines += [""] + notes
        return lines.joined(separator: "\n")
    }

    /// One object a figure, in the order of the table.
    var json: String {
        struct Figure: Encodable {
            let name: String
            let value: Double
            let unit: String
            let atMost: Double?
            let atLeast: Double?
            let met: Bool?
        }
        struct Document: Encodable {
            let figures: [Figure]
            let notes: [String]
            let met: Bool
        }
        let figures = rows.map { row in
            Figure(
                name: row.name.trimmingCharacters(in: .whitespaces),
                value: row.value,
                unit: row.unit,
                atMost: row.target,
                atLeast: row.least,
                met: row.target == nil && row.least == nil ? nil : row.isMet
            )
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes]
        let data = (try? encoder.encode(Document(figures: figures, notes: notes, met: isMet))) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }
}
