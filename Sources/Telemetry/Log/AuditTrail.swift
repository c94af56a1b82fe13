// SPDX-License-Identifier: Apache-2.0

/// Where audit events go, as those see it who make them.
package protocol AuditTrail: Sendable {
    /// Records an event; when it returns, the line is where it must be before the answer is told. Throws where it is not
    /// and the event must then not be answered as if it were.
    func record(_ event: AuditEvent) async throws(AuditUnavailable)

    /// Records an event of which no answer depends, without waiting. What is lost is counted and told in the trail.
    func post(_ event: AuditEvent)

    /// Why nothing can be recorded now; nil where it can. Cheap.
    var hindrance: AuditUnavailable? { get }
}

/// A line could not be written.
package struct AuditUnavailable: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
    package var description: String { "the audit file cannot be written: \(reason)" }
}

/// Events as lines of JSON, as the log has them, without what closes a line: whoever keeps them has more to add.
package struct AuditLineWriter: Sendable {
    private var lines = LineWriter(format: .json)
    package init() {}

    /// - Parameter time: nanoseconds since 1970.
    package mutating func open(_ event: AuditEvent, time: UInt64, _ text: inout [UInt8]) {
        lines.open(LogEvent(time: time, level: event.level, target: .audit, content: .audit(event)), &text)
    }
}
