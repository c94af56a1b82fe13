// SPDX-License-Identifier: Apache-2.0
import Concurrency
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(2)), .overBothTransports)
struct LimitTests {
    @Test func `a body that is announced too large is refused before it is sent`() async throws {
        let handler = TestHandler(bodyLimit: 1000)
        let replies = try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send("POST /a HTTP/1.1\r\nHost: l\r\nContent-Length: 1000000\r\n\r\n")
            return try client.repliesUntilClosed()
        }
        #expect(replies.map(\.status) == [413])
        #expect(handler.answered == 0)
    }

    @Test func `a body slightly too large is refused and the connection stays usable`() async throws {
        let handler = TestHandler(bodyLimit: 10)
        let statuses = try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send(.request("POST", "/a", body: "01234567890"))
            client.send(.request("POST", "/a", body: "0123456789"))
            return [try client.reply()?.status, try client.reply()?.status]
        }
        #expect(statuses == [413, 200])
        #expect(handler.answered == 1)
    }

    @Test func `a chunked body that grows too large is refused and the connection closed`() async throws {
        let handler = TestHandler(bodyLimit: 1000)
        let replies = try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send(.request("POST", "/a", "Transfer-Encoding: chunked\r\n"))
            for _ in 0..<20 { client.send("64\r\n\(String(repeating: "x", count: 100))\r\n") }
            client.send("0\r\n\r\n")
            return try client.repliesUntilClosed()
        }
        #expect(replies.map(\.status) == [413])
        #expect(handler.answered == 0)
    }

    @Test func `a chunked body without end is cut`() async throws {
        let handler = TestHandler(bodyLimit: 1000)
        try await withServer(handler) {
            $0.limits.bodyBytes = 50_000
        } _: { address in
            let client = try RawClient(address)
            client.send(.request("POST", "/a", "Transfer-Encoding: chunked\r\n"))
            let chunk = "3e8\r\n\(String(repeating: "x", count: 1000))\r\n"
            for _ in 0..<1000 { client.send(chunk) }
            _ = try client.bytesUntilClosed()
        }
        #expect(handler.answered == 0)
    }

    @Test func `a body of the full default size arrives whole`() async throws {
        let size = 10 * 1024 * 1024
        let count = try await withServer(TestHandler()) { address in
            let client = try RawClient(address)
            let sender = Thread(name: "sender") { [sender = client.sender] in
                sender.send(Array("POST /a HTTP/1.1\r\nHost: l\r\nContent-Length: \(size)\r\n\r\n".utf8))
                sender.send([UInt8](repeating: 0x61, count: size))
            }
            let reply = try client.reply()
            sender.join()
            return reply?.body.utf8.count
        }
        #expect(count == size)
    }

    @Test func `bodies beyond the shared budget are answered 503 with Retry-After until memory is free`() async throws {
        let gate = Gate()
        let handler = TestHandler { request in if request.body.count > 1000 { await gate.wait() } }
        let body = String(repeating: "x", count: 40_000)
        try await withServer(handler) {
            $0.limits.bodyBudget = 100_000
        } _: { address in
            let first = try RawClient(address)
            let second = try RawClient(address)
            first.send(.request("POST", "/a", body: body))
            second.send(.request("POST", "/a", body: body))
            #expect(gate.waitForArrivals(2))
            let third = try RawClient(address)
            third.send(.request("POST", "/a", body: body))
            let refused = try third.reply()
            #expect(refused?.status == 503)
            #expect(refused?.headers["retry-after"] == "1")
            third.send(.request("POST", "/a", body: "small"))
            #expect(try third.reply()?.status == 200)
            gate.open()
            #expect(try first.reply()?.status == 200)
            #expect(try second.reply()?.status == 200)
            for _ in 0..<10 {
                third.send(.request("POST", "/a", body: body))
                #expect(try third.reply()?.status == 200)
            }
        }
    }

    @Test func `what a broken request had reserved is given back`() async throws {
        try await withServer(TestHandler()) {
            $0.limits.bodyBudget = 50_000
        } _: { address in
            for _ in 0..<5 {
                let client = try RawClient(address)
                client.send("POST /a HTTP/1.1\r\nHost: l\r\nContent-Length: 40000\r\n\r\nabc")
                client.finishSending()
                _ = try client.bytesUntilClosed()
            }
            let client = try RawClient(address)
            client.send(.request("POST", "/a", body: String(repeating: "x", count: 40_000)))
            #expect(try client.reply()?.status == 200)
        }
    }

    @Test func `one address cannot have more connections than its share`() async throws {
        try await withServer(TestHandler()) {
            $0.limits.connectionsPerAddress = 3
        } _: { address in
            let clients = try (0..<3).map { _ in try RawClient(address) }
            for client in clients {
                client.send(.request("GET", "/upcheck"))
                #expect(try client.reply()?.status == 200)
            }
            // Over TLS it ends within the handshake.
            let fourth = try? RawClient(address)
            fourth?.send(.request("GET", "/upcheck"))
            #expect(try fourth?.reply() == nil)
        }
    }

    @Test func `clients that never finish a request shut nobody out, and not those that have`() async throws {
        try await withServer(TestHandler()) {
            $0.limits.connections = 64
            $0.limits.connectionsPerAddress = 64
        } _: { address in
            let served = try RawClient(address)
            served.send(.request("GET", "/upcheck"))
            #expect(try served.reply()?.status == 200)
            var crowd: [RawClient] = []
            for _ in 0..<200 {
                // One that gives way within its handshake is gone as well.
                guard let client = try? RawClient(address) else { continue }
                client.send(Array("GET /upcheck HTTP/1.1\r\nHost: l\r\nX-".utf8))
                crowd.append(client)
            }
            let late = try RawClient(address)
            late.send(.request("GET", "/upcheck"))
            #expect(try late.reply()?.status == 200)
            served.send(.request("GET", "/upcheck"))
            #expect(try served.reply()?.status == 200)
            #expect(crowd.count > 100)
        }
    }

    @Test func `a refusal from the head leaves the connection usable`() async throws {
        let handler = TestHandler { head in
            head.rawPath == "/closed" ? .answer(.text("no", status: 403)) : .answer(.text("yes"))
        }
        let statuses = try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send(.request("POST", "/closed", body: "abc") + .request("GET", "/open"))
            return [try client.reply()?.status, try client.reply()?.status]
        }
        #expect(statuses == [403, 200])
    }

    @Test func `what is shed is answered without the work and leaves the connection usable`() async throws {
        let isFlooded = Lock(true)
        let handler = TestHandler { _ in
            let shed: Shedding = { head, body in
                isFlooded.withLock { $0 } && head.rawPath == "/a" && body == Array("duty".utf8)
                    ? .text("flooded", status: 503) : nil
            }
            return .proceed(shed: shed) { request in
                .text(String(decoding: request.body, as: UTF8.self))
            }
        }
        try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send(.request("POST", "/a", body: "duty"))
            #expect(try client.reply()?.status == 503)
            #expect(handler.answered == 0)
            client.send(.request("POST", "/a", body: "block"))
            #expect(try client.reply()?.body == "block")
            isFlooded.withLock { $0 = false }
            client.send(.request("POST", "/a", body: "duty"))
            #expect(try client.reply()?.body == "duty")
            isFlooded.withLock { $0 = true }
            client.send(.request("POST", "/a", "Transfer-Encoding: chunked\r\n") + "4\r\nduty\r\n0\r\n\r\n")
            #expect(try client.reply()?.status == 503)
            #expect(handler.answered == 2)
        }
    }

    @Test func `a refused request that waits for leave to send its body is answered at once`() async throws {
        let handler = TestHandler { _ in .answer(.text("no", status: 403)) }
        let replies = try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send("POST /a HTTP/1.1\r\nHost: l\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            return try client.repliesUntilClosed()
        }
        #expect(replies.map(\.status) == [403])
    }
}
