// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc
import HTTPServer

/// A blocking socket that says exactly the bytes it is told. Only on a thread of its own: see `onThread`.
final class RawClient {
    struct Failure: Error, CustomStringConvertible { let description: String }

    struct Reply: Equatable, Sendable {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    let descriptor: Int32
    /// Nil where the port speaks plain HTTP.
    let tls: TLSSession?
    private var buffer: [UInt8] = []
    /// The other side has closed, orderly or with a reset.
    private(set) var isClosed = false

    /// Speaks TLS to the ports of `TestTLS.ports`, unless it is told not to.
    init(_ address: BoundAddress, receiveBuffer: Int32? = nil, speaksTLS: Bool = true) throws {
        let descriptor: Int32
        switch address {
        case .unix(let path): descriptor = try RawClient.connectUnix(path)
        default: descriptor = try RawClient.connectTCP(address.port ?? 0, receiveBuffer)
        }
        // A wait for something that does not come ends the test with an error instead of hanging it.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        self.descriptor = descriptor
        let isTLS = speaksTLS && TestTLS.speaks(address)
        tls = isTLS ? try TLSSession.open(descriptor) : nil
    }

    /// A client that shows a certificate, or speaks in a way of its own.
    init(
        _ address: BoundAddress,
        identity: (certificate: String, key: String)?,
        priorities: String = "NORMAL"
    ) throws {
        descriptor = try RawClient.connectTCP(address.port ?? 0, nil)
        tls = try TLSSession.open(descriptor, identity: identity, priorities: priorities)
    }

    deinit { close(descriptor) }

    /// Sends all of it, or as much as the other side takes before it closes.
    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) { sender.send(bytes) }

    /// For a thread that sends while another receives.
    var sender: Sender { Sender(descriptor: descriptor, tls: tls) }

    struct Sender: Sendable {
        let descriptor: Int32
        let tls: TLSSession?

        func send(_ bytes: [UInt8]) {
            if let tls { tls.send(bytes) } else { RawClient.send(descriptor, bytes) }
        }
    }

    private static func send(_ descriptor: Int32, _ bytes: [UInt8]) {
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
            if count <= 0 { return }
            sent += count
        }
    }

    func finishSending() {
        tls?.finishSending()
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Waits without reading until the other side has ended the connection; false after twenty seconds.
    func waitUntilOtherSideEnds() -> Bool {
        var query = pollfd(fd: descriptor, events: Int16(0x2000), revents: 0)  // POLLRDHUP
        return unsafe poll(&query, 1, 20_000) == 1
    }

    /// The next whole reply; nil when the connection ended before one.
    func reply() throws -> Reply? {
        while true {
            if let reply = takeReply() { return reply.status == 100 ? try self.reply() : reply }
            if try !fill() { return nil }
        }
    }

    /// Everything until the other side closes, as replies. Bytes that are no whole reply throw.
    func repliesUntilClosed() throws -> [Reply] {
        var replies: [Reply] = []
        while let reply = try reply() { replies.append(reply) }
        guard buffer.isEmpty else {
            throw Failure(description: "not a reply: \(String(decoding: buffer.prefix(300), as: UTF8.self))")
        }
        return replies
    }

    /// Everything until the other side closes.
    func bytesUntilClosed() throws -> String {
        while try fill() {}
        return String(decoding: buffer, as: UTF8.self)
    }

    /// Reads once; false at the end.
    private func fill() throws -> Bool {
        if isClosed { return false }
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = unsafe tls?.receive(&chunk) ?? recv(descriptor, &chunk, chunk.count, 0)
        if count > 0 {
            buffer += chunk[..<count]
            return true
        }
        if count < 0, errno == EAGAIN { throw Failure(description: "nothing came in twenty seconds") }
        isClosed = true
        return false
    }

    private func takeReply() -> Reply? {
        guard let headEnd = buffer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: buffer[..<headEnd.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        guard lines[0].hasPrefix("HTTP/1.1 "), let status = Int(lines[0].dropFirst(9).prefix(3)) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        let length = Int(headers["content-length"] ?? "0") ?? 0
        guard buffer.count >= headEnd.upperBound + length else { return nil }
        let body = String(decoding: buffer[headEnd.upperBound..<(headEnd.upperBound + length)], as: UTF8.self)
        buffer.removeFirst(headEnd.upperBound + length)
        return Reply(status: status, headers: headers, body: body)
    }

    private static func connectTCP(_ port: UInt16, _ receiveBuffer: Int32?) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        // The end of a handshake is not acknowledged at once, and would hold the request back.
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return try checked(code, descriptor)
    }

    private static func connectUnix(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return try checked(code, descriptor)
    }

    private static func checked(_ code: Int32, _ descriptor: Int32) throws -> Int32 {
        if code == 0 { return descriptor }
        close(descriptor)
        throw Failure(description: "could not connect")
    }
}

/// Runs blocking work on a thread of its own, so that the pool stays free for the server's tasks.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        _ = Thread(name: "test-client", stackSize: 1 << 20) { continuation.resume(with: Result { try body() }) }
    }
}
