// SPDX-License-Identifier: Apache-2.0
internal import CGnuTLS

/// What a server is to new connections: its certificate with its key, and the clients that it accepts. Replaced as a
/// whole; open connections keep the pair that they began with.
@safe package final class TLSIdentity: @unchecked Sendable {
    // Sound: the credentials are filled in `init` and only read afterwards, which GnuTLS allows from any thread; each
    // connection holds its identity for as long as its session lives.

    /// Why a pair cannot be used. Says nothing of the key but that.
    package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case certificate(String)
        case key(String)
        case mismatch

        package var description: String {
            switch self {
            case .certificate(let reason): "the certificate cannot be used: \(reason)"
            case .key(let reason): "the private key cannot be used: \(reason)"
            case .mismatch: "the private key is not the certificate's"
            }
        }
    }

    package let clients: ClientTrust
    /// Seconds since 1970 between which the server's own certificate holds.
    package let validity: Range<Int64>
    let credentials: gnutls_certificate_credentials_t

    /// - Parameters:
    ///   - certificates: the server's own certificate and those that lead to its authority, in PEM.
    ///   - key: its private key in PEM, not encrypted. GnuTLS keeps a copy in ordinary memory, which it wipes at the end.
    package init(certificates: [UInt8], key: Span<UInt8>, clients: ClientTrust) throws(Failure) {
        validity = try Self.validity(of: certificates)
        var made: gnutls_certificate_credentials_t?
        guard unsafe gnutls_certificate_allocate_credentials(&made) == 0, let credentials = unsafe made else {
            throw .certificate("there is no memory for it")
        }
        unsafe self.credentials = unsafe credentials
        self.clients = clients
        let code = unsafe key.withUnsafeBytes { key in
            unsafe withDatum(certificates) { certificates in
                unsafe withDatum(key) { key in
                    unsafe gnutls_certificate_set_x509_key_mem2(
                        credentials,
                        certificates,
                        key,
                        GNUTLS_X509_FMT_PEM,
                        nil,
                        0
                    )
                }
            }
        }
        if let failure = Failure(code) { throw failure }
        if let authorities = clients.requestedAuthorities {
            _ = unsafe withDatum(authorities) {
                unsafe gnutls_certificate_set_x509_trust_mem(credentials, $0, GNUTLS_X509_FMT_PEM)
            }
        }
    }

    deinit { unsafe gnutls_certificate_free_credentials(credentials) }

    private static func validity(of pem: [UInt8]) throws(Failure) -> Range<Int64> {
        var handle: gnutls_x509_crt_t?
        guard unsafe gnutls_x509_crt_init(&handle) == 0, let handle = unsafe handle else {
            throw .certificate("there is no memory for it")
        }
        let certificate = unsafe Certificate(owning: handle)
        let code = unsafe withDatum(pem) { unsafe gnutls_x509_crt_import(certificate.handle, $0, GNUTLS_X509_FMT_PEM) }
        guard code == 0 else { throw .certificate("it is not PEM that can be read (\(tlsMessage(code)))") }
        return certificate.validity
    }
}

extension TLSIdentity.Failure {
    /// Nil for success. The certificate was read before, so that what is left is the key.
    fileprivate init?(_ code: Int32) {
        switch code {
        case 0...: return nil
        case GNUTLS_E_CERTIFICATE_KEY_MISMATCH: self = .mismatch
        case GNUTLS_E_DECRYPTION_FAILED, GNUTLS_E_PKCS11_PIN_ERROR:
            self = .key("it is encrypted; `openssl pkey -in KEY -out PLAIN` takes the passphrase off")
        default: self = .key("it is not PEM that can be read (\(tlsMessage(code)))")
        }
    }
}
