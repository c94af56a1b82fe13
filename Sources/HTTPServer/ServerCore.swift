// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Synchronization

/// What all connections of a server share.
final class ServerCore: Sendable {
    let settings: HTTPServerSettings
    let handler: any HTTPHandler
    let budget: BodyBudget
    let deadlines: DeadlineWatch
    /// Limits in nanoseconds.
    let headLimit, bodyLimit, answerLimit, sendLimit, idleLimit: UInt64

    /// Requests between the end of their head and the end of their answer.
    private let busy = Atomic(0)
    /// Connections that libmicrohttpd has suspended. It must be 0 when the library stops, or the library aborts.
    private let suspended = Atomic(0)
    private let phase = Atomic(Phase.running.rawValue)
    /// Woken when either count falls to 0 while the server stops.
    private let quiet = Condition(())

    enum Phase: Int {
        case running
        /// New requests get 503; those under way go on.
        case draining
        /// Nothing may be suspended any more.
        case ended
    }

    init(_ settings: HTTPServerSettings, _ handler: any HTTPHandler) {
        self.settings = settings
        self.handler = handler
        budget = BodyBudget(settings.limits.bodyBudget)
        func nanoseconds(_ limit: Duration) -> UInt64 { UInt64(clamping: limit.nanoseconds) }
        headLimit = nanoseconds(settings.deadlines.head)
        bodyLimit = nanoseconds(settings.deadlines.body)
        answerLimit = nanoseconds(settings.deadlines.answer)
        sendLimit = nanoseconds(settings.deadlines.send)
        idleLimit = nanoseconds(settings.deadlines.idle)
        let shortest = min(headLimit, bodyLimit, answerLimit, sendLimit, idleLimit)
        deadlines = DeadlineWatch(tick: .nanoseconds(Int64(clamping: min(250_000_000, max(1_000_000, shortest / 4)))))
    }

    var isStopping: Bool { phase.load(ordering: .sequentiallyConsistent) != Phase.running.rawValue }

    func enter(_ next: Phase) { phase.store(next.rawValue, ordering: .sequentiallyConsistent) }

    func requestBegan() { busy.add(1, ordering: .sequentiallyConsistent) }

    func requestEnded() { fell(busy.subtract(1, ordering: .sequentiallyConsistent).newValue) }

    /// Registers a connection that is about to be suspended; false once the server has ended.
    func maySuspend() -> Bool {
        // The count goes up before the phase is read, and `resumeAll` sets the phase before it reads the count: one of the
        // two sees the other.
        suspended.add(1, ordering: .sequentiallyConsistent)
        if phase.load(ordering: .sequentiallyConsistent) != Phase.ended.rawValue { return true }
        resumed()
        return false
    }

    /// After libmicrohttpd was told to resume a connection.
    func resumed() { fell(suspended.subtract(1, ordering: .sequentiallyConsistent).newValue) }

    private func fell(_ count: Int) {
        if count == 0, isStopping { quiet.broadcast { _ in } }
    }

    /// Waits until no request is under way, at most `limit`. Blocks: on a thread of our own.
    func waitUntilIdle(_ limit: Duration) -> Bool {
        quiet.wait(timeout: limit) { _ in busy.load(ordering: .sequentiallyConsistent) == 0 ? true : nil } ?? false
    }

    /// Answers 503 on every suspended connection until none is left. Blocks: on a thread of our own.
    func resumeAll() {
        while true {
            deadlines.connections().forEach { $0.giveUp(.stopping) }
            let done = quiet.wait(timeout: .milliseconds(20)) { _ in
                suspended.load(ordering: .sequentiallyConsistent) == 0 ? true : nil
            }
            if done != nil { return }
        }
    }
}
