// SPDX-License-Identifier: Apache-2.0
internal import CMicrohttpd
internal import Glibc

/// `MHD_queue_response` of libmicrohttpd, which our own answers go through.
///
/// It is looked up past this program, because the name belongs to `queueOfLibrary` here.
let queueResponse: (@convention(c) (OpaquePointer?, UInt32, OpaquePointer?) -> UInt32)? = {
    let nextObject = unsafe UnsafeMutableRawPointer(bitPattern: -1)  // RTLD_NEXT
    guard let symbol = unsafe dlsym(nextObject, "MHD_queue_response") else { return nil }
    return unsafe unsafeBitCast(symbol, to: (@convention(c) (OpaquePointer?, UInt32, OpaquePointer?) -> UInt32).self)
}()

/// What the library would have answered by itself, before any callback or between two of them: a request line or a field
/// that it cannot read, another version of HTTP, a length that is no number, too much head.
///
/// It queues such answers through its own public function, and the dynamic linker resolves that name to the first object
/// that has it: this program. So we answer in its place, as JSON like everything else, with a 4xx (it says 505 to another
/// version of HTTP) and once (it sends the head of some twice). Where a library is linked so that it calls itself directly,
/// its own answers go out; the tests of the framing then fail.
///
/// `public`, or a release build keeps the name to itself.
@_cdecl("MHD_queue_response")
public func queueOfLibrary(_ handle: OpaquePointer?, _ status: UInt32, _ response: OpaquePointer?) -> UInt32 {
    guard let context = unsafe ConnectionHandle(handle)?.context, (400..<500).contains(status) || status == 505 else {
        return unsafe queueResponse?(handle, status, response) ?? MHD_Result.NO.rawValue
    }
    let connection = unsafe Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
    switch status {
    case 413: connection.refuseAndCut(.bodyTooLarge(limit: connection.core.settings.limits.bodyBytes))
    case 414, 431: connection.refuseAndCut(.headTooLarge)
    case 505: connection.refuseAndCut(.malformed("the request line does not end with HTTP/1.0 or HTTP/1.1"))
    default: connection.refuseAndCut(.malformed("the request cannot be read as HTTP/1.1"))
    }
    // The library closes what it cannot answer.
    return MHD_Result.NO.rawValue
}
