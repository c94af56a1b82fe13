// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A blocking connection to a port of 127.0.0.1 that says exactly the bytes it is told.
struct RawSocket: ~Copyable {
    private let descriptor: Int32

    init(port: UInt16) throws(Broken) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        // A wait for something that does not come is a failure, not a hang.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw Broken("port \(port) takes no connections (errno \(errno))") }
    }

    deinit { close(descriptor) }

    /// Sends all of it, or as much as the other side takes, and returns what comes back until the other side closes. It
    /// hears that this was all only when an answer has begun or none came for a while: to the server a client that has
    /// ended its side has left, and its request is dropped.
    ///
    /// - Parameter patience: milliseconds to wait for the beginning of an answer.
    func exchange(_ bytes: [UInt8], patience: Int32 = 100) throws(Broken) -> String {
        var sent = 0
        while sent < bytes.count {
            let rest = Array(bytes[sent...])
            let count = unsafe send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
            if count <= 0 { break }
            sent += count
        }
        var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&query, 1, patience)
        shutdown(descriptor, Int32(SHUT_WR))
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
            if count < 0, errno == EAGAIN { throw Broken("nothing came in a minute") }
            // The other side may reset where it closed over bytes that it did not read.
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += chunk[..<count]
        }
    }
}
