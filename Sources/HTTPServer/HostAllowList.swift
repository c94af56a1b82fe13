// SPDX-License-Identifier: Apache-2.0

/// Which names a client may have used to get here. It keeps web pages in an operator's browser from reaching a signer on
/// the same machine through a name of their own that resolves to 127.0.0.1 (DNS rebinding).
package struct HostAllowList: Sendable, Equatable {
    private enum Rule: Equatable, Sendable {
        case anyone
        case nobody
        case names([[UInt8]])
    }

    private let rule: Rule

    /// `localhost`, `127.0.0.1` and `[::1]`.
    package static let loopback = HostAllowList(["localhost", "127.0.0.1", "[::1]"])

    /// Names or addresses without port, in any case. An entry `*` or `all` admits any, a single `none` nobody. An IPv6
    /// address may be written with or without brackets.
    package init(_ entries: [String]) {
        let names = entries.map { ASCII.trimmed(Array($0.utf8)[...]).map(ASCII.lowercased) }
        if names.contains(Array("*".utf8)) || names.contains(Array("all".utf8)) {
            rule = .anyone
        } else if names == [Array("none".utf8)] {
            rule = .nobody
        } else {
            rule = .names(names.map { HostAllowList.withBrackets($0) })
        }
    }

    /// Whether the value of a `Host` field is admitted; its port does not matter.
    package func admits(_ host: ArraySlice<UInt8>) -> Bool {
        switch rule {
        case .anyone: !host.isEmpty
        case .nobody: false
        case .names(let names):
            HostAllowList.name(of: host).map { name in
                names.contains { ASCII.areEqualIgnoringCase($0, name) }
            } ?? false
        }
    }

    /// The refusal of a head whose `Host` is not admitted; nil lets it pass. An absent `Host` never gets here over a
    /// socket: the framing check answers it with 400.
    package func refusal(of head: RequestHead) -> Refusal? {
        guard let host = head.field("Host") else { return .malformed("Host is missing") }
        return admits(host) ? nil : .hostNotAuthorized
    }

    /// The host without its port; nil where it is neither `name`, `name:port` nor `[address]:port`.
    private static func name(of host: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let colon = UInt8(ascii: ":")
        let end: ArraySlice<UInt8>.Index
        if host.first == UInt8(ascii: "[") {
            guard let close = host.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            end = close + 1
        } else {
            end = host.firstIndex(of: colon) ?? host.endIndex
        }
        let port = host[end...]
        guard end > host.startIndex,
            port.isEmpty || (port.first == colon && port.dropFirst().allSatisfy { $0 &- 0x30 < 10 })
        else {
            return nil
        }
        return host[..<end]
    }

    private static func withBrackets(_ name: [UInt8]) -> [UInt8] {
        guard name.contains(UInt8(ascii: ":")), name.first != UInt8(ascii: "[") else { return name }
        return [UInt8(ascii: "[")] + name + [UInt8(ascii: "]")]
    }
}
