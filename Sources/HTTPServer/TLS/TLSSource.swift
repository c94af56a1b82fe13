// SPDX-License-Identifier: Apache-2.0

/// Where a server's certificate comes from. Asked for every new connection, so that it can be exchanged while the server
/// runs; a pair from files is one source, a certificate that attests an enclave would be another.
package protocol TLSSource: Sendable {
    /// Called on the thread of the socket: it must neither wait nor compute.
    var current: TLSIdentity { get }
    /// A client was turned away because of its certificate. Called on the thread of the socket.
    func refused(_ refusal: CertificateRefusal, from peer: PeerAddress)
}

/// What is spoken: TLS 1.2 and 1.3 with keys that are made for each connection and ciphers that authenticate what they hide
/// (RFC 9325 §4). No tickets: what a session was must not lie in a client's hands.
enum TLSPolicy {
    /// In the notation of GnuTLS. Static: the library reads it by address.
    static let priorities: StaticString = """
        SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM:\
        +CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:\
        +GROUP-SECP384R1:%NO_TICKETS:%SERVER_PRECEDENCE
        """
}
