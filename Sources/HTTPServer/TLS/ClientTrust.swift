// SPDX-License-Identifier: Apache-2.0
internal import CGnuTLS
internal import Encoding

/// Which clients' certificates are accepted: by the authorities that issue them, and by a list of known ones. Either
/// suffices.
///
/// A chain is held against each authority alone: which one vouches for it is what permissions are bound to, and must not
/// depend on names in certificates that two authorities can share.
package final class ClientTrust: Sendable {
    package enum Demand: String, Sendable, CaseIterable {
        /// Clients are not asked for certificates.
        case none
        /// Clients may show one; one that is not accepted ends the handshake.
        case optional
        case required
    }

    /// Why authorities cannot be used.
    package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        package let reason: String
        package var description: String { reason }
    }

    package let demand: Demand
    private let knownClients: KnownClients?
    private let pem: [UInt8]?
    private let authorities: [Authority]
    /// Of authorities, and of certificates that a client may send.
    private static let most = 16

    /// Asks nobody for a certificate.
    package init() {
        demand = .none
        knownClients = nil
        authorities = []
        pem = nil
    }

    /// - Parameter authorities: certificates in PEM; nil for none.
    package init(_ demand: Demand, authorities pem: [UInt8]?, knownClients: KnownClients?) throws(Failure) {
        self.demand = demand
        self.knownClients = knownClients
        self.pem = pem
        authorities = try pem.map { (pem) throws(Failure) in try Self.read(pem) } ?? []
    }

    private static func read(_ pem: [UInt8]) throws(Failure) -> [Authority] {
        var list: UnsafeMutablePointer<gnutls_x509_crt_t?>?
        var count: UInt32 = 0
        let code = unsafe withDatum(pem) {
            unsafe gnutls_x509_crt_list_import2(&list, &count, $0, GNUTLS_X509_FMT_PEM, 0)
        }
        guard code >= 0, count > 0, let list = unsafe list else {
            throw Failure(reason: "it holds no certificates in PEM that can be read (\(tlsMessage(code)))")
        }
        defer { unsafe chamber_gnutls_release(list) }
        var (authorities, failure) = ([Authority](), Failure?.none)
        for place in 0..<Int(count) {
            guard let handle = unsafe list[place] else { continue }
            // Owned, so that each is given back whatever comes of it.
            let certificate = unsafe Certificate(owning: handle)
            if failure == nil, authorities.count == most {
                failure = Failure(reason: "it holds more than \(most) certificates")
            }
            if failure != nil { continue }
            do throws(Failure) { authorities.append(try Authority(certificate, number: place + 1)) } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return authorities
    }

    /// The names that a client is asked to choose by; nil where it may show any.
    var requestedAuthorities: [UInt8]? { knownClients == nil ? pem : nil }

    // MARK: Judging

    /// Accepts what a client has shown, or says why not. Runs on the thread of the socket.
    ///
    /// - Parameters:
    ///   - chain: certificates in DER, the client's own first.
    ///   - now: seconds since 1970.
    func judge(_ chain: [[UInt8]], at now: Int64) throws(CertificateRefusal) -> PeerCertificate {
        guard chain.count <= Self.most, let first = chain.first, let own = Certificate(der: first),
            let fingerprint = own.fingerprint
        else { throw .unreadable }
        let (name, validity) = (own.commonName, own.validity)
        guard validity.lowerBound <= now else { throw .notYetValid }
        guard now < validity.upperBound else { throw .expired }
        let (vouching, refusal) = hold(chain)
        let isKnown = name.map { knownClients?.contains($0, fingerprint) ?? false } ?? false
        guard isKnown || !vouching.isEmpty else {
            if let knownClients, knownClients.contains(fingerprint) { throw .otherName }
            throw refusal
        }
        return PeerCertificate(
            fingerprint: fingerprint,
            authorities: vouching,
            names: own.alternativeNames,
            commonName: name,
            expires: validity.upperBound
        )
    }

    /// The authorities under which a chain holds; where there is none, what the one that came furthest objects to.
    private func hold(_ chain: [[UInt8]]) -> ([Bytes<32>], CertificateRefusal) {
        var (vouching, refusal) = ([Bytes<32>](), CertificateRefusal.unknownIssuer)
        for authority in authorities {
            switch authority.objection(to: chain) {
            case nil: vouching.append(authority.fingerprint)
            case .unknownIssuer?: break
            case let other?: refusal = other
            }
        }
        return (vouching, refusal)
    }
}
