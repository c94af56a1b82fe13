// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// Where a service answers: a scheme, a host, perhaps a port, no more. In plain text only this machine is asked.
package struct ServiceEndpoint: Sendable, Hashable {
    /// As it was written.
    package let url: String
    package let port: UInt16

    struct Failure: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    init(_ text: String) throws(Failure) {
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://") else {
            throw Failure("it begins with neither https:// nor http://")
        }
        let authority = text.dropFirst(isSecure ? 8 : 7)
        var (host, port) = (authority, isSecure ? UInt16(443) : 80)
        // Behind the bracket of an IPv6 address, or the only colon.
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[authority.index(after: colon)...]
            guard digits.utf8.allSatisfy({ $0 &- 0x30 < 10 }), let number = UInt16(digits), number > 0 else {
                throw Failure("its port is not a number from 1 to 65535")
            }
            (host, port) = (authority[..<colon], number)
        }
        guard HostName.isValid(String(host)), !host.contains("_") else {
            throw Failure("it has to be a scheme, a host and perhaps a port, no more")
        }
        let isLocal =
            host == "localhost" || host == "[::1]" || (host.hasPrefix("127.") && IPAddress.isValid(String(host)))
        guard isSecure || isLocal else { throw Failure("without TLS only this machine can be asked; use https://") }
        (url, self.port) = (text, port)
    }
}
