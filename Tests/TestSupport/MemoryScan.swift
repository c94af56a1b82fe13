// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Secrets

/// Looks through the memory of this process for bytes that should be nowhere but in secret memory.
package enum MemoryScan {
    /// How often `needle` stands in memory that this process can read, `needle` itself left out.
    package static func count(_ needle: borrowing SecretBytes) throws -> Int {
        let chunk = 1 << 20
        let buffer = unsafe mmap(nil, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start = unsafe buffer, unsafe start != MAP_FAILED else {
            throw ProcessMemory.Failure(description: "no memory to look through memory with")
        }
        defer { unsafe munmap(start, chunk) }
        let window = unsafe UnsafeMutableRawBufferPointer(start: start, count: chunk)
        // By address: the list of mappings is not made at once, and one that grows meanwhile may be in it twice.
        var found: Set<UInt> = []
        let (length, address) = (needle.count, needle.address)
        try needle.withBytes { needle in
            try unsafe needle.withUnsafeBytes { needle in
                try unsafe ProcessMemory().walk(overlap: length - 1, into: window) { piece, position in
                    let seen = unsafe ProcessMemory.occurrences(of: needle, in: piece)
                    found.formUnion(seen.map { position + UInt($0) })
                }
            }
        }
        // The kernel copied everything here; it must not be found by the next scan.
        unsafe memset(start, 0, chunk)
        found.remove(address)
        return found.count
    }

    package static var isPossible: Bool { ProcessMemory().isPossible }
}

extension SecretBytes {
    /// Where it stands.
    package var address: UInt {
        borrowing get { withBytes { unsafe $0.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } } }
    }

    /// Random characters of `alphabet`, never anywhere but here.
    package static func random(_ alphabet: [UInt8], count: Int) -> SecretBytes {
        var text = SecretBytes(random: count)
        text.withMutableSpan {
            for position in $0.indices { $0[position] = alphabet[Int($0[position]) % alphabet.count] }
        }
        return text
    }
}
