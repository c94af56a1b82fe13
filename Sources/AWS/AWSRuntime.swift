// SPDX-License-Identifier: Apache-2.0
internal import CAWS

/// What every client of AWS in this process shares: one thread of events, the resolver of names, and the context of TLS
/// with the certificates that the system trusts. Nothing of the library runs before the first is made.
@safe package final class AWSRuntime: @unchecked Sendable {
    // Sound: the pointers never change, and the library counts references to these objects with atomics.

    /// One loop on purpose: whatever blocks while credentials are looked up (a file, a `credential_process`) blocks this
    /// thread and none of the shared pool, and what one exchange does comes one after the other.
    let loops: OpaquePointer
    let bootstrap: UnsafeMutablePointer<aws_client_bootstrap>
    let tls: UnsafeMutablePointer<aws_tls_ctx>
    private let resolver: UnsafeMutablePointer<aws_host_resolver>

    package init() throws(AWSError) {
        _ = Self.library
        let allocator = unsafe aws_default_allocator()
        var loopOptions = unsafe aws_event_loop_group_options()
        unsafe loopOptions.loop_count = 1
        guard let loops = unsafe aws_event_loop_group_new(allocator, &loopOptions) else {
            throw .settings(reason: "the AWS runtime cannot start its thread: \(lastError())")
        }
        var resolverOptions = unsafe aws_host_resolver_default_options()
        unsafe resolverOptions.max_entries = 64
        unsafe resolverOptions.el_group = loops
        let resolver = unsafe aws_host_resolver_new_default(allocator, &resolverOptions)
        var bootstrapOptions = unsafe aws_client_bootstrap_options()
        unsafe bootstrapOptions.event_loop_group = loops
        unsafe bootstrapOptions.host_resolver = resolver
        let bootstrap = unsafe aws_client_bootstrap_new(allocator, &bootstrapOptions)
        var tlsOptions = unsafe aws_tls_ctx_options()
        unsafe aws_tls_ctx_options_init_default_client(&tlsOptions, allocator)
        defer { unsafe aws_tls_ctx_options_clean_up(&tlsOptions) }
        unsafe tlsOptions.minimum_tls_version = AWS_IO_TLSv1_2
        guard let resolver = unsafe resolver, let bootstrap = unsafe bootstrap,
            let tls = unsafe aws_tls_client_ctx_new(allocator, &tlsOptions)
        else {
            let reason = lastError()
            unsafe aws_client_bootstrap_release(bootstrap)
            unsafe aws_host_resolver_release(resolver)
            unsafe aws_event_loop_group_release(loops)
            throw .settings(
                reason:
                    "the AWS runtime cannot start: \(reason); are the system's certificates installed (ca-certificates)?"
            )
        }
        unsafe self.loops = loops
        unsafe self.resolver = resolver
        unsafe self.bootstrap = bootstrap
        unsafe self.tls = tls
    }

    /// The library ends the thread once the last connection is gone.
    deinit {
        unsafe aws_tls_ctx_release(tls)
        unsafe aws_client_bootstrap_release(bootstrap)
        unsafe aws_host_resolver_release(resolver)
        unsafe aws_event_loop_group_release(loops)
    }

    /// The only loop.
    var loop: OpaquePointer { unsafe aws_event_loop_group_get_next_loop(loops) }

    /// Once for the process, and never undone: callbacks of the library may come until the end.
    private static let library: Void = unsafe aws_auth_library_init(aws_default_allocator())
}

/// What the library's last call on this thread failed of.
func lastError() -> String { describe(aws_last_error()) }

/// The library's own sentence for one of its error codes.
func describe(_ code: Int32) -> String {
    let text = unsafe aws_error_str(code).map { unsafe String(cString: $0) } ?? "unknown error"
    // Some sentences end in a full stop; here they stand inside another.
    let sentence = text.hasSuffix(".") ? String(text.dropLast()) : text
    return "\(sentence) (AWS \(code))"
}

/// Lets `body` use a text as the library takes texts; an empty one stands for none. Whatever keeps it longer than the call
/// copies it.
func withCursor<Result>(_ text: String, _ body: (aws_byte_cursor) -> Result) -> Result {
    var text = text
    return text.withUTF8 { bytes in
        unsafe body(bytes.isEmpty ? aws_byte_cursor() : aws_byte_cursor_from_array(bytes.baseAddress, bytes.count))
    }
}
