// SPDX-License-Identifier: Apache-2.0
package import Files

/// Lines of a file, one after the other, in pieces of a fixed size: a file of many gigabytes takes no memory.
package struct AuditReader: ~Copyable {
    package enum Line: Sendable {
        /// Without its line feed.
        case whole([UInt8])
        /// What stands behind the last line feed.
        case torn(bytes: Int)
        /// A line that is longer than any of ours; the rest of the file is not looked at.
        case endless
        case end
    }

    private let file: any ReadableFile
    private let piece: Int
    private var bytes: [UInt8] = []
    /// The place of the first byte in `bytes` that was not given out.
    private var start = 0
    /// The place in the file behind `bytes`.
    private var offset = 0

    /// Bytes that were given out.
    package var position: Int { offset - (bytes.count - start) }

    package init(_ file: any ReadableFile, piece: Int = 256 << 10) {
        precondition(piece > 0, "a piece of no bytes")
        self.file = file
        self.piece = piece
    }

    /// Reads again what was not given out: a torn line may have been finished or cut off meanwhile.
    package mutating func lookAgain() {
        offset = position
        bytes = []
        start = 0
    }

    /// After `end` it can be asked again, the file may have grown; after `torn` once it was told to look again.
    package mutating func next() throws(FileProblem) -> Line {
        var searched = start
        while true {
            if let feed = Self.feed(in: bytes, from: searched) {
                let line = Array(bytes[start..<feed])
                start = feed + 1
                return .whole(line)
            }
            searched = bytes.count
            guard bytes.count - start <= AuditTail.longestLine else { return .endless }
            let more = try file.read(at: offset, count: piece)
            guard !more.isEmpty else { return start == bytes.count ? .end : .torn(bytes: bytes.count - start) }
            if start > 0 {
                bytes.removeFirst(start)
                searched -= start
                start = 0
            }
            bytes += more
            offset += more.count
        }
    }

    private static func feed(in bytes: [UInt8], from start: Int) -> Int? {
        let span = bytes.span
        var place = start
        while place < span.count {
            if span[place] == UInt8(ascii: "\n") { return place }
            place += 1
        }
        return nil
    }
}
