// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// How lines look.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-11-20T12:51:00.365123Z  INFO audit: signed operation=ATTESTATION slot=7`
    case text
    /// One object a line: `timestamp`, `level`, `target`, `message`, then the fields, all on one level.
    case json
}

/// Turns events into lines. One event is one line whatever its values hold: everything that could end a line, start an
/// escape sequence of a terminal or reorder what is shown is written as `\uXXXX`.
struct LineWriter {
    /// Longer values are cut: a line stays far below what log collectors take.
    static let longestValue = 2048

    let format: LogFormat
    private var timestamps = TimestampWriter()
    init(format: LogFormat) { self.format = format }

    mutating func append(_ event: LogEvent, to text: inout [UInt8]) {
        open(event, &text)
        if format == .json { text.append(UInt8(ascii: "}")) }
        text.append(UInt8(ascii: "\n"))
    }

    /// Without what closes the line.
    mutating func open(_ event: LogEvent, _ text: inout [UInt8]) {
        switch event.content {
        case .line(let message, let fields):
            begin(event, message, &text)
            for (name, value) in fields { append(name, .value(value), &text) }
        case .audit(let audit):
            begin(event, audit.message, &text)
            audit.forEachField { append($0, $1, &text) }
        }
    }

    private mutating func begin(_ event: LogEvent, _ message: String, _ text: inout [UInt8]) {
        switch format {
        case .text:
            timestamps.append(event.time, to: &text)
            text.append(contentsOf: (event.level.name.utf8.count == 4 ? "  " : " ").utf8)
            text.append(contentsOf: event.level.name.utf8)
            text.append(UInt8(ascii: " "))
            text.append(contentsOf: event.target.name.utf8)
            text.append(contentsOf: ": ".utf8)
            Self.appendEscaped(message, &text)
        case .json:
            text.append(contentsOf: "{\"timestamp\":\"".utf8)
            timestamps.append(event.time, to: &text)
            text.append(contentsOf: "\",\"level\":\"".utf8)
            text.append(contentsOf: event.level.name.utf8)
            text.append(contentsOf: "\",\"target\":\"".utf8)
            text.append(contentsOf: event.target.name.utf8)
            text.append(contentsOf: "\",\"message\":\"".utf8)
            Self.appendEscaped(message, &text)
            text.append(UInt8(ascii: "\""))
        }
    }

    private func append(_ name: String, _ field: AuditEvent.Field, _ text: inout [UInt8]) {
        switch format {
        case .text:
            text.append(UInt8(ascii: " "))
            text.append(contentsOf: name.utf8)
            text.append(UInt8(ascii: "="))
        case .json:
            text.append(contentsOf: ",\"".utf8)
            text.append(contentsOf: name.utf8)
            text.append(contentsOf: "\":".utf8)
        }
        switch field {
        case .value(let value): append(value, &text)
        case .key(let key): append(hex: key.span, &text)
        case .root(let root): append(hex: root.span, &text)
        }
    }

    private func append(hex bytes: Span<UInt8>, _ text: inout [UInt8]) {
        if format == .json { text.append(UInt8(ascii: "\"")) }
        text.append(contentsOf: "0x".utf8)
        Hex.append(bytes, to: &text)
        if format == .json { text.append(UInt8(ascii: "\"")) }
    }

    private func append(_ value: LogValue, _ text: inout [UInt8]) {
        switch value {
        case .text(let value): append(value, quoted: format == .json || !Self.isBare(value), &text)
        case .integer(let value): text.append(contentsOf: String(value).utf8)
        case .unsigned(let value):
            // Beyond 2^53 many JSON readers round: there the number is a string.
            append(String(value), quoted: format == .json && value > 1 << 53, &text)
        case .number(let value): append(String(value), quoted: format == .json && !value.isFinite, &text)
        case .flag(let value): text.append(contentsOf: (value ? "true" : "false").utf8)
        }
    }

    private func append(_ value: String, quoted: Bool, _ text: inout [UInt8]) {
        if quoted { text.append(UInt8(ascii: "\"")) }
        Self.appendEscaped(value, &text)
        if quoted { text.append(UInt8(ascii: "\"")) }
    }

    /// Whether a value can stand in a text line without quotation marks.
    private static func isBare(_ value: String) -> Bool {
        !value.isEmpty
            && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
    }

    private static func appendEscaped(_ value: String, _ text: inout [UInt8]) {
        if value.utf8.count > longestValue {
            appendEscaped(String(value.unicodeScalars.prefix(longestValue / 4)), &text)
            text.append(contentsOf: "...".utf8)
            return
        }
        let isPlain = value.utf8.allSatisfy { byte in
            byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        }
        if isPlain {
            text.append(contentsOf: value.utf8)
        } else {
            for scalar in value.unicodeScalars { append(scalar, &text) }
        }
    }

    private static func append(_ scalar: Unicode.Scalar, _ text: inout [UInt8]) {
        switch scalar {
        case "\"": text.append(contentsOf: #"\""#.utf8)
        case "\\": text.append(contentsOf: #"\\"#.utf8)
        case "\n": text.append(contentsOf: #"\n"#.utf8)
        case "\r": text.append(contentsOf: #"\r"#.utf8)
        case "\t": text.append(contentsOf: #"\t"#.utf8)
        case _ where isDangerous(scalar):
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                text.append(contentsOf: (#"\u"# + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8)
            }
        default: text.append(contentsOf: String(scalar).utf8)
        }
    }

    /// Control characters of both sets, line and paragraph separators, and what changes the direction of text or is
    /// invisible.
    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
        default: false
        }
    }
}
