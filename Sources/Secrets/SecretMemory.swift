// SPDX-License-Identifier: Apache-2.0
internal import CSodium

/// libsodium, made ready once. `sodium_malloc` aborts the process when it runs before `sodium_init`.
enum Sodium {
    static let ready: Bool = sodium_init() >= 0

    static func require() {
        precondition(ready, "libsodium could not be initialised: no source of random numbers")
    }
}

/// Random bytes of the operating system, for what is not secret: nonces, identifiers, salts.
package enum Random {
    /// `count` bytes.
    package static func bytes(_ count: Int) -> [UInt8] {
        Sodium.require()
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if count > 0, let base = buffer.baseAddress { unsafe randombytes_buf(base, count) }
            initialized = count
        }
    }
}

/// Comparison that takes the same time wherever two values differ.
package enum ConstantTime {
    /// Whether two byte sequences of public length are equal. Different lengths are unequal at once.
    package static func areEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
        guard left.byteCount == right.byteCount else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                guard let first = left.baseAddress, let second = right.baseAddress else { return true }
                return unsafe sodium_memcmp(first, second, left.count) == 0
            }
        }
    }
}

extension ConstantTime {
    /// The same for bytes that are not raw.
    package static func areEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        unsafe areEqual(left.bytes, right.bytes)
    }
}

/// A value that must not be printed, in a type that prints a placeholder.
package struct Redacted<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// What is hidden.
    package let value: Value
    package init(_ value: Value) { self.value = value }
    package var description: String { "[redacted]" }
    package var debugDescription: String { "[redacted]" }
}

extension Redacted: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: []) }
}
