// SPDX-License-Identifier: Apache-2.0

/// Looks at what stands between the pieces of a chunked body. libmicrohttpd takes a bare LF there, and extensions, and hands
/// out only the data; but pieces that it parsed in one go lie where they were in its buffer, with the chunk lines between
/// them. Only `CR LF size CR LF` with 1 to 16 hex digits is let through.
///
/// A line that came in a read of its own may be gone when we look. So this is a second net; the first is that the
/// connection always closes after a chunked body, and nothing that follows one is ever read as a request.
@safe struct Chunks {
    /// Where the library puts what it reads next after the head.
    private let base: UnsafeRawPointer
    /// End of the last piece.
    private var last: UnsafeRawPointer?

    init(after head: UnsafeRawPointer) { unsafe base = unsafe head }

    /// Whether the line before this piece, as far as it can be seen, is a plain one.
    mutating func accepts(_ piece: UnsafeRawBufferPointer) -> Bool {
        guard let start = piece.baseAddress else { return true }
        defer { unsafe last = unsafe start + piece.count }
        // The rest of a chunk whose beginning came before, or a place that we know nothing about.
        if unsafe start <= base { return true }
        if let last = unsafe last, unsafe start >= last, unsafe isLine(last, start, isFirst: false) { return true }
        return unsafe isLine(base, start, isFirst: last == nil) || (last != nil && isLine(base, start, isFirst: true))
    }

    /// Both ends lie in the buffer of the library, from which nothing is read beyond `end`.
    private func isLine(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer, isFirst: Bool) -> Bool {
        let line = unsafe UnsafeRawBufferPointer(start: start, count: end - start)
        let prefix = isFirst ? 0 : 2
        let digits = line.count - prefix - 2
        guard (1...16).contains(digits) else { return false }
        if unsafe !isFirst && (line[0] != 0x0d || line[1] != 0x0a) { return false }
        guard unsafe line[line.count - 2] == 0x0d, unsafe line[line.count - 1] == 0x0a else { return false }
        for offset in prefix..<(prefix + digits) where unsafe PercentEncoding.digit(line[offset]) == nil {
            return false
        }
        return true
    }
}
