// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc
internal import Synchronization

/// One open connection: the side of it that any thread may touch. What only the thread of the socket touches is in its
/// `exchange`.
@safe final class Connection: @unchecked Sendable {
    // Sound: `handle` is only used where libmicrohttpd allows it, on the thread of the socket or while `state` says that
    // the connection is suspended (it cannot end then). `state` is behind a lock. `exchange` belongs to the thread of the
    // socket alone; when the server stops, that thread has been joined before anybody else comes.
    let loop: EventLoop
    let peer: PeerAddress
    let exchange: Exchange
    let handle: ConnectionHandle
    /// Nil without TLS. Like `exchange`, of the thread of the socket alone.
    let tls: TLSLink?
    private let state: Lock<State>
    /// When the current phase is over, on the monotonic clock; `.max` is never.
    private let deadline: Atomic<UInt64>
    /// When it began.
    private let phaseBegan: Atomic<UInt64>
    /// Whether it is the client's turn: no request, or one that is not complete.
    private let awaitsClient = Atomic(true)
    /// Whether a request of it was answered.
    private let hasServed = Atomic(false)
    /// Whether it was cut to make room.
    private let isLeaving = Atomic(false)
    /// Whether a request has begun or ended since the watch last looked between two requests.
    private let mustLook = Atomic(true)

    private struct State {
        /// -1 once libmicrohttpd is about to close it: the number may then belong to somebody else.
        var descriptor: Int32
        /// Counts suspensions, so that a late task cannot answer the next request.
        var turn: UInt64 = 0
        var isWorking = false
        /// No request between its head and its last byte.
        var isIdle = true
        var answer: Response?
        var task: Task<Void, Never>?
    }

    init(_ handle: ConnectionHandle, loop: EventLoop) {
        self.handle = handle
        self.loop = loop
        peer = handle.peer
        state = Lock(State(descriptor: handle.descriptor))
        let now = MonotonicClock.nanoseconds
        deadline = Atomic(now &+ loop.core.headLimit)
        phaseBegan = Atomic(now)
        exchange = Exchange()
        tls = loop.core.settings.tls.flatMap { TLSLink(handle, source: $0, peer: handle.peer) }
    }

    var core: ServerCore { loop.core }

    // MARK: Deadlines

    /// Starts a phase that must be over in `limit` nanoseconds.
    func setDeadline(_ limit: UInt64) {
        let now = MonotonicClock.nanoseconds
        let (sum, overflow) = now.addingReportingOverflow(limit)
        deadline.store(overflow ? .max : sum, ordering: .relaxed)
        phaseBegan.store(now, ordering: .relaxed)
    }

    func setAwaitsClient(_ awaits: Bool) { awaitsClient.store(awaits, ordering: .relaxed) }

    func isLate(_ now: UInt64) -> Bool { deadline.load(ordering: .relaxed) <= now }

    /// Whether the watch should look for a client that has said its last. libmicrohttpd 0.9.75 does not notice an end that
    /// arrives together with bytes: it takes a short read for an empty socket and waits for the next event. Between two
    /// requests one look is enough, since an end that comes alone is an event of its own; one that comes with part of a head is
    /// found by the deadline. A client that goes on asking has not said its last: nobody looks before the phase is `quiet` old.
    func mayBeStranded(_ now: UInt64) -> Bool {
        awaitsClient.load(ordering: .relaxed) && mustLook.load(ordering: .relaxed)
            && now >= phaseBegan.load(ordering: .relaxed) &+ Self.quiet
    }

    private static let quiet: UInt64 = 1_000_000_000

    /// Whether the client has said its last and everything was read.
    private func isStranded(_ now: UInt64) -> Bool {
        guard mayBeStranded(now) else { return false }
        return state.withLock { state in
            guard state.descriptor >= 0 else { return false }
            if state.isIdle { mustLook.store(false, ordering: .relaxed) }
            var byte: UInt8 = 0
            return unsafe recv(state.descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
        }
    }

    /// Called by the watch: a handler that takes too long is answered for, everything else is cut.
    func endIfDue() {
        let now = MonotonicClock.nanoseconds
        if isStranded(now) { return cut() }
        let due = deadline.load(ordering: .relaxed)
        guard due <= now else { return }
        // Not where a new phase has begun meanwhile: its deadline stays.
        guard deadline.compareExchange(expected: due, desired: .max, ordering: .relaxed).exchanged else { return }
        if !giveUp(.tookTooLong) { abort() }
    }

    /// How long the client has kept the server waiting, where it may go for another one: who never finished a request first.
    /// Nil where it is the server's turn, or where it is about to go.
    var idleness: (isStranger: Bool, since: UInt64)? {
        guard awaitsClient.load(ordering: .relaxed), !isLeaving.load(ordering: .relaxed) else { return nil }
        return (!hasServed.load(ordering: .relaxed), phaseBegan.load(ordering: .relaxed))
    }

    /// Ends it for another one.
    func giveWay() {
        isLeaving.store(true, ordering: .relaxed)
        cut()
    }

    var givesWay: Bool { isLeaving.load(ordering: .relaxed) }

    /// Ends the connection from outside: libmicrohttpd notices and closes it.
    func cut() {
        // Under the lock the descriptor is still ours: `closed` takes it away under the same lock before it is closed.
        state.withLock { state in
            if state.descriptor >= 0 { _ = shutdown(state.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Cuts a connection whose time is up. What a client does not take would stay with the kernel for many minutes, where
    /// nobody counts it: it is thrown away, unless the connection only waits for its next request.
    private func abort() {
        state.withLock { state in
            guard state.descriptor >= 0, !state.isIdle else { return }
            var option = linger(l_onoff: 1, l_linger: 0)
            _ = unsafe setsockopt(
                state.descriptor,
                SOL_SOCKET,
                SO_LINGER,
                &option,
                socklen_t(MemoryLayout<linger>.size)
            )
        }
        cut()
    }

    /// Answers past libmicrohttpd and ends the connection. On the thread of the socket, with nothing else being sent.
    func refuseAndCut(_ refusal: Refusal) {
        exchange.tell(refusal, on: self)
        let response = refusal.response(acceptsJSON: true)
        let head =
            "HTTP/1.1 \(response.status) \(refusal.phrase)\r\n"
            + "Connection: close\r\n"
            + "Content-Type: \(response.contentType ?? "text/plain")\r\nContent-Length: \(response.body.count)\r\n\r\n"
        let bytes = Array(head.utf8) + response.body
        if let tls {
            tls.send(bytes)
            return cut()
        }
        state.withLock { state in
            guard state.descriptor >= 0 else { return }
            unsafe bytes.withUnsafeBytes { bytes in
                _ = unsafe send(
                    state.descriptor,
                    bytes.baseAddress,
                    bytes.count,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                )
            }
        }
        cut()
    }

    /// Cuts a connection that only waits for its next request.
    func cutIfIdle() {
        if state.withLock({ $0.isIdle }) { cut() }
    }

    /// Called when libmicrohttpd is about to close the descriptor.
    func closed() {
        // A request line without a blank the library ends without an answer and without a callback: it closes, and the
        // client is still there. Over TLS that cannot be told from a handshake that has failed.
        if exchange.isFresh, tls == nil, !core.isStopping, !clientHasGone {
            exchange.tell(.malformed("the request line cannot be read"), on: self)
        }
        state.withLock { $0.descriptor = -1 }
        deadline.store(.max, ordering: .relaxed)
    }

    var clientHasGone: Bool {
        state.withLock { state in
            guard state.descriptor >= 0 else { return true }
            var query = pollfd(fd: state.descriptor, events: Int16(0x2000), revents: 0)  // POLLRDHUP, Linux only
            return unsafe poll(&query, 1, 0) > 0
        }
    }

    // MARK: Work

    func markBusy() {
        state.withLock { $0.isIdle = false }
        mustLook.store(true, ordering: .relaxed)
    }

    func markIdle() {
        hasServed.store(true, ordering: .relaxed)
        state.withLock { $0.isIdle = true }
        mustLook.store(true, ordering: .relaxed)
    }

    /// Suspends the connection and runs `respond` in a task. On the thread of the socket; false when the server has ended.
    func work(
        _ request: Request,
        reserved: Int,
        answerLimit: Duration?,
        _ respond: @escaping @Sendable (Request) async -> Response
    ) -> Bool {
        guard loop.suspend(handle) else { return false }
        setDeadline(answerLimit.map { UInt64(clamping: $0.nanoseconds) } ?? core.answerLimit)
        let turn = state.withLock { state in
            state.isWorking = true
            state.turn &+= 1
            return state.turn
        }
        loop.startSoon(Work(connection: self, turn: turn, request: request, reserved: reserved, respond: respond))
        return true
    }

    /// Starts the task of a suspended connection. On the thread of the socket.
    fileprivate func start(_ work: Work) {
        let task = Task(executorPreference: core.settings.executor) { [self] in
            let response = await work.respond(work.request)
            core.budget.give(back: work.reserved)
            finish(work.turn, response)
        }
        state.withLock { state in
            if state.isWorking, state.turn == work.turn { state.task = task }
        }
    }

    /// The answer that was made while the connection was suspended. On the thread of the socket.
    func takeAnswer() -> Response? {
        state.withLock { state in
            defer { state.answer = nil }
            return state.answer
        }
    }

    private func finish(_ turn: UInt64, _ response: Response) {
        let isOurs = state.withLock { state in
            guard state.isWorking, state.turn == turn else { return false }
            state.isWorking = false
            state.answer = response
            state.task = nil
            return true
        }
        if isOurs { resume() }
    }

    /// Answers in place of a handler that is still at work, and cancels its task; false where none is at work.
    @discardableResult
    func giveUp(_ refusal: Refusal) -> Bool {
        let (isOurs, task) = state.withLock { state -> (Bool, Task<Void, Never>?) in
            guard state.isWorking else { return (false, nil) }
            state.isWorking = false
            state.answer = refusal.response(acceptsJSON: true)
            state.answer?.closesConnection = true
            defer { state.task = nil }
            return (true, state.task)
        }
        guard isOurs else { return false }
        resume()
        task?.cancel()
        return true
    }

    /// Whoever changed `isWorking` from true to false calls this, once: until then nothing else resumes the connection.
    private func resume() {
        setDeadline(core.sendLimit)
        loop.finished(self)
    }
}

/// A whole request whose task is about to be started.
struct Work: Sendable {
    let connection: Connection
    /// The suspension it belongs to.
    let turn: UInt64
    let request: Request
    /// Bytes of the budget that are given back when the task has ended.
    let reserved: Int
    let respond: @Sendable (Request) async -> Response

    func start() { connection.start(self) }
}
