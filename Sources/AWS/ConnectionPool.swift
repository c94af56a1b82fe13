// SPDX-License-Identifier: Apache-2.0
internal import CAWS

/// The connections to one endpoint, HTTP/1.1, kept open between requests (`aws_http_connection_manager`). Proxies of the
/// environment are not used.
@safe final class ConnectionPool: @unchecked Sendable {
    // Sound: the pointer never changes; the library guards the manager with a lock of its own.
    let handle: OpaquePointer

    /// A burst waits for a place here; the service itself takes any number.
    private static let maximumConnections = 64
    /// Below the shortest idle limits on the way, so that a request seldom meets a connection that is just being closed.
    private static let idleMilliseconds: UInt64 = 10_000
    /// For the connection and, once more, for the handshake. A request's own deadline may end sooner.
    private static let connectMilliseconds: UInt32 = 3_000

    init(to endpoint: Endpoint, runtime: AWSRuntime) throws(AWSError) {
        let allocator = unsafe aws_default_allocator()
        var socket = aws_socket_options()
        socket.type = AWS_SOCKET_STREAM
        socket.domain = endpoint.host.contains(":") ? AWS_SOCKET_IPV6 : AWS_SOCKET_IPV4
        socket.connect_timeout_ms = Self.connectMilliseconds
        socket.tcp_nodelay = AWS_SOCKET_TCP_NODELAY_ON
        var tls = unsafe aws_tls_connection_options()
        unsafe aws_tls_connection_options_init_from_ctx(&tls, runtime.tls)
        defer { unsafe aws_tls_connection_options_clean_up(&tls) }
        unsafe tls.timeout_ms = Self.connectMilliseconds

        let made = unsafe withCursor(endpoint.host) { host in
            var host = unsafe host
            unsafe aws_tls_connection_options_set_server_name(&tls, allocator, &host)
            return unsafe withUnsafePointer(to: &socket) { socket in
                unsafe withUnsafePointer(to: &tls) { tls in
                    var options = unsafe aws_http_connection_manager_options()
                    unsafe options.bootstrap = runtime.bootstrap
                    unsafe options.initial_window_size = .max
                    unsafe options.socket_options = socket
                    unsafe options.tls_connection_options = endpoint.isSecure ? tls : nil
                    unsafe options.host = host
                    unsafe options.port = UInt32(endpoint.port)
                    unsafe options.max_connections = Self.maximumConnections
                    unsafe options.max_connection_idle_in_milliseconds = Self.idleMilliseconds
                    return unsafe aws_http_connection_manager_new(allocator, &options)
                }
            }
        }
        guard let made = unsafe made else {
            throw .settings(reason: "no connections can be made to \(endpoint): \(lastError())")
        }
        unsafe handle = made
    }

    deinit { unsafe aws_http_connection_manager_release(handle) }
}
