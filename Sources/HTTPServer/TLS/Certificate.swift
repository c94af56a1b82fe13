// SPDX-License-Identifier: Apache-2.0
internal import CGnuTLS
internal import Encoding
internal import Glibc

/// One X.509 certificate of GnuTLS.
@safe struct Certificate: ~Copyable {
    let handle: gnutls_x509_crt_t

    /// Nil where the bytes are no certificate in DER.
    init?(der: [UInt8]) {
        guard let handle = unsafe Self.make(der) else { return nil }
        unsafe self.handle = unsafe handle
    }

    /// Takes over a certificate that GnuTLS has made.
    init(owning handle: gnutls_x509_crt_t) { unsafe self.handle = unsafe handle }

    /// A certificate that the caller gives back.
    static func make(_ der: [UInt8]) -> gnutls_x509_crt_t? {
        var handle: gnutls_x509_crt_t?
        guard unsafe gnutls_x509_crt_init(&handle) == 0 else { return nil }
        if unsafe withDatum(der, { unsafe gnutls_x509_crt_import(handle, $0, GNUTLS_X509_FMT_DER) }) == 0 {
            return unsafe handle
        }
        unsafe gnutls_x509_crt_deinit(handle)
        return nil
    }

    deinit { unsafe gnutls_x509_crt_deinit(handle) }

    /// SHA-256 of its DER.
    var fingerprint: Bytes<32>? {
        var bytes = [UInt8](repeating: 0, count: 32)
        var size = 32
        return unsafe gnutls_x509_crt_get_fingerprint(handle, GNUTLS_DIG_SHA256, &bytes, &size) == 0
            ? Bytes<32>(bytes) : nil
    }

    /// Whether it may issue certificates.
    var isAuthority: Bool { unsafe gnutls_x509_crt_get_ca_status(handle, nil) == 1 }

    func withDER<Result>(_ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result? {
        var datum = unsafe gnutls_datum_t()
        guard unsafe gnutls_x509_crt_export2(handle, GNUTLS_X509_FMT_DER, &datum) == 0 else { return nil }
        defer { unsafe chamber_gnutls_release(datum.data) }
        return unsafe withUnsafePointer(to: &datum) { unsafe body($0) }
    }

    /// Seconds since 1970 between which it holds.
    var validity: Range<Int64> {
        let begin = Int64(unsafe gnutls_x509_crt_get_activation_time(handle))
        let end = Int64(unsafe gnutls_x509_crt_get_expiration_time(handle))
        // The last second still counts (RFC 5280 §4.1.2.5); a time that cannot be read is -1.
        return begin >= 0 && end >= begin ? begin..<(end + 1) : 0..<0
    }

    /// Nil where the subject has none, several, or one that is not plain text.
    var commonName: String? {
        guard name(at: 1) == nil else { return nil }
        return name(at: 0)
    }

    private func name(at place: UInt32) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        var size = buffer.count
        // id-at-commonName, RFC 5280 appendix A.
        let code = unsafe gnutls_x509_crt_get_dn_by_oid(handle, "2.5.4.3", place, 0, &buffer, &size)
        guard code == 0, size < buffer.count else { return code == GNUTLS_E_SHORT_MEMORY_BUFFER ? "" : nil }
        return Self.text(buffer.prefix(size).map { UInt8(bitPattern: $0) }) ?? ""
    }

    /// What `PeerCertificate.names` says.
    var alternativeNames: [String] {
        var names: [String] = []
        // As many as anybody has; a certificate with more has the first.
        for place in UInt32(0)..<64 {
            var buffer = [UInt8](repeating: 0, count: 1024)
            var size = buffer.count
            let kind = unsafe gnutls_x509_crt_get_subject_alt_name(handle, place, &buffer, &size, nil)
            if kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { break }
            guard kind >= 0, size <= buffer.count else { continue }
            if let name = Self.name(kind, Array(buffer.prefix(size))) { names.append(name) }
        }
        return names
    }

    private static func name(_ kind: Int32, _ bytes: [UInt8]) -> String? {
        switch gnutls_x509_subject_alt_name_t(UInt32(kind)) {
        case GNUTLS_SAN_DNSNAME: return text(bytes).map { "DNS:" + $0.lowercased() }
        case GNUTLS_SAN_RFC822NAME: return text(bytes).map { "email:" + $0 }
        case GNUTLS_SAN_URI: return text(bytes).map { "URI:" + $0 }
        case GNUTLS_SAN_IPADDRESS:
            switch bytes.count {
            case 4: return "IP:\(IPAddress(version4: bytes.reduce(0) { $0 << 8 | UInt32($1) }))"
            case 16: return "IP:\(IPAddress(version6: bytes.reduce(0) { $0 << 8 | UInt128($1) }))"
            default: return nil
            }
        default: return nil
        }
    }

    /// Visible ASCII and blanks: a name with a zero byte or an escape in it is nobody's.
    private static func text(_ bytes: [UInt8]) -> String? {
        guard !bytes.isEmpty, bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Lends bytes to GnuTLS, which only reads them.
func withDatum<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result {
    unsafe bytes.withUnsafeBytes { bytes in unsafe withDatum(bytes, body) }
}

func withDatum<Result>(
    _ bytes: UnsafeRawBufferPointer,
    _ body: (UnsafePointer<gnutls_datum_t>) -> Result
) -> Result {
    let start = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
    var datum = unsafe gnutls_datum_t(
        data: start?.assumingMemoryBound(to: UInt8.self),
        size: UInt32(clamping: bytes.count)
    )
    return unsafe withUnsafePointer(to: &datum) { unsafe body($0) }
}

/// The library's text for an error number.
func tlsMessage(_ code: Int32) -> String {
    guard let text = unsafe gnutls_strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
}
