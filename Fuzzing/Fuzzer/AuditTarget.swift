// SPDX-License-Identifier: Apache-2.0
internal import Audit
internal import Encoding
internal import Files

/// Lines of an audit file as a stranger may have changed them. The first byte of the input says how large the pieces are in
/// which they are read.
enum AuditTarget: FuzzTarget {
    static let name = "audit"

    static func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let text = Array(input.dropFirst())
        let lines = lines(text, piece: Int(first) + 1)
        if lines != Self.lines(text, piece: 1 << 20) { violated("the size of the pieces changes nothing") }
        let expected = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().map(
            Array.init
        )
        if lines != expected { violated("a line is what stands before a line feed") }
        var walk = AuditWalk(after: start)
        for (number, line) in lines.enumerated() {
            let claim = AuditLine.claim(of: line.span)
            _ = AuditFileHeader(line: line.span)
            if walk.follow(line) {
                if claim != walk.head { violated("a line that follows says where the chain stands") }
                if !vector.contains(line) { violated("nobody finds another line with a hash that is right") }
                continue
            }
            let next = Array(lines.dropFirst(number + 1).prefix(2))
            let (_, reason) = walk.judge(line, next: next) { _ in input.count % 2 == 0 }
            if reason.isEmpty || reason.utf8.contains(where: { $0 < 0x20 }) { violated("a finding is one sentence") }
        }
    }

    private static func lines(_ text: [UInt8], piece: Int) -> [[UInt8]] {
        var reader = AuditReader(TextFile(text), piece: piece)
        var lines: [[UInt8]] = []
        while case .whole(let line)? = try? reader.next() { lines.append(line) }
        return lines
    }

    /// Where the chain of `vector` begins.
    private static let start = AuditHead(sequence: 1, hash: Bytes(Array(repeating: 0x11, count: 32)) ?? Bytes())

    /// The vector of docs/formats.md.
    private static let vector = [
        Array(
            #"{"timestamp":"2023-11-14T22:13:20.123456Z","level":"INFO","target":"audit","message":"signed","event":"signing","operation":"RANDAO_REVEAL","outcome":"done","seq":2,"hash":"3d3c524eb8fe264f81df0d78c5a131ddc0effe8b5f46c7ee1ecf080cd40f8e5a"}"#
                .utf8
        )
    ]

    static func seeds() throws -> [[UInt8]] {
        let line = vector[0] + [UInt8(ascii: "\n")]
        let header = Array(
            (#"{"event":"audit_file","version":1,"chain":"\#(String(repeating: "0", count: 32))","file":1,"previous":""#
                + String(repeating: "0", count: 64) + #"","seq":1,"hash":""# + String(repeating: "0", count: 64)
                + "\"}\n").utf8
        )
        return [[0] + line, [255] + line + line, [3] + header + line, [7] + Array("{}\n\n".utf8)]
    }

    static let words = [
        #","seq":"#, #","hash":""#, "\"}\n", #","event":"audit_"#, "18446744073709551615", #""chain":""#,
        #""previous":""#,
    ]
}

/// A file in memory.
private final class TextFile: ReadableFile {
    private let text: [UInt8]
    init(_ text: [UInt8]) { self.text = text }

    func read(at offset: Int, count: Int) throws(FileProblem) -> [UInt8] { Array(text.dropFirst(offset).prefix(count)) }

    var status: FileStatus {
        get throws(FileProblem) {
            FileStatus(mark: FileMark(device: 0, inode: 0), size: text.count, isWritableByOthers: false)
        }
    }
}
