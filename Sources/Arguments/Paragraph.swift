// SPDX-License-Identifier: Apache-2.0

/// Text that fits a terminal.
package enum Paragraph {
    package static let width = 80

    /// Breaks at blanks so that no line is wider than `width`, unless a single word is. The first line begins with
    /// `indent` blanks, the others with `hanging`.
    package static func wrap(_ text: String, indent: Int = 0, hanging: Int = 0, width: Int = width) -> String {
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        var isEmpty = true
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            if !isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = String(repeating: " ", count: hanging)
                isEmpty = true
            }
            if !isEmpty { line += " " }
            line += word
            isEmpty = false
        }
        lines.append(line)
        return lines.joined(separator: "\n")
    }

    /// A term and its explanation: side by side where the term is short enough, below each other otherwise.
    package static func row(_ term: String, _ text: String, column: Int) -> String {
        let head = "  " + term
        if text.isEmpty { return head }
        if head.count + 2 > column {
            return head + "\n" + wrap(text, indent: column, hanging: column)
        }
        let body = wrap(text, indent: column, hanging: column)
        return head + body.dropFirst(head.count)
    }
}
