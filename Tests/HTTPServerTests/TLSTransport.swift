// SPDX-License-Identifier: Apache-2.0
import CGnuTLS
import Concurrency
import Glibc
import HTTPServer
import TestSupport
import Testing

/// What the servers of a test speak.
enum Transport: String, Sendable, CaseIterable {
    case plain, tls

    @TaskLocal static var current = Transport.plain
}

/// Runs each test of a suite twice: what a server promises, it promises over TLS too.
struct OverBothTransports: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        for transport in Transport.allCases {
            try await Transport.$current.withValue(transport) { try await function() }
        }
    }
}

extension Trait where Self == OverBothTransports {
    static var overBothTransports: Self { Self() }
}

/// A pair that does not change, and what was refused.
final class TestTLS: TLSSource {
    private struct State {
        var identity: TLSIdentity
        var refusals: [CertificateRefusal] = []
    }
    private let state: Lock<State>

    init(_ identity: TLSIdentity) { state = Lock(State(identity: identity)) }

    var current: TLSIdentity { state.withLock { $0.identity } }
    func refused(_ refusal: CertificateRefusal, from peer: PeerAddress) {
        state.withLock { $0.refusals.append(refusal) }
    }
    func replace(_ identity: TLSIdentity) { state.withLock { $0.identity = identity } }
    var refusals: [CertificateRefusal] { state.withLock { $0.refusals } }

    /// One pair for all suites that only want TLS.
    static let shared: Result<(certificates: TestCertificates, source: TestTLS), any Error> = Result {
        let certificates = try TestCertificates()
        try certificates.makeAuthority("authority")
        try certificates.make("server", by: "authority", names: ["DNS:localhost", "IP:127.0.0.1"])
        let identity = try certificates.identity("server")
        return (certificates, TestTLS(identity))
    }

    static func speaks(_ address: BoundAddress) -> Bool {
        address.port.map { port in ports.withLock { $0.contains(port) } } ?? false
    }

    /// Ports of this process on which TLS is spoken.
    static let ports = Lock(Set<UInt16>())
}

extension TestCertificates {
    func identity(_ name: String, clients: ClientTrust = ClientTrust()) throws -> TLSIdentity {
        let (text, key) = (try text(name), try keyText(name))
        return try TLSIdentity(certificates: text, key: key.span, clients: clients)
    }
}

/// The client's side of TLS over a blocking socket. It believes every server: who the server is, other tests ask.
@safe final class TLSSession: @unchecked Sendable {
    // Sound: GnuTLS lets one thread send while another receives, and no test does more.
    private let session: gnutls_session_t
    private let credentials: gnutls_certificate_credentials_t

    /// It shows its certificate whatever authorities the server names, as somebody would who means no good.
    private static let flags = GNUTLS_CLIENT.rawValue | GNUTLS_NO_SIGNAL.rawValue | GNUTLS_FORCE_CLIENT_CERT.rawValue

    private init() {
        var made: gnutls_session_t?
        var credentials: gnutls_certificate_credentials_t?
        unsafe gnutls_certificate_allocate_credentials(&credentials)
        unsafe gnutls_init(&made, Self.flags)
        guard let made = unsafe made, let credentials = unsafe credentials else {
            preconditionFailure("GnuTLS has no memory")
        }
        unsafe session = unsafe made
        unsafe self.credentials = unsafe credentials
    }

    /// Shakes hands.
    ///
    /// - Parameters:
    ///   - identity: what to show, as files.
    ///   - priorities: in the notation of GnuTLS.
    static func open(
        _ descriptor: Int32,
        identity: (certificate: String, key: String)? = nil,
        priorities: String = "NORMAL"
    ) throws -> TLSSession {
        let made = TLSSession()
        try made.open(descriptor, identity, priorities)
        return made
    }

    private func open(
        _ descriptor: Int32,
        _ identity: (certificate: String, key: String)?,
        _ priorities: String
    ) throws {
        if let identity {
            let code = unsafe gnutls_certificate_set_x509_key_file(
                credentials,
                identity.certificate,
                identity.key,
                GNUTLS_X509_FMT_PEM
            )
            guard code >= 0 else { throw RawClient.Failure(description: "the client's pair is not readable") }
        }
        unsafe gnutls_priority_set_direct(session, priorities, nil)
        unsafe gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        unsafe gnutls_transport_set_int2(session, descriptor, descriptor)
        var code = unsafe gnutls_handshake(session)
        while code < 0, gnutls_error_is_fatal(code) == 0 { code = unsafe gnutls_handshake(session) }
        guard code == 0 else { throw RawClient.Failure(description: "handshake: \(Self.message(code))") }
    }

    private static func message(_ code: Int32) -> String { unsafe String(cString: gnutls_strerror(code)) }

    deinit {
        unsafe gnutls_deinit(session)
        unsafe gnutls_certificate_free_credentials(credentials)
    }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { raw in
                unsafe gnutls_record_send(session, raw.baseAddress.map { unsafe $0 + sent }, bytes.count - sent)
            }
            if count == Int(GNUTLS_E_INTERRUPTED) { continue }
            if count <= 0 { return }
            sent += count
        }
    }

    /// As recv(2): -1 with EAGAIN where nothing came in time, 0 at the end, orderly or not.
    func receive(_ buffer: inout [UInt8]) -> Int {
        // GnuTLS also says "again" where bytes came that are no data of a request, or not a whole record.
        let end = MonotonicClock.nanoseconds + 20_000_000_000
        while true {
            let count = unsafe gnutls_record_recv(session, &buffer, buffer.count)
            switch Int32(count) {
            case GNUTLS_E_INTERRUPTED: continue
            case GNUTLS_E_AGAIN:
                if MonotonicClock.nanoseconds < end { continue }
                errno = EAGAIN
                return -1
            case ..<0: return 0
            default: return count
            }
        }
    }

    func finishSending() { unsafe gnutls_bye(session, GNUTLS_SHUT_WR) }

    /// What was agreed on, such as `TLS1.3`.
    var version: String { unsafe String(cString: gnutls_protocol_get_name(gnutls_protocol_get_version(session))) }
}
