// SPDX-License-Identifier: Apache-2.0
import Concurrency
import HTTPServer
import Testing

/// Every test waits for what the client sees; the limits that are not under test are far away.
@Suite(.timeLimit(.minutes(2)), .overBothTransports)
struct DeadlineTests {
    /// Sends `start`, then `drop` again and again until the other side has closed.
    private func trickle(_ address: BoundAddress, _ start: String, _ drop: String) throws -> String {
        let client = try RawClient(address)
        client.send(start)
        let (isDone, dropper) = (Condition(false), client.sender)
        let thread = Thread(name: "dropper") {
            while isDone.wait(timeout: .milliseconds(10), until: { $0 ? true : nil }) == nil {
                dropper.send(Array(drop.utf8))
            }
        }
        defer {
            isDone.broadcast { $0 = true }
            thread.join()
        }
        return try client.bytesUntilClosed()
    }

    @Test func `a head that trickles is cut`() async throws {
        let handler = TestHandler()
        let answer = try await withServer(handler) {
            $0.deadlines.head = .milliseconds(100)
        } _: { address in
            try trickle(address, "POST /a HTTP/1.1\r\nHost: l\r\nX: ", "x")
        }
        #expect(answer.isEmpty)
        #expect(handler.admitted == 0)
    }

    @Test func `a request line that trickles is cut`() async throws {
        let answer = try await withServer(TestHandler()) {
            $0.deadlines.head = .milliseconds(100)
        } _: { address in
            try trickle(address, "POST /", "a")
        }
        #expect(answer.isEmpty)
    }

    @Test func `a body that trickles is cut`() async throws {
        let handler = TestHandler()
        let answer = try await withServer(handler) {
            $0.deadlines.body = .milliseconds(100)
        } _: { address in
            try trickle(address, "POST /a HTTP/1.1\r\nHost: l\r\nContent-Length: 1000000\r\n\r\n", "b")
        }
        #expect(answer.isEmpty)
        #expect(handler.admitted == 1)
        #expect(handler.answered == 0)
    }

    @Test func `the head of a later request has its own limit`() async throws {
        let answer = try await withServer(TestHandler()) {
            // The handshake must be over in it too.
            $0.deadlines.head = .seconds(1)
        } _: { address in
            try trickle(address, .request("GET", "/upcheck") + "POST /a HTTP/1.1\r\nX: ", "x")
        }
        #expect(answer.hasPrefix("HTTP/1.1 200"))
        #expect(answer.hasSuffix("OK"))
    }

    @Test func `an idle connection is closed`() async throws {
        let replies = try await withServer(TestHandler()) {
            $0.deadlines.idle = .milliseconds(50)
        } _: { address in
            let client = try RawClient(address)
            client.send(.request("GET", "/upcheck"))
            return try client.repliesUntilClosed()
        }
        #expect(replies.map(\.status) == [200])
    }

    @Test func `a handler that takes too long is answered for, and cancelled`() async throws {
        let wasCancelled = Condition(false)
        let handler = TestHandler { _ in
            try? await Task.sleep(for: .seconds(600))
            wasCancelled.broadcast { $0 = Task.isCancelled }
        }
        try await withServer(handler) {
            $0.deadlines.answer = .milliseconds(50)
        } _: { address in
            let client = try RawClient(address)
            client.send(.request("POST", "/a", body: "x"))
            let replies = try client.repliesUntilClosed()
            #expect(replies.map(\.status) == [503])
            #expect(replies.first?.headers["retry-after"] == "1")
            #expect(wasCancelled.wait(timeout: .seconds(20)) { $0 ? true : nil } == true)
        }
    }

    @Test func `a route that may take longer than others is waited for`() async throws {
        let gate = Gate()
        let handler = TestHandler { head in
            .proceed(answerLimit: head.rawPath == "/slow" ? .seconds(60) : nil) { _ in
                await gate.wait()
                return .text("done")
            }
        }
        try await withServer(handler) {
            $0.deadlines.answer = .milliseconds(50)
        } _: { address in
            let slow = try RawClient(address)
            slow.send(.request("POST", "/slow", body: "x"))
            let other = try RawClient(address)
            other.send(.request("POST", "/other", body: "x"))
            #expect(try other.repliesUntilClosed().map(\.status) == [503])
            gate.open()
            #expect(try slow.reply()?.status == 200)
        }
    }

    @Test func `a late answer does not go to the next request`() async throws {
        let gate = Gate()
        let handler = TestHandler { request in if request.body == Array("slow".utf8) { await gate.wait() } }
        try await withServer(handler) {
            $0.deadlines.answer = .milliseconds(50)
        } _: { address in
            let slow = try RawClient(address)
            slow.send(.request("POST", "/a", body: "slow"))
            #expect(try slow.repliesUntilClosed().map(\.status) == [503])
            let others = try (0..<4).map { _ in try RawClient(address) }
            others.forEach { $0.send(.request("POST", "/a", body: "other")) }
            gate.open()
            for other in others { #expect(try other.reply()?.body != "slow") }
        }
    }

    @Test func `a client that does not read its answer is cut`() async throws {
        let size = 64 * 1024 * 1024
        let handler = TestHandler { _ in
            .proceed { _ in Response(status: 200, body: [UInt8](repeating: 0x61, count: size)) }
        }
        let received = try await withServer(handler) {
            $0.deadlines.send = .milliseconds(200)
        } _: { address in
            let client = try RawClient(address, receiveBuffer: 4096)
            client.send(.request("GET", "/a"))
            // The other side's end shows on the socket without reading what was sent.
            #expect(client.waitUntilOtherSideEnds())
            return try client.bytesUntilClosed().utf8.count
        }
        #expect(received < size)
    }
}
