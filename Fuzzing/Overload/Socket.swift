// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// A connection to a port of 127.0.0.1 that never waits unless it is told to.
final class Socket {
    let descriptor: Int32
    private(set) var isClosed = false
    /// Head and body of the answer that was taken last.
    private(set) var lastAnswer: [UInt8] = []
    private var buffer: [UInt8] = []

    /// Nil where the connection is refused.
    ///
    /// - Parameter client: which of the addresses 127.0.0.1 to 127.0.0.255 it comes from.
    init?(port: UInt16, from client: UInt8 = 1) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = (0x7f00_0000 + UInt32(client)).bigEndian
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard client == 1 || bound == 0 else { return nil }
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { return nil }
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func send(_ bytes: [UInt8]) {
        let count = unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        if count < 0, errno != EAGAIN { isClosed = true }
    }

    /// The status of the next answer, where it is there.
    func answer() -> Int? {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count < 0 { break }
            guard count > 0 else {
                isClosed = true
                break
            }
            buffer += chunk[..<count]
            if count < chunk.count { break }
        }
        return takeAnswer()
    }

    /// Waits for the status of the next answer; nil at the end of the connection, or after the patience.
    func awaitAnswer(milliseconds: Int32) -> Int? {
        let end = MonotonicClock.nanoseconds + UInt64(milliseconds) * 1_000_000
        while true {
            if let status = answer() { return status }
            let now = MonotonicClock.nanoseconds
            guard !isClosed, now < end else { return nil }
            var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&query, 1, Int32((end - now) / 1_000_000) + 1)
        }
    }

    private func takeAnswer() -> Int? {
        guard let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
        let lengthField = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        let length = lengthField.flatMap { Int($0.dropFirst(15).filter(\.isNumber)) } ?? 0
        guard buffer.count >= end.upperBound + length else { return nil }
        lastAnswer = Array(buffer[..<(end.upperBound + length)])
        buffer.removeFirst(end.upperBound + length)
        return Int(head.dropFirst(9).prefix(3))
    }
}

/// Times of answers, in nanoseconds.
struct Times {
    private var values: [UInt64] = []
    /// Counted, not timed.
    private var untimed = 0

    mutating func add(_ value: UInt64) { values.append(value) }
    mutating func add(_ other: Times) { values += other.values }
    mutating func addUntimed() { untimed += 1 }
    var count: Int { values.count + untimed }

    /// The time that `share` of all stay below, in milliseconds.
    func milliseconds(_ share: Double) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1_000_000
    }
    var p99: Double { milliseconds(0.99) }
    var longest: Double { milliseconds(1) }
}

/// One client that asks for one signature after another and notes how long each takes.
enum ValidClient {
    static func run(
        _ signer: LoadedSigner,
        key: Int,
        until end: UInt64,
        pause: UInt32 = 2000,
        headers: String = ""
    ) throws -> Times {
        guard var socket = Socket(port: signer.port) else { throw Broken("the valid client was not let in") }
        var (times, slot) = (Times(), key * 1_000_000)
        while MonotonicClock.nanoseconds < end {
            if socket.isClosed, let next = Socket(port: signer.port) { socket = next }
            slot += 1
            let began = MonotonicClock.nanoseconds
            socket.send(Bodies.request(signer.keys[key], slot: slot, headers: headers))
            guard let status = socket.awaitAnswer(milliseconds: 30_000) else { throw Broken("no answer in 30 s") }
            guard status == 200 else { throw Broken("the valid client got \(status)") }
            times.add(MonotonicClock.nanoseconds - began)
            usleep(pause)
        }
        return times
    }
}
