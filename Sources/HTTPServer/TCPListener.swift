// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A TCP port. `host` is an address (`127.0.0.1`, `::1`, `0.0.0.0`) or a name that resolves to one of this machine;
/// port 0 lets the system choose.
package struct TCPListener: Listener {
    package var host: String
    package var port: UInt16
    package var backlog: Int32

    package init(host: String, port: UInt16, backlog: Int32 = 1024) {
        self.host = host
        self.port = port
        self.backlog = backlog
    }

    package func open() throws(HTTPServerError) -> ListeningSocket {
        let name = "\(BoundAddress.tcp(host: host, port: port))"
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0, let first = unsafe list else {
            throw .addressUnknown(name, reason: unsafe String(cString: gai_strerror(code)))
        }
        defer { unsafe freeaddrinfo(first) }
        let descriptor = unsafe socket(first.pointee.ai_family, first.pointee.ai_socktype, first.pointee.ai_protocol)
        guard descriptor >= 0 else { throw ListeningSocket.refused(descriptor, name) }
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
            throw ListeningSocket.refused(descriptor, name)
        }
        try ListeningSocket.listening(descriptor, name, backlog: backlog)
        return ListeningSocket(descriptor: descriptor, address: .tcp(host: host, port: boundPort(of: descriptor)))
    }

    private func boundPort(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe getsockname(descriptor, address, &length)
            }
        }
        guard code == 0 else { return port }
        return unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe PeerAddress(address).port ?? port
            }
        }
    }
}
