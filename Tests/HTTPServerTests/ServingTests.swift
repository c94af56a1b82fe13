// SPDX-License-Identifier: Apache-2.0
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(2)), .overBothTransports)
struct ServingTests {
    @Test func `a connection answers one request after another`() async throws {
        let handler = TestHandler()
        let bodies = try await withServer(handler) { address in
            let client = try RawClient(address)
            return try (0..<50).map { number in
                client.send(.request("POST", "/echo", body: "number \(number)"))
                return try client.reply()?.body
            }
        }
        #expect(bodies == (0..<50).map { "number \($0)" })
        #expect(handler.answered == 50)
    }

    @Test func `pipelined requests are answered in order`() async throws {
        let bodies = try await withServer(TestHandler()) { address in
            let client = try RawClient(address)
            client.send((0..<20).map { .request("POST", "/echo", body: "\($0)") }.joined())
            return try (0..<20).map { _ in try client.reply()?.body }
        }
        #expect(bodies == (0..<20).map { "\($0)" })
    }

    @Test func `a request that comes byte by byte is read`() async throws {
        let reply = try await withServer(TestHandler()) { address in
            let client = try RawClient(address)
            for byte in String.request("POST", "/a?b=c", body: "hello").utf8 { client.send([byte]) }
            return try client.reply()
        }
        #expect(reply?.status == 200)
        #expect(reply?.body == "hello")
    }

    @Test func `a chunked body is joined and the connection closes after it`() async throws {
        let handler = TestHandler()
        let replies = try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send(
                .request("POST", "/echo", "Transfer-Encoding: chunked\r\n")
                    + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" + .request("GET", "/second")
            )
            return try client.repliesUntilClosed()
        }
        #expect(replies.map(\.body) == ["abcde"])
        #expect(handler.answered == 1)
    }

    @Test func `the head shows what was sent`() async throws {
        let handler = TestHandler { head in
            let lines = [
                head.method.name, head.rawPath, head.rawQuery ?? "-", head.pathSegments?.joined(separator: "|") ?? "-",
                head.value(of: "x-one") ?? "-", head.values(of: "X-TWO").joined(separator: "|"),
                head.value(of: "x-none") ?? "-", head.query.map { "\($0.name)>\($0.value)" }.joined(separator: "|"),
                "\(head.peer)", "\(head.contentLength ?? -1)",
            ]
            return .answer(.text(lines.joined(separator: "\n")))
        }
        let reply = try await withServer(handler) { address in
            let client = try RawClient(address)
            client.send(
                .request(
                    "PUT",
                    "/a/b%20c?x=1&y=%20z&q",
                    "X-One: \t 1  \r\nx-two:2\r\nX-Two: 3\r\nX-Empty:\r\n",
                    body: "b"
                )
            )
            return try client.reply()
        }
        #expect(
            reply?.body.split(separator: "\n").map(String.init) == [
                "PUT", "/a/b%20c", "x=1&y=%20z&q", "a|b c", "1", "2|3", "-", "x>1|y> z|q>", "127.0.0.1", "1",
            ]
        )
    }

    @Test func `a fast answer comes while every worker is busy`() async throws {
        let gate = Gate()
        let handler = TestHandler { _ in await gate.wait() }
        let reply = try await withServer(handler) { address in
            let busy = try (0..<40).map { _ in try RawClient(address) }
            busy.forEach { $0.send(.request("POST", "/sign", body: "x")) }
            #expect(gate.waitForArrivals(40))
            let probe = try RawClient(address)
            probe.send(.request("GET", "/upcheck"))
            let reply = try probe.reply()
            gate.open()
            for client in busy { #expect(try client.reply()?.status == 200) }
            return reply
        }
        #expect(reply?.body == "OK")
    }
}
