// SPDX-License-Identifier: Apache-2.0
internal import CAWS
internal import Encoding
internal import Secrets

/// The body of a request. The library copies it piece by piece into the buffers that it sends from: those are ordinary
/// memory and beyond us, as those of an answer are (``AnswerBody``).
enum RequestBody: Sendable {
    case plain([UInt8])
    /// Wiped with the last message that is sent from it: one may still be under way when its call has ended in vain.
    case secret(SecretBox)

    var count: Int {
        switch self {
        case .plain(let bytes): bytes.count
        case .secret(let box): box.bytes.count
        }
    }
}

/// The bytes of a body at an address that stays.
@safe final class StandingBytes {
    let cursor: aws_byte_cursor
    private let copy: UnsafeMutableBufferPointer<UInt8>?
    private let secret: SecretBox?

    init(_ body: RequestBody) {
        switch body {
        case .plain(let bytes):
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
            _ = unsafe copy.initialize(from: bytes)
            unsafe cursor = aws_byte_cursor_from_array(copy.baseAddress, copy.count)
            unsafe self.copy = copy
            secret = nil
        case .secret(let box):
            unsafe cursor = aws_byte_cursor_from_array(box.bytes.unsafeAddress, box.bytes.count)
            unsafe copy = nil
            secret = box
        }
    }

    deinit { unsafe copy?.deallocate() }

    /// SHA-256 in hexadecimal; nil where libcrypto fails.
    var digest: String? {
        var input = unsafe cursor
        var digest = [UInt8](repeating: 0, count: Int(AWS_SHA256_LEN))
        let code = unsafe digest.withUnsafeMutableBytes { target in
            var output = unsafe aws_byte_buf_from_empty_array(target.baseAddress, target.count)
            return unsafe aws_sha256_compute(aws_default_allocator(), &input, &output, 0)
        }
        return code == AWS_OP_SUCCESS ? Hex.encode(digest, prefix: false) : nil
    }
}
