// SPDX-License-Identifier: Apache-2.0

/// The names under which a server lets itself be called (web3signer.md §1): a page of another origin that has its own
/// name resolve to this address (DNS rebinding) is refused.
package struct HostAllowList: Sendable {
    /// Nil: any.
    private let names: Set<String>?

    /// Lower-case names without port; `*` or `all` allows any, `none` nobody.
    package init(_ names: [String]) {
        let names = names.map { $0.lowercased() }
        self.names = names.contains("*") || names.contains("all") ? nil : Set(names).subtracting(["none"])
    }

    /// The answer to a host that is not on the list; nil where it is.
    func refusal(_ head: RequestHead) -> Response? {
        guard let host = head.value(of: "Host") else { return .text("Bad Request", status: 400) }
        guard let names else { return host.isEmpty ? Self.notAuthorized : nil }
        return names.contains(Self.name(of: host)) ? nil : Self.notAuthorized
    }

    private static var notAuthorized: Response {
        .json(Array(#"{"message":"Host not authorized."}"#.utf8), status: 403)
    }

    /// Without the port; an IPv6 address keeps its brackets.
    private static func name(of host: String) -> String {
        let host = host.lowercased()
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return String(host[...end]) }
        return host.firstIndex(of: ":").map { String(host[..<$0]) } ?? host
    }
}
