// SPDX-License-Identifier: Apache-2.0
internal import Files

/// The end of a file, as the last process left it.
struct AuditTail {
    /// Where the chain stands after the last whole line.
    let head: AuditHead
    let header: AuditFileHeader
    /// Bytes up to the end of that line.
    let size: Int
    /// How many stand behind it: a line that a crash cut off, or what a loss of power left there.
    let torn: Int

    /// Longer than any line: a dozen values of 2 KiB, each byte of them escaped.
    static let longestLine = 256 << 10

    enum Content {
        case empty
        /// A first line that was never finished is all that the file holds; so many bytes.
        case unborn(Int)
        case lines(AuditTail)
        /// The file holds something, and it is not ours.
        case foreign
    }

    static func read(_ file: any ReadableFile) throws(FileProblem) -> Content {
        let size = try file.status.size
        guard size > 0 else { return .empty }
        let start = try file.read(at: 0, count: min(size, longestLine))
        guard let first = start.firstIndex(of: UInt8(ascii: "\n")) else {
            // Zeros are what some file systems leave where the content had not reached the disk.
            let isOurs = start.starts(with: Array(#"{"timestamp":""#.utf8).prefix(size)) || start.allSatisfy { $0 == 0 }
            return isOurs && size <= longestLine ? .unborn(size) : .foreign
        }
        guard let header = AuditFileHeader(line: start.span.extracting(0..<first)) else { return .foreign }
        // Backwards, ever further, until there is a whole line of ours.
        var length = longestLine
        while true {
            let from = max(0, size - length)
            let bytes = try readAll(file, from: from, to: size)
            if let (head, end) = lastLine(in: bytes, isFromStart: from == 0) {
                return .lines(AuditTail(head: head, header: header, size: from + end, torn: size - from - end))
            }
            guard from > 0 else { return .foreign }
            length *= 8
        }
    }

    static func readAll(_ file: any ReadableFile, from start: Int, to end: Int) throws(FileProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        while start + bytes.count < end {
            let part = try file.read(at: start + bytes.count, count: min(1 << 20, end - start - bytes.count))
            if part.isEmpty { break }
            bytes += part
        }
        return bytes
    }

    /// The last whole line of ours and the place behind its line feed.
    private static func lastLine(in bytes: [UInt8], isFromStart: Bool) -> (head: AuditHead, end: Int)? {
        let feed = UInt8(ascii: "\n")
        var end = bytes.lastIndex(of: feed)
        while let last = end {
            let before = bytes[..<last].lastIndex(of: feed)
            guard before != nil || isFromStart else { return nil }
            let line = bytes.span.extracting((before.map { $0 + 1 } ?? 0)..<last)
            if let head = AuditLine.claim(of: line) { return (head, last + 1) }
            end = before
        }
        return nil
    }
}
