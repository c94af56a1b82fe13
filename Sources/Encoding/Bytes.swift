// SPDX-License-Identifier: Apache-2.0

/// A fixed number of bytes held in place, without a heap allocation: the storage below every public key, root and
/// signature. Never for secrets; those live in `Secrets`.
package struct Bytes<let count: Int>: Sendable {
    @usableFromInline package var storage: InlineArray<count, UInt8>

    /// All zero.
    @inlinable package init() { storage = InlineArray(repeating: 0) }

    /// Copies `bytes`, or is nil where their number is not `count`.
    @inlinable package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == count else { return nil }
        storage = InlineArray(repeating: 0)
        var position = 0
        for byte in bytes {
            storage[position] = byte
            position += 1
        }
    }

    /// Copies a span of exactly `count` bytes.
    @inlinable package init(copying span: Span<UInt8>) {
        precondition(span.count == count, "a span of \(span.count) bytes cannot fill \(count)")
        storage = InlineArray { span[$0] }
    }

    @inlinable package subscript(position: Int) -> UInt8 {
        get { storage[position] }
        set { storage[position] = newValue }
    }

    /// The bytes for reading in place.
    @inlinable package var span: Span<UInt8> {
        @_lifetime(borrow self) get { storage.span }
    }

    /// The bytes for writing in place.
    @inlinable package var mutableSpan: MutableSpan<UInt8> {
        @_lifetime(&self) mutating get { storage.mutableSpan }
    }

    /// A copy on the heap, where an interface needs one.
    package var array: [UInt8] { (0..<count).map { storage[$0] } }

    @inlinable package var isZero: Bool {
        var sum: UInt8 = 0
        for position in 0..<count { sum |= storage[position] }
        return sum == 0
    }
}

extension Bytes: Equatable {
    @inlinable package static func == (left: Self, right: Self) -> Bool {
        for position in 0..<count where left.storage[position] != right.storage[position] { return false }
        return true
    }
}

extension Bytes: Hashable {
    @inlinable package func hash(into hasher: inout Hasher) {
        var position = 0
        while position + 8 <= count {
            var word: UInt64 = 0
            for offset in 0..<8 { word = word << 8 | UInt64(storage[position + offset]) }
            hasher.combine(word)
            position += 8
        }
        while position < count {
            hasher.combine(storage[position])
            position += 1
        }
    }
}

extension Bytes: Comparable {
    @inlinable package static func < (left: Self, right: Self) -> Bool {
        for position in 0..<count where left.storage[position] != right.storage[position] {
            return left.storage[position] < right.storage[position]
        }
        return false
    }
}

extension Bytes: CustomStringConvertible {
    /// `0x` and lower-case hexadecimal digits.
    package var description: String { Hex.encode(span, prefix: true) }
}
