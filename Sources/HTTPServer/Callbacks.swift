// SPDX-License-Identifier: Apache-2.0
internal import CMicrohttpd
internal import Glibc

// Every callback gets its `Connection` from the pointer that `connectionCallback` stored; it is retained from the opening
// of the connection to its end, and no callback comes before or after.

/// Opening and end of a connection.
let connectionCallback: MHD_NotifyConnectionCallback = { context, handle, slot, code in
    guard let context = unsafe context, let handle = unsafe ConnectionHandle(handle), let slot = unsafe slot else {
        return
    }
    if code == .CONNECTION_NOTIFY_STARTED {
        let loop = unsafe Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue()
        let connection = Connection(handle, loop: loop)
        connection.tls?.begin()
        unsafe slot.pointee = Unmanaged.passRetained(connection).toOpaque()
        loop.opened()
        loop.core.deadlines.insert(connection, bound: loop.core.comfort)
    } else if let pointer = unsafe slot.pointee {
        let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer).takeRetainedValue()
        unsafe slot.pointee = nil
        connection.closed()
        connection.loop.closed()
        connection.core.deadlines.remove(connection)
    }
}

/// The request line, before anything of it was changed. What it returns comes back as the context of the request.
let targetCallback:
    @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) ->
        UnsafeMutableRawPointer? = { _, target, handle in
            guard let target = unsafe target, let pointer = unsafe ConnectionHandle(handle)?.context
            else { return nil }
            let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
            unsafe connection.exchange.targetArrived(target, on: connection)
            return unsafe pointer
        }

/// Decoding is ours: the library leaves everything as it came.
let unescapeCallback:
    @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<CChar>?) ->
        Int = { _, _, text in
            guard let text = unsafe text else { return 0 }
            return unsafe strlen(text)
        }

/// Head, parts of the body, end of the request, and resumption, in this order.
let requestCallback: MHD_AccessHandlerCallback = { _, handle, _, method, version, data, size, context in
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
let completedCallback: MHD_RequestCompletedCallback = { _, _, context, _ in
    guard let pointer = unsafe context?.pointee else { return }
    let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
    connection.exchange.ended(on: connection)
}

/// What the library says about its work: what of it concerns anybody, we say by ourselves.
let logCallback: MHD_LogCallback = { _, _, _ in }
