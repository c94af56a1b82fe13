// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc

/// An answer as it came over the socket.
struct HTTPAnswer: Sendable, Equatable {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    let body: String

    /// The stable code of a JSON refusal.
    var errorCode: String? {
        struct Document: Decodable {
            struct Content: Decodable { let code: String }
            let error: Content
        }
        return (try? JSONDecoder().decode(Document.self, from: Data(body.utf8)))?.error.code
    }

    /// The body as a JSON object.
    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }
}

/// A blocking socket that says exactly the bytes it is told. Only on a thread of its own: see `onThread`.
final class HTTPConnection {
    struct Failure: Error, CustomStringConvertible { let description: String }

    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// Connects to a port of 127.0.0.1. A wait of more than half a minute is an error instead of a hang.
    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            throw Failure(description: "no connection to port \(port)")
        }
        limitWaits()
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Connects to a Unix socket.
    init(unixSocket path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        precondition(bytes.count < 108, "a path that fits into sockaddr_un")
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw Failure(description: "no connection to \(path)") }
        limitWaits()
    }

    private func limitWaits() {
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Sends all of it; throws where the other side has closed.
    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { raw in
                unsafe Glibc.send(
                    descriptor,
                    raw.baseAddress.map { unsafe $0 + sent },
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count <= 0 { throw Failure(description: "the other side has closed") }
            sent += count
        }
    }

    /// The next whole answer; nil when the connection ended before one.
    func answer() throws -> HTTPAnswer? {
        while true {
            if let answer = takeAnswer() { return answer }
            if try !fill() { return nil }
        }
    }

    /// Sends a request with one `Host` and waits for its answer.
    func exchange(
        _ method: String,
        _ target: String,
        _ headers: [String] = [],
        body: String? = nil,
        host: String = "localhost"
    ) throws -> HTTPAnswer {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n"
        for header in headers { text += header + "\r\n" }
        if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
        try send(text + "\r\n" + (body ?? ""))
        guard let answer = try answer() else { throw Failure(description: "closed without an answer") }
        return answer
    }

    /// Reads once; false at the end.
    private func fill() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 16384)
        let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
        if count < 0, errno == EAGAIN { throw Failure(description: "nothing came in thirty seconds") }
        guard count > 0 else { return false }
        buffer += chunk[..<count]
        return true
    }

    private func takeAnswer() -> HTTPAnswer? {
        guard let head = buffer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: buffer[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        guard let status = Int(lines[0].dropFirst("HTTP/1.1 ".count).prefix(3)) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces
            )
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard buffer.count >= head.upperBound + length else { return nil }
        let body = String(decoding: buffer[head.upperBound..<(head.upperBound + length)], as: UTF8.self)
        buffer.removeFirst(head.upperBound + length)
        return HTTPAnswer(status: status, headers: headers, body: body)
    }
}

/// Runs blocking work on a thread of its own, so that the pool stays free.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        _ = Concurrency.Thread(name: "test-client", stackSize: 1 << 20) {
            continuation.resume(with: Result { try body() })
        }
    }
}
