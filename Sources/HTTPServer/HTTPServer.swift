// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// An HTTP/1.1 server over libmicrohttpd. It refuses every request whose framing has two readings before anyone sees it,
/// keeps all its time limits itself, and runs handlers in tasks while its own threads only move bytes.
package final class HTTPServer: Sendable {
    private let core: ServerCore
    private let state = Lock(State.new)

    private enum State {
        case new
        case running(Daemon, ListeningSocket, watch: Thread)
        case stopped
    }

    package init(_ settings: HTTPServerSettings, handler: any HTTPHandler) {
        core = ServerCore(settings, handler)
    }

    /// Starts to serve. The address is the one really bound: with port 0 the system has chosen it.
    package func start() throws(HTTPServerError) -> BoundAddress {
        try state.withLock { (state) throws(HTTPServerError) -> BoundAddress in
            guard case .new = state else { throw .alreadyStarted }
            let socket = try core.settings.listener.open()
            do throws(HTTPServerError) {
                let daemon = try Daemon(core: core, descriptor: socket.descriptor)
                state = .running(daemon, socket, watch: core.deadlines.start())
            } catch {
                socket.cleanUp()
                throw error
            }
            return socket.address
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
        guard case .running(let daemon, let socket, let watch) = previous else { return true }
        // Stopping waits for threads, so it has one of its own.
        return await withCheckedContinuation { continuation in
            _ = Thread(name: "http-stop") { [core] in
                continuation.resume(returning: core.stop(daemon, socket, watch, drain: drain))
            }
        }
    }
}

extension ServerCore {
    fileprivate func stop(_ daemon: Daemon, _ socket: ListeningSocket, _ watch: Thread, drain: Duration) -> Bool {
        enter(.draining)
        daemon.quiesce()
        socket.cleanUp()
        deadlines.connections().forEach { $0.cutIfIdle() }
        let finished = waitUntilIdle(drain)
        enter(.ended)
        resumeAll()
        daemon.stop()
        deadlines.stop()
        watch.join()
        return finished
    }
}
