// SPDX-License-Identifier: Apache-2.0
internal import CMicrohttpd

/// A connection of libmicrohttpd. The pointer is valid from the opening of the connection to its end; who holds one says
/// why it still is (`Connection`).
@safe struct ConnectionHandle {
    let pointer: OpaquePointer

    init?(_ pointer: OpaquePointer?) {
        guard let pointer = unsafe pointer else { return nil }
        unsafe self.pointer = unsafe pointer
    }

    var descriptor: Int32 { unsafe chamber_mhd_descriptor(pointer) }
    /// The session of GnuTLS; nil without TLS.
    var tlsSession: OpaquePointer? { unsafe OpaquePointer(chamber_mhd_tls_session(pointer)) }
    var peer: PeerAddress { unsafe PeerAddress(chamber_mhd_peer(pointer)) }

    /// Bytes of the head, in the header hook.
    var headSize: Int { unsafe chamber_mhd_head_size(pointer) }
    /// Fields that the library found in the head.
    var fieldCount: Int { Int(unsafe MHD_get_connection_values_n(pointer, .HEADER_KIND, nil, nil)) }

    /// What the opening callback stored; nil before and after.
    var context: UnsafeMutableRawPointer? { unsafe chamber_mhd_context(pointer) }

    /// On the thread of the socket, when the whole request is there.
    func suspend() { unsafe MHD_suspend_connection(pointer) }
    /// On the thread of the socket, once for each `suspend`.
    func resume() { unsafe MHD_resume_connection(pointer) }
}
