// SPDX-License-Identifier: Apache-2.0

/// What can keep a server from listening. Nothing that a client sends ends here: that becomes an answer (`Refusal`).
package enum HTTPServerError: Error, Equatable, CustomStringConvertible {
    /// Another process listens there already.
    case addressInUse(String)
    /// The operating system forbids this process to listen there: a port below 1024, or a folder it may not write to.
    case addressForbidden(String)
    /// The address is not one of this machine, or is not an address at all.
    case addressUnknown(String, reason: String)
    /// Listening failed for another reason; `reason` is the system's text.
    case cannotListen(String, reason: String)
    /// The path of a Unix socket is longer than the system's 107 bytes, or something that is no socket stands there.
    case unusableSocketPath(String, reason: String)
    /// libmicrohttpd did not start: too few descriptors, threads or memory.
    case cannotStart(String)
    /// `start` was called twice.
    case alreadyStarted

    package var description: String {
        switch self {
        case .addressInUse(let address):
            "\(address) is in use by another process: stop it, or listen elsewhere"
        case .addressForbidden(let address):
            "this process may not listen on \(address): choose a port above 1023, or a folder it may write to"
        case .addressUnknown(let address, let reason):
            "\(address) is no address of this machine (\(reason)): use one that `ip address` shows"
        case .cannotListen(let address, let reason):
            "listening on \(address) failed: \(reason)"
        case .unusableSocketPath(let path, let reason):
            "the socket path \(path) cannot be used: \(reason)"
        case .cannotStart(let reason):
            "the HTTP server did not start: \(reason)"
        case .alreadyStarted:
            "the HTTP server was started already"
        }
    }
}
