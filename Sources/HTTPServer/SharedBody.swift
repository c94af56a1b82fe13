// SPDX-License-Identifier: Apache-2.0

/// Bytes that are answered again and again. The library refers to them instead of copying: a thousand clients that ask
/// for a large answer and do not read it hold one copy together.
///
/// `@unchecked` because of the pointer: the bytes are written before `init` returns, never again, and freed with the last
/// reference, of which every answer under way has one.
@safe package final class SharedBody: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    package init(_ body: [UInt8]) {
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: body.count, alignment: 1)
        unsafe bytes.copyBytes(from: body)
    }

    deinit { unsafe bytes.deallocate() }

    package var count: Int { unsafe bytes.count }
}
