// SPDX-License-Identifier: Apache-2.0
import Concurrency
import HTTPServer

/// A handler made of closures that counts how often a request got through to it.
final class TestHandler: HTTPHandler {
    private let decide: @Sendable (RequestHead) -> Admission
    private let counts = Lock((admitted: 0, answered: 0))

    init(_ decide: @escaping @Sendable (RequestHead) -> Admission) { self.decide = decide }

    /// Answers every request with its body, after `work`.
    convenience init(bodyLimit: Int? = nil, work: @escaping @Sendable (Request) async -> Void = { _ in }) {
        self.init { head in
            if head.rawPath == "/upcheck" { return .answer(.text("OK")) }
            return .proceed(bodyLimit: bodyLimit) { request in
                await work(request)
                return Response(status: 200, contentType: "application/octet-stream", body: request.body)
            }
        }
    }

    /// How many heads came through the framing checks.
    var admitted: Int { counts.withLock { $0.admitted } }
    /// How many whole requests came through to the work.
    var answered: Int { counts.withLock { $0.answered } }

    func admit(_ head: RequestHead) -> Admission {
        counts.withLock { $0.admitted += 1 }
        let decision = decide(head)
        guard case .proceed(let limit, let answerLimit, let shed, let respond) = decision else { return decision }
        return .proceed(bodyLimit: limit, answerLimit: answerLimit, shed: shed) { [self] request in
            counts.withLock { $0.answered += 1 }
            return await respond(request)
        }
    }
}

/// Starts a server on a free port of this machine, runs `body` with its address on a thread, and stops it.
func withServer<Value: Sendable>(
    _ handler: TestHandler,
    _ change: (inout HTTPServerSettings) -> Void = { _ in },
    _ body: @escaping @Sendable (BoundAddress) throws -> Value
) async throws -> Value {
    var settings = HTTPServerSettings(listener: TCPListener(host: "127.0.0.1", port: 0))
    change(&settings)
    if Transport.current == .tls, settings.listener is TCPListener, settings.tls == nil {
        settings.tls = try TestTLS.shared.get().source
    }
    let server = HTTPServer(settings, handler: handler)
    let address = try server.start()
    if settings.tls != nil, let port = address.port { TestTLS.ports.withLock { _ = $0.insert(port) } }
    defer { if let port = address.port { TestTLS.ports.withLock { _ = $0.remove(port) } } }
    do {
        let value = try await onThread { try body(address) }
        await server.stop(drain: .seconds(5))
        return value
    } catch {
        await server.stop(drain: .zero)
        throw error
    }
}

/// A gate that tasks wait at until a test opens it.
final class Gate: Sendable {
    private let state = Lock((isOpen: false, waiters: [CheckedContinuation<Void, Never>]()))
    private let arrivals = Condition(0)

    func wait() async {
        arrivals.withLock { $0 += 1 }
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        waiters.forEach { $0.resume() }
    }

    /// Blocks until `count` tasks have come to the gate; false after twenty seconds.
    func waitForArrivals(_ count: Int) -> Bool {
        arrivals.wait(timeout: .seconds(20)) { $0 >= count ? true : nil } ?? false
    }
}

extension String {
    /// A request with one `Host`.
    static func request(_ method: String, _ target: String, _ headers: String = "", body: String = "") -> String {
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        return "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\(headers)\(length)\r\n\(body)"
    }
}
