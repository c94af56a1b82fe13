// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Secrets
import Testing

/// Looks through the memory of this process for bytes that should be nowhere but in secret memory.
enum MemoryScan {
    /// How often `needle` stands in memory that this process can read, `needle` itself left out. The kernel reads for us
    /// (`/proc/self/mem`), so guard pages and `memfd_secret` pages are errors and not crashes.
    static func count(_ needle: borrowing SecretBytes) throws -> Int {
        let memory = unsafe open("/proc/self/mem", O_RDONLY)
        try #require(memory >= 0)
        defer { close(memory) }
        let chunk = 1 << 20
        let buffer = unsafe mmap(nil, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let window = try unsafe #require(buffer)
        defer { unsafe munmap(window, chunk) }
        // By address and not by mapping: the kernel joins neighbours, so a mapping can hold more than what asked for it.
        let own = UInt(bitPattern: window)..<UInt(bitPattern: window) + UInt(chunk)
        var found = 0
        for (start, end) in try mappings().flatMap({ without(own, $0) }) {
            var position = start
            while position < end {
                let length = min(chunk, Int(end - position))
                let got = unsafe pread(memory, window, length, Int(position))
                // What another thread has given back since the list was made is a hole; there may be more behind it.
                guard got > 0 else {
                    position = (position & ~4095) + 4096
                    continue
                }
                let seen = unsafe occurrences(of: needle, in: UnsafeRawBufferPointer(start: window, count: got))
                found += seen.count { position + UInt($0) != needle.address }
                let next = position + UInt(got)
                // The end of this chunk is looked at again at the start of the next: what lies across both is seen there.
                position = next < end && got > needle.count ? next - UInt(needle.count) + 1 : next
            }
        }
        // The kernel copied everything here; it must not be found by the next scan.
        unsafe memset(window, 0, chunk)
        return found
    }

    /// Whether there is memory that can be gone through: under a sanitizer it is terabytes of shadow.
    static var isPossible: Bool { ((try? mappings()) ?? []).allSatisfy { start, end in end - start < 1 << 32 } }

    /// What is left of a mapping when `range` is taken out of it.
    private static func without(_ range: Range<UInt>, _ mapping: (start: UInt, end: UInt)) -> [(start: UInt, end: UInt)]
    {
        guard range.overlaps(mapping.start..<mapping.end) else { return [mapping] }
        return [
            (mapping.start, max(mapping.start, range.lowerBound)), (min(mapping.end, range.upperBound), mapping.end),
        ]
    }

    /// Offsets in `bytes`.
    private static func occurrences(of needle: borrowing SecretBytes, in bytes: UnsafeRawBufferPointer) -> [Int] {
        needle.withBytes { needle in
            unsafe needle.withUnsafeBytes { needle in
                guard var start = bytes.baseAddress, let pattern = needle.baseAddress else { return [] }
                var left = bytes.count
                var found: [Int] = []
                while left >= needle.count, let hit = unsafe memchr(start, Int32(pattern.load(as: UInt8.self)), left) {
                    left -= unsafe UnsafeRawPointer(hit) - start
                    if left >= needle.count, unsafe memcmp(hit, pattern, needle.count) == 0 {
                        found.append(bytes.count - left)
                    }
                    left -= 1
                    unsafe start = UnsafeRawPointer(hit) + 1
                }
                return found
            }
        }
    }

    /// Readable mappings, start and end. Read until the kernel says that there is no more: it gives a page at a time, and
    /// Foundation at times takes the first short piece for the end.
    private static func mappings() throws -> [(start: UInt, end: UInt)] {
        let list = unsafe open("/proc/self/maps", O_RDONLY)
        try #require(list >= 0)
        defer { close(list) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let got = unsafe read(list, &piece, piece.count), got > 0 { text += piece[..<got] }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            let range = fields[0].split(separator: "-")
            guard fields[1].hasPrefix("r"), !line.hasSuffix("[vvar]"), !line.hasSuffix("[vsyscall]"),
                let start = UInt(range[0], radix: 16), let end = UInt(range[1], radix: 16)
            else { return nil }
            return (start, end)
        }
    }
}

extension SecretBytes {
    /// Where it stands.
    var address: UInt {
        borrowing get { withBytes { unsafe $0.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } } }
    }

    /// Random characters of `alphabet`, never anywhere but here.
    static func random(_ alphabet: [UInt8], count: Int) -> SecretBytes {
        var text = SecretBytes(random: count)
        text.withMutableSpan {
            for position in $0.indices { $0[position] = alphabet[Int($0[position]) % alphabet.count] }
        }
        return text
    }

    /// A file with `before`, this and `after`, written without a copy outside secret memory.
    func write(to path: String, before: String = "", after: String = "") throws {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try put(Array(before.utf8), descriptor)
        let written = withBytes {
            unsafe $0.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        }
        try #require(written == count)
        try put(Array(after.utf8), descriptor)
    }

    private func put(_ bytes: [UInt8], _ descriptor: Int32) throws {
        try #require(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }
}
