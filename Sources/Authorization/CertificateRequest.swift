// SPDX-License-Identifier: Apache-2.0
package import Encoding
package import JSON

/// What somebody wants a certificate to be allowed.
package struct CertificateRequest: Sendable {
    package let name: PolicyName
    package let subject: CertificateBinding.Subject
    package let policies: [PolicyName]

    package init(name: PolicyName, subject: CertificateBinding.Subject, policies: [PolicyName]) {
        self.name = name
        self.subject = subject
        self.policies = policies
    }

    /// Reads `{"name":"…","policies":["…"],"fingerprint":"…"}`, or `ca_fingerprint` and `san` in place of `fingerprint`.
    package init(_ value: JSONValue) throws(PolicyError) {
        let object = try PolicyObject(
            value,
            at: "",
            fields: ["name", "policies", "fingerprint", "ca_fingerprint", "san"]
        )
        guard let text = try object.string("name") else { throw PolicyError("name", "is missing") }
        guard let name = PolicyName(text) else { throw PolicyError("name", "is \(PolicyName.rule)") }
        let most = AccessRegister.mostPoliciesOfToken
        let policies = try object.list("policies", atMost: most) { text throws(PolicyError) in
            guard let name = PolicyName(text) else { throw PolicyError("", "is no name of a policy") }
            return name
        }
        guard let policies else { throw PolicyError("policies", "is missing") }
        guard Set(policies).count == policies.count else { throw PolicyError("policies", "names a policy twice") }
        self.init(name: name, subject: try Self.subject(object), policies: policies)
    }

    private static func subject(_ object: PolicyObject) throws(PolicyError) -> CertificateBinding.Subject {
        let own = try digest(object, "fingerprint")
        let authority = try digest(object, "ca_fingerprint")
        let name = try object.string("san")
        switch (own, authority, name) {
        case (let own?, nil, nil): return .fingerprint(own)
        case (nil, let authority?, let name?): return .name(try readName(name), authority: authority)
        case (nil, nil, _?):
            throw PolicyError("ca_fingerprint", "is missing: a name means nothing without the authority that gave it")
        case (nil, _?, nil): throw PolicyError("san", "is missing: an authority alone would be all its clients")
        case (nil, nil, nil):
            throw PolicyError("fingerprint", "is missing; else ca_fingerprint and san say which certificates are meant")
        case (_?, _, _): throw PolicyError("fingerprint", "excludes ca_fingerprint and san: one of the two ways")
        }
    }

    private static func digest(_ object: PolicyObject, _ field: String) throws(PolicyError) -> Bytes<32>? {
        guard let text = try object.string(field) else { return nil }
        guard let digest = fingerprint(text) else {
            throw PolicyError(field, "is a SHA-256: 64 hexadecimal digits, with or without colons")
        }
        return digest
    }

    /// 64 hexadecimal digits, in any case, with colons as OpenSSL writes them or without.
    package static func fingerprint(_ text: String) -> Bytes<32>? {
        let digits = text.filter { $0 != ":" }
        guard digits.utf8.count == 64 else { return nil }
        return try? Hex.decode(digits)
    }

    /// `DNS:`, `URI:`, `IP:` or `email:` and what follows; DNS names and addresses in their one spelling.
    private static func readName(_ text: String) throws(PolicyError) -> String {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, text.utf8.count <= 1024, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw PolicyError("san", "is DNS:NAME, URI:NAME, IP:ADDRESS or email:NAME")
        }
        switch parts[0] {
        case "DNS":
            guard !parts[1].contains("*") else {
                throw PolicyError("san", "has an asterisk, which would stand for itself: name each client")
            }
            return "DNS:" + parts[1].lowercased()
        case "IP":
            guard let address = IPAddress(parts[1]) else { throw PolicyError("san", "has an IP: that is no address") }
            return "IP:\(address)"
        case "URI", "email": return text
        default: throw PolicyError("san", "is DNS:NAME, URI:NAME, IP:ADDRESS or email:NAME")
        }
    }
}
