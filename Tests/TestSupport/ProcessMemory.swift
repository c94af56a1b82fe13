// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Glibc

/// The memory of a process as the kernel shows it (`/proc/PID/mem`): guard pages and secret memory are holes in it.
/// What is dumpable to nobody only root can read.
package struct ProcessMemory {
    package struct Failure: Error, CustomStringConvertible { package let description: String }

    private let folder: String
    private let leavesOutSecretMemory: Bool

    /// - Parameters:
    ///   - process: nil is this process.
    ///   - leavesOutSecretMemory: goes only through what would be in an image of the process: secret memory is locked and
    ///     out of those.
    package init(of process: Int32? = nil, leavesOutSecretMemory: Bool = false) {
        folder = process.map { "/proc/\($0)" } ?? "/proc/self"
        self.leavesOutSecretMemory = leavesOutSecretMemory
    }

    /// Whether there is memory that can be gone through: under a sanitizer it is terabytes of shadow.
    package var isPossible: Bool { ((try? mappings()) ?? []).allSatisfy { start, end in end - start < 1 << 32 } }

    /// Shows all of it to `look`, a piece and its address at a time. Neighbouring pieces share `overlap` bytes, so that
    /// what lies across is seen in one.
    ///
    /// - Parameter window: where pieces are put; its own bytes are left out.
    package func walk(
        overlap: Int,
        into window: UnsafeMutableRawBufferPointer,
        _ look: (_ piece: UnsafeRawBufferPointer, _ address: UInt) throws -> Void
    ) throws {
        let memory = unsafe open("\(folder)/mem", O_RDONLY)
        guard memory >= 0 else { throw Failure(description: "\(folder)/mem cannot be read") }
        defer { close(memory) }
        let start = UInt(bitPattern: window.baseAddress)
        let own = folder == "/proc/self" ? start..<start + UInt(window.count) : 0..<0
        for (start, end) in try mappings().flatMap({ Self.without(own, $0) }) {
            var position = start
            while position < end {
                let length = min(window.count, Int(end - position))
                let got = unsafe pread(memory, window.baseAddress, length, Int(position))
                // What another thread has given back since the list was made is a hole; there may be more behind it.
                guard got > 0 else {
                    position = (position & ~4095) + 4096
                    continue
                }
                try unsafe look(UnsafeRawBufferPointer(rebasing: window[..<got]), position)
                let next = position + UInt(got)
                position = next < end && got > overlap ? next - UInt(overlap) : next
            }
        }
    }

    /// How often each of the needles stands there. One that is shorter than another may be seen twice where two pieces
    /// meet: what counts is whether it is there.
    package func count(_ needles: [[UInt8]]) throws -> [Int] {
        let window = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { unsafe window.deallocate() }
        var found = Array(repeating: 0, count: needles.count)
        let longest = needles.map(\.count).max() ?? 1
        try unsafe walk(overlap: longest - 1, into: window) { piece, _ in
            for (number, needle) in needles.enumerated() {
                found[number] += unsafe needle.withUnsafeBytes { unsafe Self.occurrences(of: $0, in: piece).count }
            }
        }
        return found
    }

    /// Offsets in `bytes`.
    package static func occurrences(of needle: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> [Int] {
        guard var start = bytes.baseAddress, let pattern = needle.baseAddress else { return [] }
        var left = bytes.count
        var found: [Int] = []
        while left >= needle.count, let hit = unsafe memchr(start, Int32(pattern.load(as: UInt8.self)), left) {
            left -= unsafe UnsafeRawPointer(hit) - start
            if left >= needle.count, unsafe isEqual(hit, pattern, needle.count) { found.append(bytes.count - left) }
            left -= 1
            unsafe start = UnsafeRawPointer(hit) + 1
        }
        return found
    }

    /// Byte by byte: `memcmp` leaves the needle in vector registers, and whoever binds a function late or handles a signal
    /// writes those on the stack, where the search would find what it brought itself.
    private static func isEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        for offset in 0..<count
        where unsafe left.load(fromByteOffset: offset, as: UInt8.self)
            != right.load(fromByteOffset: offset, as: UInt8.self)
        {
            return false
        }
        return true
    }

    /// What is left of a mapping when `range` is taken out of it. By address and not by mapping: the kernel joins
    /// neighbours, so a mapping can hold more than what asked for it.
    private static func without(_ range: Range<UInt>, _ mapping: (start: UInt, end: UInt)) -> [(start: UInt, end: UInt)]
    {
        guard range.overlaps(mapping.start..<mapping.end) else { return [mapping] }
        return [
            (mapping.start, max(mapping.start, range.lowerBound)), (min(mapping.end, range.upperBound), mapping.end),
        ]
    }

    /// Readable mappings.
    private func mappings() throws -> [(start: UInt, end: UInt)] {
        var mappings: [(start: UInt, end: UInt)] = []
        for line in try text(of: leavesOutSecretMemory ? "smaps" : "maps").split(separator: "\n") {
            let fields = line.split(separator: " ")
            // Of the mapping before: locked (`lo`), and out of images (`dd`).
            if fields[0] == "VmFlags:", fields.contains("dd"), fields.contains("lo") { mappings.removeLast() }
            let range = fields[0].split(separator: "-")
            guard range.count == 2, let start = UInt(range[0], radix: 16), let end = UInt(range[1], radix: 16) else {
                continue
            }
            let isRead = fields[1].hasPrefix("r") && !line.hasSuffix("[vvar]") && !line.hasSuffix("[vsyscall]")
            // One that is not read stands for itself as empty, so that its flags are not taken for those of another.
            mappings.append(isRead ? (start, end) : (start, start))
        }
        return mappings.filter { $0.start < $0.end }
    }

    /// Read until the kernel says that there is no more: it gives a page at a time, and Foundation at times takes the first
    /// short piece for the end.
    private func text(of name: String) throws -> String {
        let list = unsafe open("\(folder)/\(name)", O_RDONLY)
        guard list >= 0 else { throw Failure(description: "\(folder)/\(name) cannot be read") }
        defer { close(list) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let got = unsafe read(list, &piece, piece.count), got > 0 { text += piece[..<got] }
        return String(decoding: text, as: UTF8.self)
    }
}
