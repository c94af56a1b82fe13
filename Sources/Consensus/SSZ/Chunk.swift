// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// A leaf or a node of an SSZ tree: 32 bytes.
package typealias Chunk = Bytes<32>

extension Bytes where count == 32 {
    /// A `uint64`, little-endian, filled with zeros.
    init(ssz number: UInt64) {
        self.init()
        set(number, at: 0)
    }

    init(ssz flag: Bool) {
        self.init()
        self[0] = flag ? 1 : 0
    }

    /// Writes a `uint64` little-endian from byte `offset` on.
    mutating func set(_ number: UInt64, at offset: Int) {
        for position in 0..<8 { self[offset + position] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(position))) }
    }

    /// Up to 32 bytes of `source` from `start` on, filled with zeros.
    init(ssz source: Span<UInt8>, from start: Int) {
        self.init()
        let end = Swift.min(start + 32, source.count)
        var position = start
        while position < end {
            self[position - start] = source[position]
            position += 1
        }
    }
}
