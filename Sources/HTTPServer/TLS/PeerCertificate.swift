// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// The certificate that a client has shown, proved to own, and that was accepted. Made only by `ClientTrust`.
package final class PeerCertificate: Sendable {
    /// SHA-256 of the certificate.
    package let fingerprint: Bytes<32>
    /// SHA-256 of each authority of ours under which its chain holds; empty where it was accepted as a known client.
    package let authorities: [Bytes<32>]
    /// Its alternative names: `DNS:`, `URI:`, `IP:` or `email:` and the name, as OpenSSL writes them; DNS in lower case.
    package let names: [String]
    /// The one common name of its subject. For people to read: who may do what never depends on it alone.
    package let commonName: String?
    /// It is no good any more from this second of 1970 on.
    package let expires: Int64

    package init(
        fingerprint: Bytes<32>,
        authorities: [Bytes<32>] = [],
        names: [String] = [],
        commonName: String? = nil,
        expires: Int64 = .max
    ) {
        self.fingerprint = fingerprint
        self.authorities = authorities
        self.names = names
        self.commonName = commonName
        self.expires = expires
    }
}

/// Why a client's certificate was not accepted.
package enum CertificateRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// None was shown where one is demanded.
    case missing
    /// It, or a certificate of its chain, cannot be read.
    case unreadable
    /// Neither one of our authorities nor the list of known clients knows it.
    case unknownIssuer
    case expired
    case notYetValid
    /// It says that it is for something else than being a client (RFC 5280 §4.2.1.12).
    case notForClients
    /// A key or a signature of the chain is too weak.
    case weak
    /// The signatures or the constraints of the chain do not hold.
    case brokenChain
    /// Its fingerprint is in the list of known clients under another name.
    case otherName

    package var description: String {
        switch self {
        case .missing: "no certificate was shown"
        case .unreadable: "the certificate cannot be read"
        case .unknownIssuer: "the certificate is of no authority in tls.client_ca_path and no known client"
        case .expired: "the certificate has expired"
        case .notYetValid: "the certificate is not valid yet"
        case .notForClients: "the certificate is not for clients: its extended key usage lacks client authentication"
        case .weak: "the certificate or its chain has a key or a signature that is too weak"
        case .brokenChain: "the certificate's chain does not hold"
        case .otherName: "the certificate's fingerprint is known under another common name"
        }
    }
}
