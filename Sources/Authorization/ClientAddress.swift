// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Where a request comes from: the socket's address, or what proxies of ours say.
package struct ClientAddress: Sendable {
    private let proxies: [AddressRange]

    /// - Parameter proxies: whose `X-Forwarded-For` is believed; empty for nobody's.
    package init(proxies: [AddressRange] = []) { self.proxies = proxies }

    package var believesAnybody: Bool { !proxies.isEmpty }

    /// Each proxy adds the address that it saw at the end, so the list is believed from its end, as far as the addresses
    /// are proxies of ours; the first that is not is the client. What stands before it, the client may have written.
    ///
    /// - Parameters:
    ///   - socket: the address at the other end of the socket; nil for a Unix socket.
    ///   - forwarded: every value of `X-Forwarded-For`, in order.
    /// - Returns: nil where there is no address, or a proxy wrote something that is none: then every denial with addresses
    ///   matches, and no allowance.
    package func resolve(socket: IPAddress?, forwarded: [String]) -> IPAddress? {
        guard let socket, isProxy(socket) else { return socket }
        let hops = forwarded.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
        for hop in hops.reversed() {
            guard let address = Self.address(String(hop).trimmingBlanks) else { return nil }
            if !isProxy(address) { return address }
        }
        // The proxy asks for itself.
        return hops.isEmpty ? socket : nil
    }

    /// Some proxies write the client's port behind the address, and then IPv6 in brackets (RFC 3986 §3.2.2).
    private static func address(_ hop: String) -> IPAddress? {
        if let address = IPAddress(hop) { return address }
        guard let colon = hop.lastIndex(of: ":"), isPort(hop[hop.index(after: colon)...]) else { return nil }
        let host = hop[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { return IPAddress(host.dropFirst().dropLast()) }
        return host.contains(":") ? nil : IPAddress(host)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.count <= 5 && text.utf8.allSatisfy { $0 &- 0x30 < 10 } && UInt16(text) != nil
    }

    private func isProxy(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }
}

extension String {
    fileprivate var trimmingBlanks: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = self[...]
        text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return String(text)
    }
}
