// SPDX-License-Identifier: Apache-2.0
internal import CMicrohttpd
internal import Glibc

/// The running libmicrohttpd: its options, its callbacks, its end.
@safe final class Daemon: @unchecked Sendable {
    // Sound: `handle` is written once before anyone else sees the object; quiesce and stop are called once each, one after
    // the other, by the one thread that stops the server.
    private let handle: OpaquePointer
    private let core: ServerCore

    /// Starts serving on a listening descriptor, which then belongs to the daemon.
    init(core: ServerCore, descriptor: Int32) throws(HTTPServerError) {
        self.core = core
        let context = unsafe Unmanaged.passUnretained(core).toOpaque()
        var options = unsafe Daemon.options(core.settings, descriptor, context)
        let flags = MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_USE_SUSPEND_RESUME.rawValue | MHD_USE_TURBO.rawValue
        guard let handle = unsafe chamber_mhd_start(UInt32(flags), requestCallback, context, &options) else {
            let reason = systemMessage(errno)
            close(descriptor)
            throw .cannotStart(
                "libmicrohttpd refused to start (\(reason)): check the limits on threads and descriptors"
            )
        }
        unsafe self.handle = unsafe handle
    }

    /// Stops accepting and closes the listening descriptor.
    func quiesce() {
        let descriptor = unsafe MHD_quiesce_daemon(handle)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Ends all connections and threads. Nothing may be suspended. Blocks.
    func stop() { unsafe MHD_stop_daemon(handle) }

    /// The one place where options are put together; a certificate will add its own here.
    private static func options(
        _ settings: HTTPServerSettings,
        _ descriptor: Int32,
        _ context: UnsafeMutableRawPointer
    ) -> [MHD_OptionItem] {
        func number(_ option: MHD_OPTION, _ value: Int) -> MHD_OptionItem {
            unsafe MHD_OptionItem(option: option, value: value, ptr_value: nil)
        }
        func callback<Function>(_ option: MHD_OPTION, _ function: Function) -> MHD_OptionItem {
            unsafe chamber_mhd_option(option, unsafeBitCast(function, to: UnsafeRawPointer.self), context)
        }
        var options = unsafe [
            number(.LISTEN_SOCKET, Int(descriptor)),
            // Head, field list and read buffer. Half of it is the largest piece of a body that comes in one callback.
            number(.CONNECTION_MEMORY_LIMIT, 32 * 1024),
            number(.CONNECTION_LIMIT, settings.limits.connections),
            number(.PER_IP_CONNECTION_LIMIT, settings.limits.connectionsPerAddress),
            number(.CONNECTION_TIMEOUT, 0),
            number(.STRICT_FOR_CLIENT, 1),
            callback(.URI_LOG_CALLBACK, targetCallback),
            callback(.UNESCAPE_CALLBACK, unescapeCallback),
            callback(.NOTIFY_COMPLETED, completedCallback),
            callback(.NOTIFY_CONNECTION, connectionCallback),
        ]
        if settings.threads > 1 { unsafe options.append(number(.THREAD_POOL_SIZE, settings.threads)) }
        unsafe options.append(number(.END, 0))
        return unsafe options
    }
}

// Every callback gets its `Connection` from the pointer that `connectionCallback` stored; it is retained from the opening
// of the connection to its end, and no callback comes before or after.

/// Opening and end of a connection.
private let connectionCallback: MHD_NotifyConnectionCallback = { context, handle, slot, code in
    guard let context = unsafe context, let handle = unsafe ConnectionHandle(handle), let slot = unsafe slot else {
        return
    }
    if code == .CONNECTION_NOTIFY_STARTED {
        let core = unsafe Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue()
        let connection = Connection(handle, core: core)
        unsafe slot.pointee = Unmanaged.passRetained(connection).toOpaque()
        core.deadlines.insert(connection)
    } else if let pointer = unsafe slot.pointee {
        let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer).takeRetainedValue()
        unsafe slot.pointee = nil
        connection.closed()
        connection.core.deadlines.remove(connection)
    }
}

/// The request line, before anything of it was changed. What it returns comes back as the context of the request.
private let targetCallback:
    @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) ->
        UnsafeMutableRawPointer? = { _, target, handle in
            guard let target = unsafe target, let pointer = unsafe ConnectionHandle(handle)?.context
            else { return nil }
            let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
            unsafe connection.exchange.targetArrived(target, on: connection)
            return unsafe pointer
        }

/// Decoding is ours: the library leaves everything as it came.
private let unescapeCallback:
    @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<CChar>?) ->
        Int = { _, _, text in
            guard let text = unsafe text else { return 0 }
            return unsafe strlen(text)
        }

/// Head, parts of the body, end of the request, and resumption, in this order.
private let requestCallback: MHD_AccessHandlerCallback = { _, handle, _, method, version, data, size, context in
    guard let handle = unsafe ConnectionHandle(handle), let pointer = unsafe context?.pointee, let size = unsafe size
    else { return .NO }
    let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
    let exchange = connection.exchange
    let goesOn: Bool
    if exchange.awaitsHead {
        guard let method = unsafe method, let version = unsafe version else { return .NO }
        goesOn = unsafe exchange.headArrived(handle, method: method, version: version, on: connection)
    } else if unsafe size.pointee > 0 {
        goesOn = unsafe exchange.bodyArrived(UnsafeRawBufferPointer(start: data, count: size.pointee), on: connection)
        unsafe size.pointee = 0
    } else {
        goesOn = exchange.requestArrived(handle, on: connection)
    }
    return goesOn ? .YES : .NO
}

/// The end of a request, good or bad.
private let completedCallback: MHD_RequestCompletedCallback = { _, _, context, _ in
    guard let pointer = unsafe context?.pointee else { return }
    let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
    connection.exchange.ended(on: connection)
}
