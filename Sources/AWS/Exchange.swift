// SPDX-License-Identifier: Apache-2.0
internal import CAWS
internal import Concurrency

/// One request and its answer, once: sign, take a connection, send, receive, all before a deadline.
///
/// Every step of the library ends in a callback, which begins the next step. A reference to the exchange travels with each
/// callback that is still to come, so it lives until the last of them, whether or not anybody still waits for the outcome.
@safe final class Exchange: @unchecked Sendable {
    // Sound: `state` is touched under the lock. Everything else is written by one step and read by later ones, and a step
    // begins after the one before it has ended; the callbacks of a stream come one after the other on the loop's thread.

    /// What became of it.
    enum Outcome: Sendable {
        case answered(status: Int, body: AnswerBody)
        case noCredentials(reason: String)
        /// Not the whole of the request left this process, so it cannot have had an effect.
        case notSent(reason: String)
        /// It was sent, and what was answered is not known.
        case unclear(reason: String)
    }

    private enum Step {
        case signing, connecting, sending
    }

    @safe private struct State: @unchecked Sendable {
        // Sound: the stream is released only on the loop's thread, where the deadline that may cancel it runs too.
        var step = Step.signing
        var waiting: CheckedContinuation<Outcome, Never>?
        var isCalledOff = false
        var stream: OpaquePointer?
        var hasDeadline = true
    }

    private let request: Request
    private let signer: RequestSigner
    private let pool: ConnectionPool
    private let loop: OpaquePointer
    private let limit: Duration
    private let state: Lock<State>
    /// `start` and `deadline`; the loop keeps their addresses.
    private let tasks: UnsafeMutablePointer<aws_task>

    private var message: RequestMessage?
    private var connection: OpaquePointer?
    private let received: AnswerBody
    private var wasSent = false

    private init(
        _ request: Request,
        expectingSecret: Bool,
        signer: RequestSigner,
        pool: ConnectionPool,
        runtime: AWSRuntime,
        within limit: Duration
    ) {
        self.request = request
        received = AnswerBody(isSecret: expectingSecret)
        self.signer = signer
        self.pool = pool
        self.limit = limit
        unsafe loop = runtime.loop
        state = Lock(State())
        unsafe tasks = .allocate(capacity: 2)
        unsafe tasks.initialize(repeating: aws_task(), count: 2)
    }

    deinit {
        unsafe tasks.deinitialize(count: 2)
        unsafe tasks.deallocate()
    }

    /// Returns within `limit`, whatever the other side does.
    ///
    /// - Parameters:
    ///   - expectingSecret: whether the answer is collected in secret memory alone.
    ///   - endsEarly: whether it returns at once where the task is called off: for what changes nothing, and is not needed then.
    static func run(
        _ request: Request,
        expectingSecret: Bool,
        signer: RequestSigner,
        pool: ConnectionPool,
        runtime: AWSRuntime,
        within limit: Duration,
        endsEarly: Bool
    ) async -> Outcome {
        let exchange = Exchange(
            request,
            expectingSecret: expectingSecret,
            signer: signer,
            pool: pool,
            runtime: runtime,
            within: limit
        )
        return await withTaskCancellationHandler {
            await withCheckedContinuation { exchange.begin($0) }
        } onCancel: {
            if endsEarly { exchange.callOff() }
        }
    }

    /// A reference for a callback that is still to come.
    private var retained: UnsafeMutableRawPointer { unsafe Unmanaged.passRetained(self).toOpaque() }

    private static func taken(_ pointer: UnsafeMutableRawPointer?) -> Exchange? {
        unsafe pointer.map { unsafe Unmanaged<Exchange>.fromOpaque($0).takeRetainedValue() }
    }

    private static func borrowed(_ pointer: UnsafeMutableRawPointer?) -> Exchange? {
        unsafe pointer.map { unsafe Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Moves everything to the loop's thread: looking up credentials may read files.
    private func begin(_ waiting: CheckedContinuation<Outcome, Never>) {
        let isCalledOff = state.withLock { state in
            if !state.isCalledOff { state.waiting = waiting }
            return state.isCalledOff
        }
        guard !isCalledOff else { return waiting.resume(returning: .notSent(reason: Self.calledOff)) }
        let deadline = unsafe tasks + 1
        unsafe aws_task_init(
            deadline,
            { _, exchange, status in
                unsafe Exchange.taken(exchange)?.expire(isDue: status == AWS_TASK_STATUS_RUN_READY)
            },
            retained,
            "deadline"
        )
        unsafe aws_task_init(
            tasks,
            { _, exchange, _ in unsafe Exchange.taken(exchange)?.sign() },
            retained,
            "request"
        )
        var now: UInt64 = 0
        unsafe aws_event_loop_current_clock_time(loop, &now)
        unsafe aws_event_loop_schedule_task_future(loop, deadline, now &+ UInt64(clamping: limit.nanoseconds))
        unsafe aws_event_loop_schedule_task_now(loop, tasks)
    }

    private func sign() {
        guard let message = RequestMessage(request) else { return finish(.notSent(reason: lastError())) }
        self.message = message
        let isStarted = unsafe signer.sign(message, context: retained) { result, code, exchange in
            unsafe Exchange.taken(exchange)?.connect(signature: result, code)
        }
        guard !isStarted else { return }
        let reason = lastError()
        unsafe Unmanaged.passUnretained(self).release()
        finish(.noCredentials(reason: reason))
    }

    private func connect(signature: UnsafeMutablePointer<aws_signing_result>?, _ code: Int32) {
        guard let message, let signature = unsafe signature, code == 0 else {
            return finish(.noCredentials(reason: describe(code)))
        }
        guard unsafe message.apply(signature) else { return finish(.notSent(reason: lastError())) }
        let goesOn = state.withLock { state in
            state.step = .connecting
            return state.waiting != nil
        }
        guard goesOn else { return }
        unsafe aws_http_connection_manager_acquire_connection(
            pool.handle,
            { connection, code, exchange in unsafe Exchange.taken(exchange)?.send(over: connection, code) },
            retained
        )
    }

    private func send(over connection: OpaquePointer?, _ code: Int32) {
        guard let connection = unsafe connection else { return finish(.notSent(reason: describe(code))) }
        unsafe self.connection = connection
        guard state.withLock({ $0.waiting != nil }), let stream = unsafe makeStream(on: connection) else {
            let reason = lastError()
            unsafe aws_http_connection_manager_release_connection(pool.handle, connection)
            return finish(.notSent(reason: reason))
        }
        state.withLock { state in
            state.step = .sending
            unsafe state.stream = stream
        }
        guard unsafe aws_http_stream_activate(stream) != AWS_OP_SUCCESS else { return }
        // A stream that was not activated calls nobody back.
        complete(aws_last_error())
        unsafe Unmanaged.passUnretained(self).release()
    }

    private func makeStream(on connection: OpaquePointer) -> OpaquePointer? {
        var options = unsafe aws_http_make_request_options()
        unsafe options.self_size = MemoryLayout<aws_http_make_request_options>.size
        unsafe options.request = message?.handle
        unsafe options.user_data = retained
        unsafe options.on_response_body = { _, data, exchange in
            guard let data = unsafe data, let exchange = unsafe Exchange.borrowed(exchange) else { return AWS_OP_ERR }
            guard unsafe exchange.receive(data.pointee) else {
                return aws_raise_error(Int32(AWS_ERROR_SHORT_BUFFER.rawValue))
            }
            return AWS_OP_SUCCESS
        }
        unsafe options.on_metrics = { _, metrics, exchange in
            guard let metrics = unsafe metrics, let exchange = unsafe Exchange.borrowed(exchange) else { return }
            // -1 stands for what has not happened. A request that lacks its end is no request to the other side.
            exchange.wasSent = unsafe metrics.pointee.send_end_timestamp_ns != -1
        }
        unsafe options.on_complete = { _, code, exchange in unsafe Exchange.taken(exchange)?.complete(code) }
        let stream = unsafe aws_http_connection_make_request(connection, &options)
        if unsafe stream == nil { unsafe Unmanaged.passUnretained(self).release() }
        return unsafe stream
    }

    /// False for an answer that has no end.
    private func receive(_ data: aws_byte_cursor) -> Bool {
        unsafe received.append(UnsafeRawBufferPointer(start: data.ptr, count: data.len))
    }

    private func complete(_ code: Int32) {
        let stream = unsafe state.withLock { state in
            let stream = unsafe state.stream
            unsafe state.stream = nil
            return unsafe stream
        }
        var status: Int32 = 0
        unsafe aws_http_stream_get_incoming_response_status(stream, &status)
        unsafe aws_http_stream_release(stream)
        unsafe aws_http_connection_manager_release_connection(pool.handle, connection)
        if code == 0 {
            finish(.answered(status: Int(status), body: received))
        } else if received.isTooLarge {
            finish(.unclear(reason: "the answer has more than \(received.limit) bytes"))
        } else {
            finish(wasSent ? .unclear(reason: describe(code)) : .notSent(reason: describe(code)))
        }
    }

    /// The first outcome counts.
    private func finish(_ outcome: Outcome) {
        let isOnLoop = unsafe aws_event_loop_thread_is_callers_thread(loop)
        let (waiting, mayCancel) = state.withLock { state in
            let taken = (state.waiting, isOnLoop && state.hasDeadline)
            state.waiting = nil
            if isOnLoop { state.hasDeadline = false }
            return taken
        }
        waiting?.resume(returning: outcome)
        // Only the loop's own thread may cancel; elsewhere the deadline passes by itself and finds nobody.
        if mayCancel { unsafe aws_event_loop_cancel_task(loop, tasks + 1) }
    }

    private static let calledOff = "the call was called off"

    /// Nobody needs the answer any more. What is under way ends by itself, at the deadline at the latest.
    private func callOff() {
        let step = state.withLock { state in
            state.isCalledOff = true
            return state.step
        }
        switch step {
        case .signing, .connecting: finish(.notSent(reason: Self.calledOff))
        case .sending: finish(.unclear(reason: Self.calledOff))
        }
    }

    /// The deadline has come, or was called off.
    private func expire(isDue: Bool) {
        let (step, stream) = unsafe state.withLock { state in
            state.hasDeadline = false
            return unsafe (state.step, state.stream)
        }
        let limit = "within \(limit.nanoseconds / 1_000_000) ms"
        switch step {
        case .signing: finish(.noCredentials(reason: "none came \(limit)"))
        case .connecting: finish(.notSent(reason: "no connection \(limit)"))
        case .sending: finish(.unclear(reason: "no answer \(limit)"))
        }
        if isDue, let stream = unsafe stream { unsafe aws_http_stream_cancel_default_error(stream) }
    }
}
