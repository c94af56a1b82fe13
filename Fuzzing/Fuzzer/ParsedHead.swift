// SPDX-License-Identifier: Apache-2.0
@testable internal import HTTPServer

/// A head and what libmicrohttpd says of it: the library parses in place and writes zeros over separators. This imitates
/// it, leniently: a bare LF ends a line, several blanks separate.
struct ParsedHead {
    private var bytes: [UInt8]
    private var targetOffset = 0
    private var targetLength = 0
    private var target: [UInt8] = []
    private var versionOffset = 0
    private var fieldCount = 0

    init(_ text: [UInt8]) {
        bytes = text
        let line = Self.end(of: 0, in: text)
        takeRequestLine(line)
        var start = line
        while start < bytes.count, !isComplete, !isRefused {
            let end = Self.end(of: start, in: text)
            takeLine(start..<end, text)
            start = end
        }
        bytes.removeSubrange(start...)
    }

    /// Whether the empty line has come: before it the library only waits.
    private var isComplete = false
    /// Whether there is a line that is no field: the library answers that by itself.
    private var isRefused = false

    /// Whether the library would go on to its header hook: it refuses every other version by itself.
    var isHandedOn: Bool {
        isComplete && !isRefused && versionOffset > 0
            && bytes.dropFirst(versionOffset).starts(with: Array("HTTP/1.".utf8))
    }

    /// Bytes up to and including the empty line.
    var size: Int { bytes.count }

    /// Where the line that begins at `start` ends, its LF included.
    private static func end(of start: Int, in text: [UInt8]) -> Int {
        text[start...].firstIndex(of: 0x0a).map { $0 + 1 } ?? text.count
    }

    private mutating func takeRequestLine(_ end: Int) {
        let blanks = bytes[..<end].indices.filter { bytes[$0] == 0x20 }
        guard let first = blanks.first, let last = blanks.last, last > first else { return eraseEnd(0..<end) }
        targetOffset = first + 1
        targetLength = last - targetOffset
        versionOffset = last + 1
        bytes[first] = 0
        bytes[last] = 0
        if bytes[targetOffset..<last].contains(UInt8(ascii: "?")) {
            target = Array(bytes[targetOffset..<last])
            for position in targetOffset..<last where [0x3f, 0x26, 0x3d].contains(bytes[position]) {
                bytes[position] = 0
            }
        }
        eraseEnd(0..<end)
    }

    /// The library reads lines as C strings: one that begins with a zero byte is the empty line, and a colon behind a zero
    /// byte is none.
    private mutating func takeLine(_ line: Range<Int>, _ text: [UInt8]) {
        guard text[line.upperBound - 1] == 0x0a else { return }
        eraseEnd(line)
        let isContinuation = text[line.lowerBound] == 0x20 || text[line.lowerBound] == 0x09
        if bytes[line.lowerBound] == 0 {
            isComplete = true
        } else if let colon = text[line].prefix(while: { $0 != 0 }).firstIndex(of: UInt8(ascii: ":")), !isContinuation {
            bytes[colon] = 0
            fieldCount += 1
        } else {
            isRefused = !isContinuation
        }
    }

    private mutating func eraseEnd(_ line: Range<Int>) {
        guard let last = line.last, bytes[last] == 0x0a else { return }
        bytes[last] = 0
        if last > line.lowerBound, bytes[last - 1] == 0x0d { bytes[last - 1] = 0 }
    }

    /// Makes the offsets and the count something that no library would say.
    mutating func distort(_ input: [UInt8]) {
        var numbers = input.reversed().makeIterator()
        func number() -> Int { Int(numbers.next() ?? 0) &- 4 }
        targetOffset = number()
        targetLength = number()
        versionOffset = number() & 1 == 0 ? targetOffset + targetLength + 1 : number()
        target = targetLength > 0 && number() & 1 == 0 ? Array(input.prefix(targetLength)) : []
        while !target.isEmpty, target.count < targetLength { target.append(UInt8(ascii: "/")) }
        fieldCount = number()
    }

    /// The head as the server takes it; nil where it refuses it.
    func read() -> RequestHead? {
        unsafe bytes.withUnsafeBytes { buffer -> RequestHead? in
            guard let base = buffer.baseAddress else { return nil }
            var framing = unsafe Framing(
                base: base,
                size: buffer.count,
                targetOffset: targetOffset,
                targetLength: targetLength,
                target: target,
                versionOffset: versionOffset,
                fieldCount: fieldCount,
                limits: HTTPServerSettings.Limits(),
                peer: .local,
                certificate: nil,
                readCredential: nil
            )
            guard case .head(let head) = framing.read() else { return nil }
            return head
        }
    }
}
