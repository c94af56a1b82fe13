// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Telemetry

/// The loop of the thread that owns the files of a trail.
struct AuditLoop: ~Copyable {
    private var writer: AuditWriter
    private let inbox: Condition<AuditInbox>
    private let state: Lock<AuditFile.State>
    private let settings: AuditFile.Settings
    private let tell: @Sendable (AuditNotice) -> Void
    private var lastAttempt: UInt64 = 0
    private var windowBegan: UInt64 = 0
    private var linesInWindow = 0
    private var burstUntil: UInt64 = 0

    init(
        writer: consuming AuditWriter,
        inbox: Condition<AuditInbox>,
        state: Lock<AuditFile.State>,
        settings: AuditFile.Settings,
        tell: @escaping @Sendable (AuditNotice) -> Void
    ) {
        self.writer = writer
        self.inbox = inbox
        self.state = state
        self.settings = settings
        self.tell = tell
    }

    mutating func run() {
        while true {
            gather()
            let pause = writer.fault == nil ? nil : settings.retryInterval
            let work = inbox.wait(timeout: pause, until: { $0.take() })
            if let work { perform(work) }
            recoverIfDue()
            for notice in writer.takeNotices() { tell(notice) }
            if let work, work.isClosing { return }
        }
    }

    /// In a burst, lets lines gather for a moment: one wake and one write then serve many, and nobody is kept waiting for
    /// longer than a signature or two takes. Whoever signs one after the other is not delayed at all.
    private mutating func gather() {
        let now = MonotonicClock.nanoseconds
        if linesInWindow >= Self.burst { burstUntil = now &+ Self.window }
        if now &- windowBegan >= Self.window { (windowBegan, linesInWindow) = (now, 0) }
        guard now < burstUntil else { return }
        _ = inbox.wait(timeout: Self.gathering) { inbox in
            inbox.isClosing || inbox.entries.count >= AuditInbox.enough ? true : nil
        }
    }

    private static let gathering = Duration.milliseconds(1)
    /// Nanoseconds in which so many lines are a burst: more than one client makes alone.
    private static let window: UInt64 = 4_000_000
    private static let burst = 12

    private mutating func perform(_ work: AuditInbox) {
        if let (file, problem) = work.failedSync, file == writer.header.file { writer.syncFailed(problem) }
        if work.mustCheckPlace {
            let oldest = state.withLock { $0.isOldestKnown ? $0.oldest : nil }
            writer.checkPlace(from: oldest, at: settings.now())
        }
        var entries = work.entries
        let missing = work.refused + work.dropped
        if writer.fault != nil {
            writer.countUnwritten(Int(missing))
        } else if missing > 0 {
            let event = AuditEvent(.trail("lost", ["lines": .unsigned(missing)]), .done)
            entries.append(AuditEntry(event: event, time: settings.now()))
        }
        let wasDown = writer.fault != nil
        linesInWindow += entries.count
        let written = entries.isEmpty ? 0 : writer.write(entries)
        if !wasDown, writer.fault != nil { lastAttempt = MonotonicClock.nanoseconds }
        publish(written: written, unwritten: UInt64(entries.count - written) + work.dropped)
        let problem = writer.fault.map { AuditUnavailable($0.reason) }
        for (place, continuation) in work.waiting.enumerated() {
            continuation?.resume(returning: place < written ? nil : problem ?? AuditUnavailable("it was not taken"))
        }
    }

    private mutating func recoverIfDue() {
        guard writer.fault != nil else { return }
        let now = MonotonicClock.nanoseconds
        guard now &- lastAttempt >= UInt64(clamping: settings.retryInterval.nanoseconds) else { return }
        lastAttempt = now
        // What was refused without coming here belongs to what the line of recovery tells.
        let refused = inbox.withLock(wake: false) { inbox in
            defer { inbox.refused = 0 }
            return inbox.refused
        }
        writer.countUnwritten(Int(refused))
        writer.recover(at: settings.now())
        publish(written: 0, unwritten: 0)
    }

    /// Before anybody is answered: whoever asks then must see a trail that is down.
    private func publish(written: Int, unwritten: UInt64) {
        let (header, head, oldest) = (writer.header, writer.head, writer.oldest)
        let (file, reason) = (writer.file, writer.fault?.reason)
        state.withLock { state in
            state.header = header
            state.head = head
            state.oldest = max(state.oldest, oldest)
            state.file = file
            state.fault = reason
            state.written += UInt64(written)
            state.unwritten += unwritten
        }
    }
}
