// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(10)), .overBothTransports)
struct LoadTests {
    /// 128 events in one go is where libmicrohttpd's own threads stand still.
    @Test(arguments: [1, 2])
    func `hundreds of clients that ask together are all answered, again and again`(_ threads: Int) async throws {
        let handler = TestHandler()
        let wrong = try await withServer(handler) {
            $0.threads = threads
        } _: { address in
            let clients = try (0..<384).map { _ in try RawClient(address) }
            var wrong = 0
            for round in 0..<20 {
                for (number, client) in clients.enumerated() {
                    client.send(.request("POST", "/a", body: "\(round) \(number)"))
                }
                for (number, client) in clients.enumerated() where try client.reply()?.body != "\(round) \(number)" {
                    wrong += 1
                }
            }
            return wrong
        }
        #expect(wrong == 0)
        #expect(handler.answered == 20 * 384)
    }

    @Test func `clients on many threads each get their own answers`() async throws {
        let handler = TestHandler { _ in await Task.yield() }
        try await withServer(handler) {
            $0.threads = 2
        } _: { address in
            let failures = Lock(0)
            let threads = (0..<8).map { number in
                Thread(name: "client") {
                    guard let client = try? RawClient(address) else { return failures.withLock { $0 += 1 } }
                    for round in 0..<300 {
                        client.send(.request("POST", "/a", body: "\(number) \(round)"))
                        if (try? client.reply())?.body != "\(number) \(round)" { failures.withLock { $0 += 1 } }
                    }
                }
            }
            threads.forEach { $0.join() }
            #expect(failures.withLock { $0 } == 0)
        }
        #expect(handler.answered == 8 * 300)
    }

    @Test func `connections come and go without leaving memory behind`() async throws {
        try await withServer(TestHandler()) { address in
            // A handshake in each round costs what ten plain connections do.
            let connections = TestTLS.speaks(address) ? 300 : 1500
            func round() throws {
                for _ in 0..<connections {
                    let client = try RawClient(address)
                    client.send(.request("POST", "/a?x=1", body: String(repeating: "x", count: 2000)))
                    _ = try client.reply()
                }
            }
            try round()
            // Other tests of this process take and free memory meanwhile; what is lost grows with every round.
            let growths = try (0..<5).map { _ in
                let before = residentBytes()
                try round()
                return residentBytes() - before
            }
            // 1,500 connections of 24 KiB would be 36 MB, 300 with a session of TLS half as much.
            #expect(growths.sorted()[2] < 8 << 20)
        }
    }

    @Test func `hundreds of slow clients keep nobody from an answer, and are cut`() async throws {
        let handler = TestHandler()
        let (good, cut) = try await withServer(handler) { settings in
            settings.deadlines.head = .seconds(3)
            settings.deadlines.body = .seconds(3)
        } _: { address in
            let slow = try (0..<300).map { number in
                let client = try RawClient(address)
                let head = "POST /a HTTP/1.1\r\nHost: l\r\n"
                client.send(number % 6 == 0 ? head + "Content-Length: 10000000\r\n\r\na" : head + "X-")
                return client
            }
            var good = 0
            let client = try RawClient(address)
            for _ in 0..<100 {
                for slow in slow.prefix(3) { slow.send("a") }
                client.send(.request("POST", "/a", body: "x"))
                if try client.reply()?.status == 200 { good += 1 }
            }
            return (good, try slow.map { try $0.bytesUntilClosed() })
        }
        #expect(good == 100 && handler.answered == 100)
        #expect(cut.allSatisfy { !$0.contains(" 200 ") })
    }

    /// `CHAMBER_MALFORMED_REQUESTS` asks for more than the 5,000 of an ordinary run.
    @Test func `thousands of mutated requests neither crash the server nor get a 5xx`() async throws {
        // A handshake takes longer than most of these requests, and fewer of them.
        let (share, limit) = Transport.current == .tls ? (10, Duration.seconds(1)) : (1, .milliseconds(20))
        let wanted = ProcessInfo.processInfo.environment["CHAMBER_MALFORMED_REQUESTS"].flatMap(Int.init) ?? 5_000
        let count = wanted / share
        let handler = TestHandler { head in
            _ = (head.pathSegments, head.query, head.acceptsJSON, head.accepts("text/plain"), head.values(of: "x-a"))
            return .proceed { request in .text("\(request.body.count)") }
        }
        try await withServer(handler) { settings in
            settings.deadlines.head = limit
            settings.deadlines.body = limit
            settings.deadlines.idle = limit
        } _: { address in
            let requests = Lock((mutator: Mutator(seed: 0x5eed), left: count))
            let failures = Lock([String]())
            let threads = (0..<8).map { _ in
                Thread(name: "client") {
                    while let bytes = requests.withLock({ $0.left > 0 ? ($0.left -= 1, $0.mutator.next()).1 : nil }) {
                        if let failure = Self.failure(bytes, address) { failures.withLock { $0.append(failure) } }
                    }
                }
            }
            threads.forEach { $0.join() }
            #expect(failures.withLock { $0 } == [])
            let client = try RawClient(address)
            client.send(.request("POST", "/a", body: "alive"))
            #expect(try client.reply()?.body == "5")
        }
    }

    /// What is wrong with the answer to some bytes; nil when nothing is.
    private static func failure(_ bytes: [UInt8], _ address: BoundAddress) -> String? {
        do {
            let client = try RawClient(address)
            client.send(bytes)
            client.finishSending()
            let answer = try client.bytesUntilClosed()
            let heads = answer.components(separatedBy: "HTTP/1.1 ").dropFirst()
            let isWrong = heads.contains { $0.hasPrefix("5") }
            return isWrong ? "\(String(decoding: bytes, as: UTF8.self).debugDescription): \(answer)" : nil
        } catch {
            return "\(String(decoding: bytes, as: UTF8.self).debugDescription): \(error)"
        }
    }

    private func residentBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (Int(text.split(separator: " ")[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// Well-formed requests with a few bytes changed, always the same for one seed.
struct Mutator {
    private var state: UInt64

    private static let seeds: [[UInt8]] =
        Ambiguous.all.map(\.bytes).filter { $0.count < 1000 }
        + [
            String.request("GET", "/upcheck"),
            .request("POST", "/a/b%20c?x=%41&y", "Accept: */*\r\nCookie: a=b\r\n", body: "{}"),
            .request("POST", "/a", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\nX: y\r\n\r\n",
            .request("GET", "/a") + .request("GET", "/b"),
        ].map { Array($0.utf8) }

    private static let pieces: [[UInt8]] = [
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", ",", ";", "%", "%00", "%2e%2e", "Content-Length: 1\r\n", "chunked",
        "Host: x\r\n",
        "Transfer-Encoding: chunked\r\n", "-", "+", "0x", "99999999999999999999", "HTTP/1.0", "Connection: close\r\n",
        "\u{ff}", "?", "&=",
    ].map { Array($0.utf8) }

    init(seed: UInt64) { state = seed }

    mutating func next() -> [UInt8] {
        var bytes = Mutator.seeds[number(Mutator.seeds.count)]
        for _ in 0...number(4) {
            let position = number(bytes.count + 1)
            switch number(5) {
            case 0: if position < bytes.count { bytes[position] = UInt8(number(256)) }
            case 1: if position < bytes.count { bytes.remove(at: position) }
            case 2: bytes.insert(contentsOf: Mutator.pieces[number(Mutator.pieces.count)], at: position)
            case 3: bytes.removeLast(bytes.count - position)
            default:
                let end = min(bytes.count, position + number(40))
                bytes.insert(contentsOf: bytes[position..<end], at: number(bytes.count + 1))
            }
        }
        return bytes
    }

    /// Below `bound`; xorshift.
    private mutating func number(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(max(1, bound)))
    }
}
