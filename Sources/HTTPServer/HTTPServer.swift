// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// An HTTP/1.1 server over libmicrohttpd. It refuses every request whose framing has two readings before anyone sees it,
/// keeps all its time limits itself, and runs handlers in tasks while its own threads only move bytes.
package final class HTTPServer: Sendable {
    private let core: ServerCore
    private let state = Lock(State.new)

    private enum State {
        case new
        case open(ListeningSocket)
        case running(Running)
        case stopped
    }

    package init(_ settings: HTTPServerSettings, handler: any HTTPHandler) {
        core = ServerCore(settings, handler)
    }

    /// Opens the port without serving: clients that connect wait until `start`, or for a process that gives up the right
    /// to listen in between.
    package func open() throws(HTTPServerError) {
        try state.withLock { (state) throws(HTTPServerError) in
            guard case .new = state else { throw .alreadyStarted }
            state = .open(try core.settings.listener.open())
        }
    }

    /// Starts to serve. The address is the one really bound: with port 0 the system has chosen it.
    package func start() throws(HTTPServerError) -> BoundAddress {
        try state.withLock { (state) throws(HTTPServerError) -> BoundAddress in
            let socket: ListeningSocket
            switch state {
            case .new: socket = try core.settings.listener.open()
            case .open(let opened):
                socket = opened
                // Where serving fails, the socket is closed there.
                state = .new
            case .running, .stopped: throw .alreadyStarted
            }
            let running = try core.start(on: socket)
            state = .running(running)
            return running.socket.address
        }
    }

    /// Stops accepting, refuses what is new on open connections (503), lets what is under way finish for at most `drain`,
    /// then answers the rest with 503, cancels its tasks and ends. Returns true when nothing had to be given up. Safe to
    /// call twice; the second call returns at once.
    @discardableResult
    package func stop(drain: Duration) async -> Bool {
        let previous = state.withLock { state in
            defer { state = .stopped }
            return state
        }
        if case .open(let socket) = previous {
            close(socket.descriptor)
            socket.cleanUp()
        }
        guard case .running(let running) = previous else { return true }
        // Stopping waits for threads, so it has one of its own.
        return await withCheckedContinuation { continuation in
            _ = Thread(name: "http-stop") { [core] in
                continuation.resume(returning: core.stop(running, drain: drain))
            }
        }
    }
}

/// What a running server consists of.
private struct Running {
    let socket: ListeningSocket
    let loops: [(EventLoop, Thread)]
    let watch: Thread
}

extension ServerCore {
    fileprivate func start(on socket: ListeningSocket) throws(HTTPServerError) -> Running {
        var loops: [(EventLoop, Thread)] = []
        do throws(HTTPServerError) {
            // Each loop has its own descriptor for the one socket, and closes it.
            var descriptors = [socket.descriptor]
            while descriptors.count < settings.threads { descriptors.append(dup(socket.descriptor)) }
            for (number, descriptor) in descriptors.enumerated() {
                let loop = try EventLoop(core: self, descriptor: descriptor)
                loops.append((loop, loop.start("http-\(number)")))
            }
        } catch {
            for (loop, thread) in loops {
                loop.enter(.ended)
                thread.join()
            }
            socket.cleanUp()
            throw error
        }
        return Running(socket: socket, loops: loops, watch: deadlines.start())
    }

    fileprivate func stop(_ running: Running, drain: Duration) -> Bool {
        beginStopping()
        for (loop, _) in running.loops { loop.enter(.quiet) }
        deadlines.connections().forEach { $0.cutIfIdle() }
        let finished = waitUntilIdle(drain)
        for (loop, _) in running.loops { loop.enter(.ended) }
        for (_, thread) in running.loops { thread.join() }
        deadlines.stop()
        running.watch.join()
        running.socket.cleanUp()
        return finished
    }
}
