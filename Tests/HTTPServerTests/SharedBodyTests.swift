// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPServer
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct SharedBodyTests {
    @Test func `a shared body comes whole, to one client after another`() async throws {
        let body = (0..<300_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let handler = Self.handler(SharedBody(body), body)
        let bodies = try await withServer(handler) { address in
            let client = try RawClient(address)
            return try (0..<3).map { _ in
                client.send(.request("GET", "/"))
                return try client.reply()?.body
            }
        }
        #expect(bodies == Array(repeating: String(decoding: body, as: UTF8.self), count: 3))
    }

    @Test func `it is freed with its last answer, also where nobody read that`() async throws {
        weak var freed: SharedBody?
        try await {
            let shared = SharedBody([UInt8](repeating: 7, count: 8 << 20))
            freed = shared
            _ = try await withServer(Self.handler(shared, [])) { address in
                for _ in 0..<4 {
                    let client = try RawClient(address)
                    client.send(.request("GET", "/"))
                }
            }
        }()
        // The threads of the server end a moment after it has stopped.
        let end = ContinuousClock.now + .seconds(30)
        while freed != nil, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(10)) }
        #expect(freed == nil)
    }

    @Test func `clients that do not read hold no copies`() async throws {
        let size = 16 << 20
        let shared = SharedBody([UInt8](repeating: 7, count: size))
        let before = try Self.residentBytes()
        let during = try await withServer(Self.handler(shared, [])) { address in
            let clients = try (0..<32).map { _ in try RawClient(address) }
            for client in clients { client.send(.request("GET", "/")) }
            // Whoever is answered after them is answered when theirs are on their way.
            let last = try RawClient(address)
            last.send(.request("GET", "/nothing"))
            _ = try last.reply()
            return try withExtendedLifetime(clients) { try Self.residentBytes() }
        }
        #expect(during - before < 8 * size, "\(during - before) bytes for 32 answers of \(size)")
    }

    private static func handler(_ shared: SharedBody, _ body: [UInt8]) -> TestHandler {
        TestHandler { head in
            head.rawPath == "/"
                ? .answer(Response(status: 200, contentType: "text/plain", body: body, shared: shared))
                : .answer(.text("nothing"))
        }
    }

    /// Pages of this process that lie in memory (proc(5), statm).
    private static func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
    }
}
