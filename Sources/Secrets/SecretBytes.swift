// SPDX-License-Identifier: Apache-2.0
internal import CSodium

/// A secret of fixed length: locked memory between guard pages, wiped when its one owner lets go. It cannot be copied,
/// printed, encoded or interpolated. For the few (passphrases, master key, shares); validator keys live in
/// `SecretArena`.
@safe package struct SecretBytes: ~Copyable, @unchecked Sendable {
    // Sound: the memory has one owner, is written only in `init` and through `mutating` access, and is freed in `deinit`.
    private let memory: UnsafeMutableRawPointer
    package let count: Int

    /// Fills `count` bytes in place, so that no plain copy exists first. `fill` must write every byte; what it throws is
    /// passed on and what it wrote is wiped.
    package init<Failure: Error>(
        count: Int,
        fill: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        Sodium.require()
        guard let memory = unsafe sodium_malloc(count) else {
            preconditionFailure("\(count) bytes of secret memory could not be allocated")
        }
        unsafe self.memory = unsafe memory
        self.count = count
        unsafe sodium_memzero(memory, count)
        var span = unsafe MutableRawSpan(_unsafeStart: memory, byteCount: count)
        try fill(&span)
    }

    /// Copies a span. The source stays with its owner.
    package init(copying source: RawSpan) {
        self.init(count: source.byteCount) { target in
            for position in 0..<source.byteCount {
                target.storeBytes(
                    of: unsafe source.unsafeLoad(fromByteOffset: position, as: UInt8.self),
                    toByteOffset: position,
                    as: UInt8.self
                )
            }
        }
    }

    /// The same for bytes that are not raw.
    package init(copying source: Span<UInt8>) { self.init(copying: unsafe source.bytes) }

    /// Random bytes.
    package init(random count: Int) {
        self.init(count: count) { span in
            unsafe span.withUnsafeMutableBytes { buffer in
                if let base = buffer.baseAddress { unsafe randombytes_buf(base, count) }
            }
        }
    }

    deinit { unsafe sodium_free(memory) }

    /// Reads in place. The span cannot leave `body`.
    package borrowing func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe RawSpan(_unsafeStart: memory, byteCount: count))
    }

    /// The bytes for reading in place, for as long as the owner is borrowed.
    package var span: Span<UInt8> {
        @_lifetime(borrow self) get {
            let bytes = unsafe Span<UInt8>(_unsafeStart: memory.assumingMemoryBound(to: UInt8.self), count: count)
            return unsafe _overrideLifetime(bytes, borrowing: self)
        }
    }

    /// Where the bytes lie, for a C library that keeps the address and reads there: good for as long as the owner lives.
    package var unsafeAddress: UnsafeRawPointer { unsafe UnsafeRawPointer(memory) }

    /// Reads in place, where the owner is a property of a class, out of which a span cannot be borrowed.
    package borrowing func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(span)
    }

    /// The bytes for writing in place.
    package var mutableSpan: MutableSpan<UInt8> {
        @_lifetime(&self) mutating get {
            let bytes = unsafe MutableSpan<UInt8>(
                _unsafeStart: memory.assumingMemoryBound(to: UInt8.self),
                count: count
            )
            return unsafe _overrideLifetime(bytes, mutating: &self)
        }
    }

    /// Writes in place, where the owner is a property of a class.
    package mutating func withMutableSpan<Result: ~Copyable, Failure: Error>(
        _ body: (inout MutableSpan<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = mutableSpan
        return try body(&span)
    }

    /// Overwrites every byte with zero, for memory that is used again.
    package mutating func wipe() { unsafe sodium_memzero(memory, count) }

    /// Writes in place.
    package mutating func withMutableBytes<Result, Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = unsafe MutableRawSpan(_unsafeStart: memory, byteCount: count)
        return try body(&span)
    }
}

/// Wipes bytes that held a secret for a moment, such as a decoded password on the stack.
package func wipe(_ span: inout MutableSpan<UInt8>) {
    unsafe span.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress { unsafe sodium_memzero(base, buffer.count) }
    }
}

/// Wipes memory that is about to be given back. `memset` before a free vanishes at -O; this does not.
package func wipe(_ span: inout MutableRawSpan) {
    unsafe span.withUnsafeMutableBytes { buffer in
        if let base = buffer.baseAddress { unsafe sodium_memzero(base, buffer.count) }
    }
}
