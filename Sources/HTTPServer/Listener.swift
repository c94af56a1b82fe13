// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Where a server listens. The server takes its listening descriptor through this, so that a TCP port, a Unix socket or
/// vsock are one file each.
package protocol Listener: Sendable {
    /// Opens a bound, listening, non-blocking, close-on-exec descriptor.
    func open() throws(HTTPServerError) -> ListeningSocket
}

/// An open listening descriptor and what is to be done when it has been closed.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    package let address: BoundAddress
    /// Called once after the descriptor was closed; removes what the listener left in the file system.
    package let cleanUp: @Sendable () -> Void

    package init(descriptor: Int32, address: BoundAddress, cleanUp: @escaping @Sendable () -> Void = {}) {
        self.descriptor = descriptor
        self.address = address
        self.cleanUp = cleanUp
    }
}

/// The address that was really bound: with port 0 the one the system chose.
package enum BoundAddress: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    case unix(path: String)
    case other(String)

    /// The port, where there is one.
    package var port: UInt16? {
        if case .tcp(_, let port) = self { port } else { nil }
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .other(let text): text
        }
    }
}

extension ListeningSocket {
    /// Makes the descriptor listen, or closes it and says why not.
    static func listening(
        _ descriptor: Int32,
        _ name: String,
        backlog: Int32
    ) throws(HTTPServerError) {
        if chamber_prepare_descriptor(descriptor, 1) == 0, Glibc.listen(descriptor, backlog) == 0 { return }
        throw refused(descriptor, name)
    }

    /// Closes the descriptor and turns `errno` into an error.
    static func refused(_ descriptor: Int32, _ name: String) -> HTTPServerError {
        let code = errno
        if descriptor >= 0 { close(descriptor) }
        switch code {
        case EADDRINUSE: return .addressInUse(name)
        case EACCES, EPERM, EROFS: return .addressForbidden(name)
        case EADDRNOTAVAIL: return .addressUnknown(name, reason: systemMessage(code))
        default: return .cannotListen(name, reason: systemMessage(code))
        }
    }
}

/// The system's text for an error number.
func systemMessage(_ code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
}
