// SPDX-License-Identifier: Apache-2.0
internal import CGnuTLS
internal import Encoding

/// One certificate that issues certificates of clients, alone in a list of GnuTLS.
@safe final class Authority: @unchecked Sendable {
    // Sound: the list is filled in `init` and only read afterwards, which GnuTLS allows from any thread.
    /// SHA-256 of its certificate.
    let fingerprint: Bytes<32>
    private let list: gnutls_x509_trust_list_t

    /// - Parameter number: where it stands in its file, for errors.
    init(_ certificate: borrowing Certificate, number: Int) throws(ClientTrust.Failure) {
        guard let fingerprint = certificate.fingerprint else {
            throw .init(reason: "certificate \(number) has no fingerprint")
        }
        guard certificate.isAuthority else {
            throw .init(reason: "certificate \(number) is no authority: it may not issue certificates")
        }
        var made: gnutls_x509_trust_list_t?
        guard unsafe gnutls_x509_trust_list_init(&made, 0) == 0, let list = unsafe made else {
            throw .init(reason: "there is no memory for it")
        }
        unsafe self.list = unsafe list
        self.fingerprint = fingerprint
        let added = unsafe certificate.withDER { der in
            unsafe gnutls_x509_trust_list_add_trust_mem(list, der, nil, GNUTLS_X509_FMT_DER, 0, 0)
        }
        guard added == 1 else { throw .init(reason: "certificate \(number) cannot be used") }
    }

    deinit { unsafe gnutls_x509_trust_list_deinit(list, 1) }

    /// Chain, validity, purpose and strength, as GnuTLS judges them (RFC 5280 §6); nil where nothing is wrong.
    ///
    /// - Parameter chain: certificates in DER, the client's own first.
    func objection(to chain: [[UInt8]]) -> CertificateRefusal? {
        var handles: [gnutls_x509_crt_t?] = unsafe []
        defer { unsafe handles.forEach { unsafe gnutls_x509_crt_deinit($0) } }
        for der in chain {
            guard let handle = unsafe Certificate.make(der) else { return .unreadable }
            unsafe handles.append(handle)
        }
        var status: UInt32 = 0
        let code = unsafe chamber_gnutls_verify(list, &handles, UInt32(chain.count), &status)
        return code == 0 ? CertificateRefusal(status: status) : .brokenChain
    }
}

extension CertificateRefusal {
    /// Nil where nothing is wrong. The first thing that its owner can do something about.
    fileprivate init?(status: UInt32) {
        func has(_ flag: gnutls_certificate_status_t) -> Bool { status & flag.rawValue != 0 }
        if status == 0 { return nil }
        if has(GNUTLS_CERT_SIGNER_NOT_FOUND) {
            self = .unknownIssuer
        } else if has(GNUTLS_CERT_EXPIRED) {
            self = .expired
        } else if has(GNUTLS_CERT_NOT_ACTIVATED) {
            self = .notYetValid
        } else if has(GNUTLS_CERT_PURPOSE_MISMATCH) {
            self = .notForClients
        } else if has(GNUTLS_CERT_INSECURE_ALGORITHM) {
            self = .weak
        } else {
            self = .brokenChain
        }
    }
}
