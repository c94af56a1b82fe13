// SPDX-License-Identifier: Apache-2.0
internal import CGnuTLS
internal import CMicrohttpd
internal import Concurrency

/// The TLS of one connection. Touched by the thread of its socket alone; the session is GnuTLS's and libmicrohttpd's own,
/// and lives from the opening of the connection to its end.
@safe final class TLSLink {
    private let session: gnutls_session_t
    private let source: any TLSSource
    private let address: PeerAddress
    /// Holds the credentials that the session uses.
    private let identity: TLSIdentity
    /// Who was last asked whether the client's certificate is accepted.
    private var judge: ClientTrust
    private var chain: [[UInt8]] = []
    private var certificate: PeerCertificate?

    /// Nil where the connection has no session.
    init?(_ handle: ConnectionHandle, source: any TLSSource, peer: PeerAddress) {
        guard let session = unsafe handle.tlsSession else { return nil }
        unsafe self.session = unsafe session
        self.source = source
        address = peer
        identity = source.current
        judge = identity.clients
    }

    /// Prepares the handshake: the pair of now instead of what the library was started with.
    func begin() {
        unsafe gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(identity.credentials))
        unsafe gnutls_session_set_ptr(session, Unmanaged.passUnretained(self).toOpaque())
        guard judge.demand != .none else { return }
        // Whether one is missing, `accept` decides: it can say so to the operator.
        unsafe gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST)
        unsafe gnutls_session_set_verify_function(session) { session in
            guard let pointer = unsafe gnutls_session_get_ptr(session) else { return -1 }
            return unsafe Unmanaged<TLSLink>.fromOpaque(pointer).takeUnretainedValue().accept() ? 0 : -1
        }
    }

    /// Within the handshake: whether the client may come in. That it has the key of what it shows, GnuTLS sees to before
    /// the handshake ends.
    private func accept() -> Bool {
        chain = shown()
        do throws(CertificateRefusal) {
            certificate = try judged()
            return true
        } catch {
            refuse(error)
            return false
        }
    }

    /// Who the client is, as things stand now: a certificate can end, and what is accepted can change, while a connection
    /// stays open.
    func client() throws(CertificateRefusal) -> PeerCertificate? {
        let trust = source.current.clients
        if trust !== judge {
            judge = trust
            do throws(CertificateRefusal) { certificate = try judged() } catch {
                source.refused(error, from: address)
                throw error
            }
        }
        guard let certificate else { return nil }
        guard Self.now < certificate.expires else {
            source.refused(.expired, from: address)
            throw .expired
        }
        return certificate
    }

    private func judged() throws(CertificateRefusal) -> PeerCertificate? {
        if judge.demand == .none { return nil }
        guard chain.isEmpty else { return try judge.judge(chain, at: Self.now) }
        if judge.demand == .required { throw .missing }
        return nil
    }

    private func shown() -> [[UInt8]] {
        var count: UInt32 = 0
        guard let list = unsafe gnutls_certificate_get_peers(session, &count) else { return [] }
        return (0..<Int(count)).map { place in
            unsafe [UInt8](UnsafeBufferPointer(start: list[place].data, count: Int(list[place].size)))
        }
    }

    /// Tells both sides: without an alert the client would only see its connection end.
    private func refuse(_ refusal: CertificateRefusal) {
        source.refused(refusal, from: address)
        let alert =
            switch refusal {
            case .missing: GNUTLS_A_CERTIFICATE_REQUIRED
            case .expired, .notYetValid: GNUTLS_A_CERTIFICATE_EXPIRED
            case .unknownIssuer, .otherName: GNUTLS_A_UNKNOWN_CA
            case .unreadable, .notForClients, .weak, .brokenChain: GNUTLS_A_BAD_CERTIFICATE
            }
        unsafe gnutls_alert_send(session, GNUTLS_AL_FATAL, alert)
    }

    /// Sends bytes past libmicrohttpd, as many as fit at once.
    func send(_ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes { unsafe gnutls_record_send(session, $0.baseAddress, $0.count) }
    }

    private static var now: Int64 { Int64(WallClock.nanoseconds / 1_000_000_000) }
}

/// libmicrohttpd wants to know of a certificate when it starts; each connection gets its own from `TLSLink.begin`.
let noCertificate:
    @convention(c) (
        gnutls_session_t?, UnsafePointer<gnutls_datum_t>?, Int32, UnsafePointer<gnutls_pk_algorithm_t>?, Int32,
        UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?, UnsafeMutablePointer<UInt32>?,
        UnsafeMutablePointer<gnutls_privkey_t?>?
    ) -> Int32 = { _, _, _, _, _, _, _, _ in -1 }
