// SPDX-License-Identifier: Apache-2.0
internal import CEpoll
internal import Glibc

/// Many keep-alive connections on one thread over epoll: little work of its own, so that the server gets the processors.
final class LoadClient {
    private var connections: [ClientConnection] = []
    private let poller: Int32
    private var numbers = [UInt32](repeating: 0, count: 64)

    init(port: UInt16, connections count: Int, speaksTLS: Bool = false) throws(BenchmarkFailure) {
        poller = epoll_create1(0)
        guard poller >= 0 else { throw BenchmarkFailure("epoll_create1 failed (error \(errno))") }
        for number in 0..<count {
            let connection = try ClientConnection(port: port, speaksTLS: speaksTLS)
            connections.append(connection)
            guard chamber_epoll_add(poller, connection.descriptor, UInt32(number)) == 0 else {
                throw BenchmarkFailure("epoll_ctl failed (error \(errno))")
            }
        }
    }

    deinit {
        for connection in connections { close(connection.descriptor) }
        if poller >= 0 { close(poller) }
    }

    /// One request on each connection, all at once. The time from sending each to its whole answer, in nanoseconds, and
    /// the bodies. Anything but 200 fails.
    func burst(_ requests: [[UInt8]]) throws(BenchmarkFailure) -> (latencies: [Double], bodies: [[UInt8]]) {
        precondition(requests.count == connections.count, "a burst has one request for each connection")
        var sent = [UInt64](repeating: 0, count: requests.count)
        var latencies = [Double](repeating: 0, count: requests.count)
        for (number, request) in requests.enumerated() {
            sent[number] = Clock.monotonic
            try connections[number].send(request)
        }
        var open = requests.count
        while open > 0 {
            for number in try ready() where try connections[number].receive() {
                latencies[number] = Double(Clock.monotonic - sent[number])
                open -= 1
            }
        }
        return (latencies, connections.map(\.body))
    }

    /// Keeps one request under way on each connection; `next` makes the one for a connection. How many were answered
    /// with 200; anything else fails.
    func keepBusy(
        for nanoseconds: UInt64,
        next: (Int) throws(BenchmarkFailure) -> [UInt8]
    ) throws(BenchmarkFailure) -> Int {
        let end = Clock.monotonic + nanoseconds
        for number in connections.indices { try connections[number].send(try next(number)) }
        var open = connections.count
        var answered = 0
        while open > 0 {
            for number in try ready() where try connections[number].receive() {
                answered += 1
                if Clock.monotonic < end {
                    try connections[number].send(try next(number))
                } else {
                    open -= 1
                }
            }
        }
        return answered
    }

    /// The connections that have something to read; never waits longer than the server may take for an answer.
    private func ready() throws(BenchmarkFailure) -> [Int] {
        let count = unsafe chamber_epoll_wait(poller, &numbers, 40_000)
        guard count > 0 else { throw BenchmarkFailure("no answer within 40 seconds") }
        return numbers.prefix(Int(count)).map { Int($0) }
    }
}

/// One connection and the answer that is arriving on it.
private struct ClientConnection {
    let descriptor: Int32
    /// Nil where plain HTTP is spoken.
    private let tls: TLSClient?
    private var answer: [UInt8] = []
    private var bodyStart = 0
    private var total = 0

    init(port: UInt16, speaksTLS: Bool) throws(BenchmarkFailure) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw BenchmarkFailure("port \(port) does not take connections (error \(errno))") }
        var one: Int32 = 1
        unsafe setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_NODELAY,
            &one,
            socklen_t(MemoryLayout<Int32>.size)
        )
        self.descriptor = descriptor
        tls = speaksTLS ? try TLSClient(descriptor) : nil
    }

    /// The body of the answer that has arrived.
    var body: [UInt8] { Array(answer[bodyStart..<total]) }

    mutating func send(_ request: [UInt8]) throws(BenchmarkFailure) {
        answer.removeAll(keepingCapacity: true)
        bodyStart = 0
        total = 0
        // A request is far below what the socket's buffer takes.
        let sent = unsafe tls?.send(request) ?? Glibc.send(descriptor, request, request.count, 0)
        guard sent == request.count else {
            throw BenchmarkFailure("a request could not be sent (error \(errno))")
        }
    }

    /// Takes what has come; true when the answer is whole.
    mutating func receive() throws(BenchmarkFailure) -> Bool {
        try unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2048) {
            (buffer: UnsafeMutableBufferPointer<UInt8>) throws(BenchmarkFailure) in
            repeat {
                let count = unsafe tls?.receive(buffer) ?? recv(descriptor, buffer.baseAddress, buffer.count, 0)
                guard count > 0 else { throw BenchmarkFailure("the server closed a connection") }
                unsafe answer.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[..<count]))
            } while tls?.holdsMore == true
        }
        if total == 0 { try readHead() }
        return total > 0 && answer.count >= total
    }

    private mutating func readHead() throws(BenchmarkFailure) {
        guard let end = find(Array("\r\n\r\n".utf8), from: 0) else { return }
        guard answer.starts(with: "HTTP/1.1 200".utf8) else {
            throw BenchmarkFailure("the server answered \(String(decoding: answer, as: UTF8.self))")
        }
        guard let field = find(Array("Content-Length: ".utf8), from: 0), field < end else {
            throw BenchmarkFailure("an answer without Content-Length")
        }
        var length = 0
        for byte in answer[(field + 16)...] {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { break }
            length = length * 10 + Int(byte - UInt8(ascii: "0"))
        }
        bodyStart = end + 4
        total = bodyStart + length
    }

    private func find(_ needle: [UInt8], from start: Int) -> Int? {
        var position = start
        while position + needle.count <= answer.count {
            if answer[position] == needle[0], answer[position..<(position + needle.count)].elementsEqual(needle) {
                return position
            }
            position += 1
        }
        return nil
    }
}
