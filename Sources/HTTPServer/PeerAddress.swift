// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Who is at the other end of a connection, as the kernel says. An IPv4 client of an IPv6 socket counts as IPv4.
package enum PeerAddress: Sendable, Hashable, CustomStringConvertible {
    /// Address in network order as four bytes in one number, most significant first.
    case ipv4(UInt32, port: UInt16)
    /// High and low half of the address, most significant byte first.
    case ipv6(UInt64, UInt64, port: UInt16)
    /// A process of this machine, over a Unix socket.
    case local

    /// Reads a socket address of the C library. Unknown families count as local: the server opened the socket.
    init(_ address: UnsafePointer<sockaddr>?) {
        guard let address = unsafe address else {
            self = .local
            return
        }
        // On Linux the family is the first field of every socket address.
        switch Int32(unsafe UnsafeRawPointer(address).loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let four = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self)
            self = .ipv4(UInt32(bigEndian: four.sin_addr.s_addr), port: UInt16(bigEndian: four.sin_port))
        case AF_INET6:
            let six = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
            let (high, low) = unsafe withUnsafeBytes(of: six.sin6_addr) { bytes in
                unsafe (
                    UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            let port = UInt16(bigEndian: six.sin6_port)
            let isMapped = high == 0 && low >> 32 == 0xffff
            self = isMapped ? .ipv4(UInt32(truncatingIfNeeded: low), port: port) : .ipv6(high, low, port: port)
        default:
            self = .local
        }
    }

    /// The port the other end uses; nil for a Unix socket.
    package var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, _, let port): port
        case .local: nil
        }
    }

    /// The address without port, in the usual notation (`192.0.2.1`, `2001:db8::1`, `local`).
    package var description: String {
        switch self {
        case .ipv4(let address, _):
            return "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
        case .ipv6(let high, let low, _):
            var words = (high.bigEndian, low.bigEndian)
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard unsafe inet_ntop(AF_INET6, &words, &text, socklen_t(text.count)) != nil else { return "?" }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        case .local:
            return "local"
        }
    }
}
