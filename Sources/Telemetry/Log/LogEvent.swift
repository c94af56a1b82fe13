// SPDX-License-Identifier: Apache-2.0

/// The value of a named field of a line.
package enum LogValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case flag(Bool)

    package static func integer(_ value: Int) -> Self { .integer(Int64(value)) }
    /// A duration of so many nanoseconds, written as whole microseconds.
    package static func microseconds(nanoseconds: UInt64) -> Self { .unsigned(nanoseconds / 1000) }
}

extension LogValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .flag(value) }
}

/// Named values beside the message. Names are ours, in snake case; `timestamp`, `level`, `target` and `message` are
/// taken.
package typealias LogFields = KeyValuePairs<String, LogValue>

/// A line before it is text. Text is made by the writer's thread, so that the caller pays for little more than the
/// queue.
struct LogEvent: Sendable {
    enum Content: Sendable {
        case line(message: String, fields: LogFields)
        /// Indirect: the queue moves few bytes, whatever an audit event holds.
        indirect case audit(AuditEvent)
    }

    /// Nanoseconds since 1970.
    let time: UInt64
    let level: LogLevel
    let target: LogTarget
    let content: Content

    /// Kept longer than others when the writer cannot keep up.
    var isImportant: Bool { level <= .warn || target == .audit }
}
