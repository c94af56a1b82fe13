// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Secrets
import TestSupport
import Testing

/// Looks through the memory of this process for bytes that should be nowhere but in secret memory.
enum MemoryScan {
    /// How often `needle` stands in memory that this process can read, `needle` itself left out.
    static func count(_ needle: borrowing SecretBytes) throws -> Int {
        let chunk = 1 << 20
        let buffer = unsafe mmap(nil, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let start = try unsafe #require(buffer)
        defer { unsafe munmap(start, chunk) }
        let window = unsafe UnsafeMutableRawBufferPointer(start: start, count: chunk)
        var found = 0
        let (length, address) = (needle.count, needle.address)
        try needle.withBytes { needle in
            try unsafe needle.withUnsafeBytes { needle in
                try unsafe ProcessMemory().walk(overlap: length - 1, into: window) { piece, position in
                    let seen = unsafe ProcessMemory.occurrences(of: needle, in: piece)
                    found += seen.count { position + UInt($0) != address }
                }
            }
        }
        // The kernel copied everything here; it must not be found by the next scan.
        unsafe memset(start, 0, chunk)
        return found
    }

    static var isPossible: Bool { ProcessMemory().isPossible }
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
