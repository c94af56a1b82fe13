// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(2)))
struct LifeTests {
    private func settings(_ listener: any Listener = TCPListener(host: "127.0.0.1", port: 0)) -> HTTPServerSettings {
        HTTPServerSettings(listener: listener)
    }

    @Test func `stopping lets a request under way finish and accepts no other`() async throws {
        let gate = Gate()
        let handler = TestHandler { _ in await gate.wait() }
        let server = HTTPServer(settings(), handler: handler)
        let address = try server.start()
        let client = try await onThread {
            let client = UncheckedClient(try RawClient(address))
            client.raw.send(.request("POST", "/a", body: "under way"))
            _ = gate.waitForArrivals(1)
            return client
        }
        async let stopped = server.stop(drain: .seconds(20))
        // The listening socket goes first: when nobody can connect any more, stopping has begun.
        try await onThread { while (try? RawClient(address)) != nil {} }
        gate.open()
        #expect(await stopped)
        let replies = try await onThread { try client.raw.repliesUntilClosed() }
        #expect(replies.map(\.body) == ["under way"])
    }

    @Test func `stopping gives up what does not finish in time`() async throws {
        let gate = Gate()
        let server = HTTPServer(settings(), handler: TestHandler { _ in await gate.wait() })
        let address = try server.start()
        let clients = try await onThread {
            let clients = try (0..<10).map { _ in UncheckedClient(try RawClient(address)) }
            clients.forEach { $0.raw.send(.request("POST", "/a", body: "x")) }
            _ = gate.waitForArrivals(10)
            return clients
        }
        #expect(await server.stop(drain: .milliseconds(1)) == false)
        let statuses = try await onThread { try clients.flatMap { try $0.raw.repliesUntilClosed().map(\.status) } }
        #expect(statuses == Array(repeating: 503, count: 10))
        gate.open()
    }

    @Test func `stopping ends idle connections and half requests`() async throws {
        let server = HTTPServer(settings(), handler: TestHandler())
        let address = try server.start()
        let clients = try await onThread {
            let clients = try (0..<3).map { _ in UncheckedClient(try RawClient(address)) }
            clients[0].raw.send(.request("GET", "/upcheck"))
            clients[1].raw.send("POST /a HTTP/1.1\r\nHo")
            clients[2].raw.send("POST /a HTTP/1.1\r\nHost: l\r\nContent-Length: 5\r\n\r\nab")
            _ = try clients[0].raw.reply()
            return clients
        }
        await server.stop(drain: .milliseconds(10))
        let rest = try await onThread { try clients.map { try $0.raw.bytesUntilClosed() } }
        #expect(rest[0].isEmpty)
        #expect(await server.stop(drain: .zero))
    }

    @Test func `the port is free again after stopping`() async throws {
        let first = HTTPServer(settings(), handler: TestHandler())
        let port = try #require(try first.start().port)
        await first.stop(drain: .zero)
        let second = HTTPServer(settings(TCPListener(host: "127.0.0.1", port: port)), handler: TestHandler())
        #expect(try second.start().port == port)
        await second.stop(drain: .zero)
    }

    @Test func `a port in use is named`() async throws {
        let first = HTTPServer(settings(), handler: TestHandler())
        let port = try #require(try first.start().port)
        let second = HTTPServer(settings(TCPListener(host: "127.0.0.1", port: port)), handler: TestHandler())
        let error = #expect(throws: HTTPServerError.self) { try second.start() }
        #expect(error == .addressInUse("127.0.0.1:\(port)"))
        #expect(error?.description.contains("127.0.0.1:\(port) is in use") == true)
        await first.stop(drain: .zero)
    }

    @Test(arguments: ["203.0.113.7", "no such host"])
    func `an address of another machine is named`(_ host: String) throws {
        let server = HTTPServer(settings(TCPListener(host: host, port: 0)), handler: TestHandler())
        let error = #expect(throws: HTTPServerError.self) { try server.start() }
        guard case .addressUnknown(let address, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(address == "\(host):0")
    }

    @Test func `starting twice is refused`() async throws {
        let server = HTTPServer(settings(), handler: TestHandler())
        _ = try server.start()
        #expect(throws: HTTPServerError.alreadyStarted) { try server.start() }
        await server.stop(drain: .zero)
    }

    @Test func `a Unix socket serves its owner only and is removed at the end`() async throws {
        let path = "/tmp/chamber-http-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        let server = HTTPServer(
            settings(UnixListener(path: path)),
            handler: TestHandler { head in .answer(.text("\(head.peer)")) }
        )
        let address = try server.start()
        #expect(address == .unix(path: path))
        var status = stat()
        #expect(unsafe stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        let reply = try await onThread {
            let client = try RawClient(address)
            client.send(.request("GET", "/a"))
            return try client.reply()
        }
        #expect(reply?.body == "local")
        let second = HTTPServer(settings(UnixListener(path: path)), handler: TestHandler())
        #expect(throws: HTTPServerError.addressInUse("unix:\(path)")) { try second.start() }
        await server.stop(drain: .zero)
        #expect(unsafe lstat(path, &status) != 0)
    }

    @Test func `a port that is open answers nobody before it serves`() async throws {
        let path = NSTemporaryDirectory() + "open-\(UUID().uuidString.prefix(8))"
        let handler = TestHandler()
        let server = HTTPServer(settings(UnixListener(path: path)), handler: handler)
        try server.open()
        #expect(throws: HTTPServerError.alreadyStarted) { try server.open() }
        let client = try await onThread {
            let client = UncheckedClient(try RawClient(.unix(path: path)))
            client.raw.send(.request("POST", "/a", body: "early"))
            return client
        }
        #expect(handler.admitted == 0)
        #expect(try server.start() == .unix(path: path))
        let body = try await onThread { try client.raw.reply()?.body }
        #expect(body == "early")
        await server.stop(drain: .seconds(5))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `a port that was only opened is closed when it stops`() async throws {
        let path = NSTemporaryDirectory() + "open-\(UUID().uuidString.prefix(8))"
        let server = HTTPServer(settings(UnixListener(path: path)), handler: TestHandler())
        try server.open()
        #expect(await server.stop(drain: .zero))
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(throws: HTTPServerError.alreadyStarted) { try server.start() }
    }

    @Test func `a Unix socket that nobody serves is replaced, a file is not`() async throws {
        let path = "/tmp/chamber-http-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        let abandoned = try UnixListener(path: path).open()
        close(abandoned.descriptor)
        let server = HTTPServer(settings(UnixListener(path: path)), handler: TestHandler())
        _ = try server.start()
        await server.stop(drain: .zero)
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        defer { unsafe unlink(path) }
        let other = HTTPServer(settings(UnixListener(path: path)), handler: TestHandler())
        #expect(throws: HTTPServerError.self) { try other.start() }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
    }

    @Test func `a handler can see that its client has gone`() async throws {
        let (gate, seen) = (Gate(), Condition([Bool]()))
        let handler = TestHandler { request in
            seen.broadcast { $0.append(request.clientHasGone) }
            await gate.wait()
            // The client closes before it opens the gate, and the kernel has told us by then: it is the same machine.
            seen.broadcast { $0.append(request.clientHasGone) }
        }
        try await withServer(handler) { address in
            do {
                let client = try RawClient(address)
                client.send(.request("POST", "/a", body: "x"))
                #expect(gate.waitForArrivals(1))
            }
            gate.open()
            let both = seen.wait(timeout: .seconds(20)) { $0.count == 2 ? $0 : nil }
            #expect(both == [false, true])
        }
    }

    @Test func `tasks run on the executor of the settings`() async throws {
        let executor = CountingExecutor()
        try await withServer(TestHandler()) {
            $0.executor = executor
        } _: { address in
            let client = try RawClient(address)
            client.send(.request("POST", "/a", body: "x"))
            #expect(try client.reply()?.status == 200)
        }
        #expect(executor.jobs.withLock { $0 } > 0)
    }
}

/// A client that moves from one thread to the next; only one has it at a time.
struct UncheckedClient: @unchecked Sendable {
    let raw: RawClient
    init(_ raw: RawClient) { self.raw = raw }
}

/// Runs every job on a thread of its own and counts.
final class CountingExecutor: TaskExecutor {
    let jobs = Lock(0)

    func enqueue(_ job: consuming ExecutorJob) {
        jobs.withLock { $0 += 1 }
        let job = UnownedJob(job)
        _ = Thread(name: "job") { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
