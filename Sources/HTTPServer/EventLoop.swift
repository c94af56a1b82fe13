// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import CMicrohttpd
internal import Concurrency
internal import Glibc

/// One libmicrohttpd with a thread of ours that drives it.
///
/// The library has threads of its own, but version 0.9.75 waits without limit right after it has taken exactly 128 events
/// in one go: 256 clients that answer together were seen to stand still until something else happened. Driven from
/// outside it never waits. It also lets answers come back in batches: one wake-up when the loop sleeps, none when it runs.
@safe final class EventLoop: @unchecked Sendable {
    // Sound: `handle` is written in `init` and after that used by the thread of the loop alone, as are `suspended`,
    // `starting` and `phase`; what other threads bring goes through `inbox`.
    let core: ServerCore
    private var handle: OpaquePointer?
    /// Readable when the library has something to do.
    private var events: Int32 = -1
    /// Readable when the inbox has something.
    private let bell: Int32
    /// Readable a moment after an answer that waits for more of them.
    private let timer: Int32
    private let inbox = Lock(Inbox())
    private var suspended = 0
    private var open = 0
    /// Whether the library has stopped to accept because as many are open as may be.
    private var isFull = false
    private var starting: [Work] = []
    private var phase = Phase.running

    private struct Inbox: Sendable {
        var finished: [Connection] = []
        var phase = Phase.running
        var isAsleep = false
        /// Answers that were still to come when the loop fell asleep.
        var expected = 0
    }
    /// Answers that wait for each other while more are to come: each wake-up of the loop takes a processor from those who
    /// make the answers. The last one expected wakes it at once.
    private static let batch = 8
    /// How long the first answer of a batch waits for the others, in nanoseconds.
    private static let patience: UInt32 = 1_000_000

    /// Whether a sleeping loop is woken.
    private enum Call { case never, soon, now }

    enum Phase: Int, Comparable, Sendable {
        case running
        /// No longer accepts.
        case quiet
        /// Suspends nothing any more; the thread ends when nothing is suspended.
        case ended

        static func < (one: Phase, other: Phase) -> Bool { one.rawValue < other.rawValue }
    }

    /// Prepares to serve on a listening descriptor, which then belongs to the loop.
    init(core: ServerCore, descriptor: Int32) throws(HTTPServerError) {
        self.core = core
        bell = chamber_eventfd()
        timer = chamber_timerfd()
        unsafe handle = nil
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        var options = unsafe DaemonOptions.make(core.settings, descriptor, context)
        if bell >= 0, timer >= 0, descriptor >= 0 {
            let flags = chamber_mhd_flags | (core.settings.tls == nil ? 0 : MHD_USE_TLS.rawValue)
            unsafe handle = unsafe chamber_mhd_start(flags, requestCallback, context, &options)
        }
        guard let handle = unsafe handle else {
            let reason = systemMessage(errno)
            close(descriptor)
            throw .cannotStart("libmicrohttpd refused (\(reason)): check the limit on open descriptors")
        }
        unsafe events = chamber_mhd_epoll(handle)
    }

    /// Only now: who brings an answer holds the loop, and may still ring when the loop has found the answer by itself.
    deinit {
        if bell >= 0 { close(bell) }
        if timer >= 0 { close(timer) }
    }

    /// Runs until `.ended`. The callbacks come on this thread.
    func start(_ name: String) -> Thread { Thread(name: name) { [self] in run() } }

    /// From any thread. Phases only go forward.
    func enter(_ phase: Phase) {
        bring { inbox in
            inbox.phase = max(inbox.phase, phase)
            return .now
        }
    }

    /// The answer of a suspended connection is there. From any thread, once for each suspension.
    func finished(_ connection: Connection) {
        bring { inbox in
            inbox.finished.append(connection)
            if inbox.finished.count >= min(Self.batch, inbox.expected) { return .now }
            return inbox.finished.count == 1 ? .soon : .never
        }
    }

    /// Suspends on the thread of the loop; false when the loop is about to end.
    func suspend(_ connection: ConnectionHandle) -> Bool {
        guard phase < .ended else { return false }
        suspended += 1
        connection.suspend()
        return true
    }

    /// A connection was opened.
    func opened() {
        open += 1
        if open >= core.settings.connectionsOfThread { isFull = true }
    }

    func closed() { open -= 1 }

    /// Starts a task, together with those of other connections that are read in the same round: started one by one, each
    /// would wake a sleeping worker. Sixteen at most wait for each other, some hundred microseconds.
    func startSoon(_ work: Work) {
        starting.append(work)
        if starting.count == 16 { startAll() }
    }

    private func startAll() {
        for work in starting { work.start() }
        starting.removeAll(keepingCapacity: true)
    }

    /// Changes the inbox, and wakes the loop as `change` says where it sleeps.
    private func bring(_ change: (inout Inbox) -> Call) {
        let call = inbox.withLock { inbox -> Call in
            let call = change(&inbox)
            guard inbox.isAsleep else { return .never }
            if call == .now { inbox.isAsleep = false }
            return call
        }
        switch call {
        case .never: break
        case .soon: _ = chamber_arm_timer(timer, Self.patience)
        case .now:
            var one: UInt64 = 1
            _ = unsafe write(bell, &one, 8)
        }
    }

    private func run() {
        while step() {}
        unsafe MHD_stop_daemon(handle)
    }

    /// One round; false when the loop has ended.
    private func step() -> Bool {
        let began = core.settings.starvation.map { _ in (time: MonotonicClock.nanoseconds, own: ThreadClock.nanoseconds)
        }
        var wanted = Phase.running
        var finished: [Connection] = []
        inbox.withLock { inbox in
            wanted = inbox.phase
            swap(&finished, &inbox.finished)
        }
        for connection in finished {
            suspended -= 1
            connection.handle.resume()
        }
        if wanted > phase { enterOnLoop(wanted) }
        unsafe MHD_run(handle)
        startAll()
        if let began {
            core.settings.starvation?.worked(
                for: MonotonicClock.nanoseconds &- began.time,
                running: ThreadClock.nanoseconds &- began.own
            )
        }
        if phase == .ended, suspended == 0 { return false }
        // Where there is room again, the library looks for those who wait only when it runs once more.
        if isFull, open < core.settings.connectionsOfThread {
            isFull = false
            return true
        }
        var milliseconds: UInt64 = 0
        let hasTimeout = unsafe MHD_get_timeout(handle, &milliseconds) == .YES
        if !hasTimeout || milliseconds > 0 { sleep(hasTimeout ? Int32(clamping: milliseconds) : -1) }
        return true
    }

    private func enterOnLoop(_ wanted: Phase) {
        if phase < .quiet {
            let descriptor = unsafe MHD_quiesce_daemon(handle)
            if descriptor >= 0 { close(descriptor) }
        }
        phase = wanted
        // Whoever is between his answer and `finished` is counted in `suspended` and will come.
        if wanted == .ended { core.deadlines.connections().forEach { if $0.loop === self { $0.giveUp(.stopping) } } }
    }

    private func sleep(_ milliseconds: Int32) {
        let maySleep = inbox.withLock { inbox in
            inbox.isAsleep = inbox.finished.isEmpty && inbox.phase <= phase
            inbox.expected = suspended
            return inbox.isAsleep
        }
        guard maySleep else { return }
        var queries = (
            pollfd(fd: events, events: Int16(POLLIN), revents: 0), pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
            pollfd(fd: timer, events: Int16(POLLIN), revents: 0)
        )
        unsafe withUnsafeMutableBytes(of: &queries) { queries in
            let first = unsafe queries.assumingMemoryBound(to: pollfd.self).baseAddress
            if let starvation = core.settings.starvation, starvation.isNow {
                if unsafe poll(first, 3, 0) != 0 { return }
                starvation.rested()
            }
            _ = unsafe poll(first, 3, milliseconds)
        }
        inbox.withLock { $0.isAsleep = false }
        if queries.1.revents != 0 { clear(bell) }
        if queries.2.revents != 0 { clear(timer) }
    }

    /// Makes a bell or a timer that has rung silent again.
    private func clear(_ descriptor: Int32) {
        var count: UInt64 = 0
        _ = unsafe read(descriptor, &count, 8)
    }
}
