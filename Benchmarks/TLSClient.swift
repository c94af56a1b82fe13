// SPDX-License-Identifier: Apache-2.0
internal import CGnuTLS
internal import Glibc

/// The client's side of TLS over a blocking socket of the load. It believes every server: this measures, it does not trust.
/// On one thread only.
@safe final class TLSClient {
    private let session: gnutls_session_t
    private let credentials: gnutls_certificate_credentials_t

    /// Shakes hands.
    init(_ descriptor: Int32) throws(BenchmarkFailure) {
        var made: gnutls_session_t?
        var credentials: gnutls_certificate_credentials_t?
        unsafe gnutls_certificate_allocate_credentials(&credentials)
        unsafe gnutls_init(&made, GNUTLS_CLIENT.rawValue | GNUTLS_NO_SIGNAL.rawValue)
        guard let made = unsafe made, let credentials = unsafe credentials else {
            throw BenchmarkFailure("GnuTLS has no memory")
        }
        unsafe session = unsafe made
        unsafe self.credentials = unsafe credentials
        unsafe gnutls_priority_set_direct(made, "NORMAL", nil)
        unsafe gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        unsafe gnutls_transport_set_int2(made, descriptor, descriptor)
        var code = unsafe gnutls_handshake(made)
        while code < 0, gnutls_error_is_fatal(code) == 0 { code = unsafe gnutls_handshake(made) }
        guard code == 0 else { throw BenchmarkFailure("handshake: \(unsafe String(cString: gnutls_strerror(code)))") }
    }

    deinit {
        unsafe gnutls_deinit(session)
        unsafe gnutls_certificate_free_credentials(credentials)
    }

    /// As send(2), for a request that fits into a record.
    func send(_ bytes: [UInt8]) -> Int { unsafe gnutls_record_send(session, bytes, bytes.count) }

    /// As recv(2).
    func receive(_ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        unsafe gnutls_record_recv(session, buffer.baseAddress, buffer.count)
    }

    /// Whether something was received that nobody has taken yet: the socket does not tell.
    var holdsMore: Bool { unsafe gnutls_record_check_pending(session) > 0 }
}
