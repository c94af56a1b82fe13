// SPDX-License-Identifier: Apache-2.0

/// Which AWS, and as whom.
package struct AWSSettings: Hashable, Sendable {
    /// Where the service is, such as `eu-central-1`.
    package var region: String
    /// Another address than the region's own: a private endpoint, or a server for tests. Without TLS only on this machine.
    package var endpoint: String?
    package var credentials: Credentials

    package enum Credentials: Hashable, Sendable {
        /// The usual places in the usual order: the environment, the profile (of that name, or `AWS_PROFILE`, or
        /// `default`), a web identity token, the container's endpoint (ECS, EKS pod identity), the instance's (IMDSv2).
        /// They are fetched again by themselves before they expire.
        case chain(profile: String? = nil)
        /// A profile of the AWS configuration and nothing before it. In the chain the environment goes before any profile,
        /// so that a profile which is meant for one account would not be used where the environment names another.
        case profile(String)
        /// Written down. For tests: a secret of value has no place in a `String`.
        case fixed(accessKey: String, secretKey: String, sessionToken: String? = nil)
    }

    package init(region: String, endpoint: String? = nil, credentials: Credentials = .chain()) {
        self.region = region
        self.endpoint = endpoint
        self.credentials = credentials
    }

    /// Where the requests for a service go. Everything that can be wrong with the settings by themselves is found here.
    func endpoint(of service: String) throws(AWSError) -> Endpoint {
        let isRegion = region.contains("-") && region.utf8.allSatisfy { isLowerCaseLetterOrDigit($0) || $0 == 0x2d }
        guard isRegion else {
            throw .settings(
                reason:
                    "'\(region)' is not an AWS region; it has the form of eu-central-1 (for \(service), see AWS_REGION)"
            )
        }
        if let endpoint { return try Endpoint(endpoint, for: service) }
        // China is a partition of its own; the others that have their own domains need `endpoint`.
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        return Endpoint(host: "\(service).\(region).\(domain)", port: 443, isSecure: true)
    }
}

/// Scheme, host and port: DynamoDB and KMS take every request at the root.
package struct Endpoint: Sendable, Equatable, CustomStringConvertible {
    package let host: String
    package let port: UInt16
    package let isSecure: Bool

    init(host: String, port: UInt16, isSecure: Bool) {
        self.host = host
        self.port = port
        self.isSecure = isSecure
    }

    /// Reads `https://host[:port]`, or `http://` for a host that is this machine.
    init(_ text: String, for service: String) throws(AWSError) {
        func refusal(_ reason: String) -> AWSError {
            .settings(reason: "the endpoint '\(text)' for \(service) cannot be used: \(reason)")
        }
        let schemes = [("https://", true), ("http://", false)]
        guard let (scheme, isSecure) = schemes.first(where: { text.hasPrefix($0.0) }) else {
            throw refusal("it begins with neither https:// nor http://")
        }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest.removeLast() }
        var (host, port) = (rest, isSecure ? UInt16(443) : 80)
        // Behind the bracket of an IPv6 address, or the only colon.
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            guard let number = UInt16(rest[rest.index(after: colon)...]), number > 0 else {
                throw refusal("its port is not a number from 1 to 65535")
            }
            (host, port) = (rest[..<colon], number)
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        let isHost = host.utf8.allSatisfy { isLowerCaseLetterOrDigit($0 | 0x20) || [0x2d, 0x2e, 0x3a].contains($0) }
        guard !host.isEmpty, isHost else { throw refusal("it has to be a scheme, a host and perhaps a port, no more") }
        // Digits and points alone are an address and not a name.
        let isLoopback = host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2e || $0 &- 0x30 < 10 }
        let isLocal = host == "localhost" || host == "::1" || isLoopback
        guard isSecure || isLocal else { throw refusal("without TLS only this machine can be asked; use https://") }
        self.init(host: String(host), port: port, isSecure: isSecure)
    }

    /// The value of the `Host` header.
    var authority: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? host : "\(host):\(port)"
    }

    package var description: String { (isSecure ? "https://" : "http://") + authority }
}

private func isLowerCaseLetterOrDigit(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
}
