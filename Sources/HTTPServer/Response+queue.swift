// SPDX-License-Identifier: Apache-2.0
internal import CMicrohttpd

extension Response {
    /// Hands the answer to libmicrohttpd, which copies its body unless that is shared. On the thread of the socket.
    func queue(on handle: ConnectionHandle, closing: Bool) -> Bool {
        let made = unsafe shared.map { unsafe Self.refer(to: $0) } ?? Self.copy(body)
        guard let response = unsafe made else { return false }
        defer { unsafe MHD_destroy_response(response) }
        // A field that the library refuses (line breaks in the value) is left out, as `Response.headers` says.
        if let contentType { unsafe MHD_add_response_header(response, "Content-Type", contentType) }
        for header in headers { unsafe MHD_add_response_header(response, header.name, header.value) }
        if closing || closesConnection { unsafe MHD_add_response_header(response, "Connection", "close") }
        return unsafe queueResponse?(handle.pointer, UInt32(clamping: status), response) == MHD_Result.YES.rawValue
    }

    private static func copy(_ body: [UInt8]) -> OpaquePointer? {
        unsafe body.withUnsafeBytes { bytes in
            // The library only reads from the buffer that it is told to copy.
            unsafe MHD_create_response_from_buffer(
                bytes.count,
                UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                .RESPMEM_MUST_COPY
            )
        }
    }

    /// The library gives its reference back when the answer is sent or its connection has ended.
    private static func refer(to shared: SharedBody) -> OpaquePointer? {
        let reference = unsafe Unmanaged.passRetained(shared)
        let made = unsafe MHD_create_response_from_buffer_with_free_callback_cls(
            shared.bytes.count,
            shared.bytes.baseAddress,
            { reference in
                guard let reference = unsafe reference else { return }
                unsafe Unmanaged<SharedBody>.fromOpaque(reference).release()
            },
            reference.toOpaque()
        )
        if unsafe made == nil { unsafe reference.release() }
        return unsafe made
    }
}
