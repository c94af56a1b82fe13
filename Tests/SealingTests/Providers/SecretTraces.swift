// SPDX-License-Identifier: Apache-2.0
import Glibc
import Secrets
import TestSupport

/// Looks for copies of a secret in the memory of this process.
enum SecretTraces {
    /// How often it stands there, the place that it is known from left out.
    static func count(_ secret: borrowing SecretBytes) throws -> Int {
        let size = 1 << 20
        let window = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
        defer { unsafe window.deallocate() }
        // By address: a mapping that grows while the list of them is made may be in it twice.
        var found: Set<UInt> = []
        try secret.withBytes { secret in
            try unsafe secret.withUnsafeBytes { needle in
                try unsafe ProcessMemory().walk(overlap: needle.count - 1, into: window) { piece, address in
                    for offset in unsafe ProcessMemory.occurrences(of: needle, in: piece) {
                        found.insert(address + UInt(offset))
                    }
                }
                found.remove(UInt(bitPattern: needle.baseAddress))
            }
        }
        // What was looked at was copied here.
        if let base = window.baseAddress { unsafe explicit_bzero(base, size) }
        return found.count
    }
}
