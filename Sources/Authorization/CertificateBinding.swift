// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// A client's certificate, as permissions know it: what of it nobody else can have. The common name is not among it:
/// whoever can have a certificate issued can choose that.
package struct ClientCertificate: Hashable, Sendable {
    /// SHA-256 of the certificate.
    package let fingerprint: Bytes<32>
    /// SHA-256 of each accepted authority that vouches for it.
    package let authorities: [Bytes<32>]
    /// Alternative names, as ``CertificateBinding/Subject`` writes them.
    package let names: [String]

    package init(fingerprint: Bytes<32>, authorities: [Bytes<32>], names: [String]) {
        self.fingerprint = fingerprint
        self.authorities = authorities
        self.names = names
    }
}

/// Gives whoever has a certificate the policies of a name, as a token does.
package struct CertificateBinding: Hashable, Sendable {
    /// Which certificates are meant.
    package enum Subject: Hashable, Sendable {
        /// This one alone; its successor needs a binding of its own.
        case fingerprint(Bytes<32>)
        /// Those with an alternative name, from one authority: another authority could give anybody the same name.
        case name(String, authority: Bytes<32>)
    }

    package let name: PolicyName
    package let subject: Subject
    package let policies: [PolicyName]
    /// Seconds since 1970, UTC.
    package let created: Int64

    package init(name: PolicyName, subject: Subject, policies: [PolicyName], created: Int64) {
        self.name = name
        self.subject = subject
        self.policies = policies
        self.created = created
    }
}

extension ClientCertificate {
    /// Every subject that this certificate is.
    var subjects: [CertificateBinding.Subject] {
        [.fingerprint(fingerprint)]
            + authorities.flatMap { authority in names.map { .name($0, authority: authority) } }
    }
}
