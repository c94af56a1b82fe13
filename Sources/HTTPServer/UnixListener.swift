// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A Unix socket that only the owner of the process can open (mode 0600). What a dead process left at the path is
/// removed; a living one is not disturbed.
package struct UnixListener: Listener {
    package var path: String
    package var backlog: Int32

    package init(path: String, backlog: Int32 = 128) {
        self.path = path
        self.backlog = backlog
    }

    package func open() throws(HTTPServerError) -> ListeningSocket {
        let name = "\(BoundAddress.unix(path: path))"
        let address = try socketAddress()
        try removeStale(address, name)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0, unsafe call(bind, descriptor, address) == 0 else {
            throw ListeningSocket.refused(descriptor, name)
        }
        // Before `listen` nobody can connect, so there is no moment at which the mode is too wide. The umask would do
        // it too, but belongs to the whole process.
        guard unsafe chmod(path, 0o600) == 0 else { throw ListeningSocket.refused(descriptor, name) }
        try ListeningSocket.listening(descriptor, name, backlog: backlog)
        return ListeningSocket(descriptor: descriptor, address: .unix(path: path)) { [path] in
            unsafe unlink(path)
        }
    }

    private func socketAddress() throws(HTTPServerError) -> sockaddr_un {
        var address = sockaddr_un()
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < capacity, !bytes.contains(0) else {
            throw .unusableSocketPath(path, reason: "a path has 1 to \(capacity - 1) bytes and no zero byte")
        }
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return address
    }

    /// Removes a socket nobody listens on. Anything else at the path is somebody's file.
    private func removeStale(_ address: sockaddr_un, _ name: String) throws(HTTPServerError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .unusableSocketPath(path, reason: "a file that is no socket stands there")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        guard unsafe call(connect, probe, address) != 0, errno == ECONNREFUSED else { throw .addressInUse(name) }
        unsafe unlink(path)
    }

    private func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32,
        _ descriptor: Int32,
        _ address: sockaddr_un
    ) -> Int32 {
        var address = address
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe function(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
