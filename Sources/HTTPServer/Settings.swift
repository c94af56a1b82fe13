// SPDX-License-Identifier: Apache-2.0
package import Concurrency

/// How a server listens and where it draws its lines.
package struct HTTPServerSettings: Sendable {
    package var listener: any Listener
    /// Threads that read and write sockets; the limits on connections are shared out among them. One moves ten times the
    /// requests that two cores can sign.
    package var threads = 1
    /// Where handlers run; nil is the shared pool.
    package var executor: (any TaskExecutor)?
    package var limits = Limits()
    package var deadlines = Deadlines()
    /// Without one nothing that is shown is understood.
    package var readCredential: CredentialReader?
    /// With one the port speaks TLS, and nothing else.
    package var tls: (any TLSSource)?

    /// Is told of every request that the server itself refuses, once, on the thread of the socket: it must not wait. Not of
    /// those whose handler was at work already; those are the handler's to tell of.
    package var refused: (@Sendable (RefusedRequest) -> Void)?

    /// Is told whether the threads of the sockets get their processors. Useful with one thread.
    package var starvation: Starvation?

    package init(listener: any Listener) { self.listener = listener }

    /// How many connections each of the threads has at most.
    var connectionsOfThread: Int { max(1, limits.connections / max(1, threads)) }

    /// Sizes and counts.
    package struct Limits: Sendable {
        /// Bytes of a request line and its fields together. At most 16 KiB: libmicrohttpd has 20 KiB a connection, and
        /// clears all of it after each request.
        package var headBytes = 16 * 1024
        /// Fields of one head.
        package var headFields = 100
        /// Bytes of one body where the route says nothing else.
        package var bodyBytes = 10 * 1024 * 1024
        /// Bytes of all bodies that are in memory at one time.
        package var bodyBudget = 128 * 1024 * 1024
        /// Open connections in all. Beyond it clients wait in the backlog, as they do when the process may open no more
        /// descriptors (`ulimit -n`).
        package var connections = 4096
        /// Open connections of one address. Below `connections`, so that one client cannot shut out a health check.
        package var connectionsPerAddress = 2048

        package init() {}
    }

    /// Limits in time. Each is counted from the start of its phase and nothing a client sends extends it.
    package struct Deadlines: Sendable {
        /// From the connection, or the request line of a later request, to the end of the head.
        package var head: Duration = .seconds(10)
        /// From the end of the head to the end of the body.
        package var body: Duration = .seconds(30)
        /// From the end of the body to the handler's answer; then the client gets 503 and the task is cancelled.
        package var answer: Duration = .seconds(30)
        /// From the answer to its last byte having been sent.
        package var send: Duration = .seconds(30)
        /// Between two requests.
        package var idle: Duration = .seconds(30)

        package init() {}
    }
}
