// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Events between the threads that log and the one that writes. Bounded: `info` and below is dropped first, `warn`,
/// `error` and audit have four times the room. What is dropped is counted and said in the log itself.
final class LogQueue: Sendable {
    /// How many events may wait.
    struct Bounds: Sendable {
        var ordinary = 8192
        var important = 32_768
    }

    /// What did not reach the log.
    struct Losses: Sendable, Equatable {
        var ordinary: UInt64 = 0
        var important: UInt64 = 0
        var total: UInt64 { ordinary + important }
    }

    private struct State {
        var events: [LogEvent] = []
        /// Since the last batch, and not yet said.
        var losses = Losses()
        var allLosses = Losses()
        /// Whether the writer sleeps until it is woken (and not for a moment, to let a batch gather).
        var isWriterIdle = false
        var appended: UInt64 = 0
        var written: UInt64 = 0
        /// Someone waits for everything up to this number.
        var flushUpTo: UInt64 = 0
        var isStopping = false

        /// An event that did not fit; the log will say so.
        mutating func countLoss(important: Bool) {
            if important { losses.important += 1 } else { losses.ordinary += 1 }
            countFailedWrite(important: important)
        }

        /// An event that could not be written; the log cannot say so, the metrics do.
        mutating func countFailedWrite(important: Bool) {
            if important { allLosses.important += 1 } else { allLosses.ordinary += 1 }
        }
    }

    private let state = Condition(State())
    private let bounds: Bounds
    /// How long the writer lets a batch gather once it has been woken: under load one write and one wake serve many
    /// lines. What a crash can take with it is this much.
    private static let gathering = Duration.milliseconds(5)

    init(bounds: Bounds = Bounds()) { self.bounds = bounds }

    func append(_ event: LogEvent) {
        state.withLockThenWake { state in
            let room = event.isImportant ? bounds.important : bounds.ordinary
            guard state.events.count < room, !state.isStopping else {
                state.countLoss(important: event.isImportant)
                return false
            }
            state.events.append(event)
            state.appended += 1
            let wake = state.isWriterIdle || state.events.count == bounds.ordinary / 2
            state.isWriterIdle = false
            return wake
        }
    }

    /// The next events to write; sleeps while there are none; nil at the end.
    func next() -> (events: [LogEvent], losses: Losses)? {
        let found: Bool? = state.wait { state in
            if !state.events.isEmpty || state.isStopping || state.losses.total > 0 { return true }
            state.isWriterIdle = true
            return nil
        }
        guard found == true else { return nil }
        let half = bounds.ordinary / 2
        _ = state.wait(timeout: Self.gathering) { state in
            state.isStopping || state.flushUpTo > state.written || state.events.count >= half ? true : nil
        }
        var events: [LogEvent] = []
        events.reserveCapacity(256)
        return state.withLock(wake: false) { state in
            guard !state.events.isEmpty || state.losses.total > 0 else { return nil }
            swap(&state.events, &events)
            defer { state.losses = Losses() }
            return (events, state.losses)
        }
    }

    /// Says that a batch of so many is out, or that it could not be written.
    func finish(_ events: [LogEvent], written: Bool) {
        state.broadcast { state in
            state.written += UInt64(events.count)
            guard !written else { return }
            for event in events { state.countFailedWrite(important: event.isImportant) }
        }
    }

    /// Waits until all that was logged before is written. False when that took longer than `timeout`.
    func flush(timeout: Duration) -> Bool {
        var goal: UInt64 = 0
        state.broadcast { state in
            goal = state.appended
            state.flushUpTo = max(state.flushUpTo, goal)
        }
        return state.wait(timeout: timeout) { $0.written >= goal ? true : nil } ?? false
    }

    func stop() { state.broadcast { $0.isStopping = true } }

    var losses: Losses { state.withLock(wake: false) { $0.allLosses } }
}
