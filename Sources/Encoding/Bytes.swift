// SPDX-License-Identifier: Apache-2.0

/// A fixed number of bytes held in place, without a heap allocation: the storage below every public key, root and
/// signature. Never for secrets; those live in `Secrets`.
///
/// The one `public` type of the package: the optimiser sees the bodies of inlinable members in other modules only when
/// they are public, and every byte of a hash goes through here (a Merkle node took 0.47 µs otherwise, now 0.15).
public struct Bytes<let count: Int>: Sendable {
    @usableFromInline var storage: InlineArray<count, UInt8>

    /// All zero.
    @inlinable public init() { storage = InlineArray(repeating: 0) }

    /// Copies `bytes`, or is nil where their number is not `count`.
    @inlinable public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == count else { return nil }
        storage = InlineArray(repeating: 0)
        var position = 0
        for byte in bytes {
            storage[position] = byte
            position += 1
        }
    }

    /// Copies a span of exactly `count` bytes.
    @inlinable public init(copying span: Span<UInt8>) {
        precondition(span.count == count, "a span of \(span.count) bytes cannot fill \(count)")
        storage = InlineArray { span[$0] }
    }

    /// The byte at a place.
    @inlinable public subscript(position: Int) -> UInt8 {
        get { storage[position] }
        set { storage[position] = newValue }
    }

    /// The bytes for reading in place.
    @inlinable public var span: Span<UInt8> {
        @_lifetime(borrow self) get { storage.span }
    }

    /// The bytes for writing in place.
    @inlinable public var mutableSpan: MutableSpan<UInt8> {
        @_lifetime(&self) mutating get { storage.mutableSpan }
    }

    /// A copy on the heap, where an interface needs one.
    public var array: [UInt8] { (0..<count).map { storage[$0] } }

    /// Whether every byte is zero.
    @inlinable public var isZero: Bool {
        var sum: UInt8 = 0
        for position in 0..<count { sum |= storage[position] }
        return sum == 0
    }
}

extension Bytes: Equatable {
    /// Not in constant time: for public data.
    @inlinable public static func == (left: Self, right: Self) -> Bool {
        for position in 0..<count where left.storage[position] != right.storage[position] { return false }
        return true
    }
}

extension Bytes: Hashable {
    /// Takes eight bytes at a time.
    @inlinable public func hash(into hasher: inout Hasher) {
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
    /// The order of the bytes from the first on.
    @inlinable public static func < (left: Self, right: Self) -> Bool {
        for position in 0..<count where left.storage[position] != right.storage[position] {
            return left.storage[position] < right.storage[position]
        }
        return false
    }
}

extension Bytes: CustomStringConvertible {
    /// `0x` and lower-case hexadecimal digits.
    public var description: String { Hex.encode(span, prefix: true) }
}
