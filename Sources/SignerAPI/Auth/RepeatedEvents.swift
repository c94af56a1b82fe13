// SPDX-License-Identifier: Apache-2.0
package import Telemetry

/// Lets the first of events that repeat through at once, and of those that follow one a second with their count: whoever
/// sends the same again and again must not fill a disk with lines. A plain value: time is told to it.
package struct RepeatedEvents<Key: Hashable & Sendable>: Sendable {
    private struct Entry {
        var lastTold: Int64
        var keptBack = 0
        /// The last that was kept back.
        var last: AuditEvent

        mutating func take(at now: Int64) -> AuditEvent {
            defer { (keptBack, lastTold) = (0, now) }
            return last.counting(keptBack)
        }
    }

    private let most: Int
    private var entries: [Key?: Entry] = [:]
    private var lastCleared = Int64.min

    /// - Parameter most: how many keys are told apart in one second.
    package init(most: Int = 1024) { self.most = most }

    /// The event as it is to be told now; nil where it is kept back, and counted.
    ///
    /// - Parameter now: seconds of a clock that does not go back.
    package mutating func note(_ event: AuditEvent, as key: Key, at now: Int64) -> AuditEvent? {
        if entries[key] == nil, entries.count >= most { makeRoom(now) }
        // Beyond that those that are new share one place.
        let place: Key? = entries[key] != nil || entries.count < most ? key : nil
        guard var entry = entries[place] else {
            entries[place] = Entry(lastTold: now, last: event)
            return event
        }
        entry.keptBack += 1
        entry.last = event
        let told = now > entry.lastTold ? entry.take(at: now) : nil
        entries[place] = entry
        return told
    }

    /// What was kept back and is due, also of those who went quiet. To be asked for once a second.
    ///
    /// - Parameter all: also what is not due yet, at the end.
    package mutating func due(at now: Int64, all: Bool = false) -> [AuditEvent] {
        var due: [AuditEvent] = []
        for (key, entry) in entries where entry.keptBack > 0 && (all || now > entry.lastTold) {
            var entry = entry
            due.append(entry.take(at: now))
            entries[key] = entry
        }
        makeRoom(now)
        return due
    }

    /// Forgets who has been quiet. At most once a second, or a flood from many places would look through all of them for
    /// each request.
    private mutating func makeRoom(_ now: Int64) {
        guard now > lastCleared else { return }
        lastCleared = now
        entries = entries.filter { _, entry in entry.keptBack > 0 || entry.lastTold >= now }
    }
}

extension AuditEvent {
    /// A refusal that stands for so many like it.
    fileprivate func counting(_ count: Int) -> AuditEvent {
        guard count > 1, case .refused(let code, let detail) = outcome else { return self }
        var event = self
        let more = detail.map { ": \($0)" } ?? ""
        event.outcome = .refused(code: code, detail: "\(count) such requests since the last such line\(more)")
        return event
    }
}
