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

    /// Open connections above which room is made: an eighth below the limit, at which the library accepts no more. Where the
    /// limit is small, the limit itself.
    var comfort: Int {
        let limit = settings.limits.connections
        return limit >= 64 ? limit - limit / 8 : limit
    }

    /// Requests between the end of their head and the end of their answer.
    private let busy = Atomic(0)
    private let stopping = Atomic(false)
    /// Woken when the count falls to 0 while the server stops.
    private let quiet = Condition(false)

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

    /// Whether new requests are refused.
    var isStopping: Bool { stopping.load(ordering: .sequentiallyConsistent) }

    func beginStopping() { stopping.store(true, ordering: .sequentiallyConsistent) }

    func requestBegan() { busy.add(1, ordering: .sequentiallyConsistent) }

    func requestEnded() {
        if busy.subtract(1, ordering: .sequentiallyConsistent).newValue == 0, isStopping {
            quiet.broadcast { $0 = true }
        }
    }

    /// Waits until no request is under way, at most `limit`. Blocks: on a thread of our own.
    func waitUntilIdle(_ limit: Duration) -> Bool {
        quiet.wait(timeout: limit) { _ in busy.load(ordering: .sequentiallyConsistent) == 0 ? true : nil } ?? false
    }
}
