// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Secrets

/// Turns the digits of a raw key into a key of the arena. Between the two the scalar stands in secret memory, the same for
/// every key and wiped after each. For one thread at a time.
package final class RawKeyReader {
    private let arena: SecretArena
    private var scalar = SecretBytes(count: 32) { _ in }

    package init(arena: SecretArena) { self.arena = arena }

    /// A key from its digits, with or without `0x`.
    package func key(digits text: Span<UInt8>) throws(KeystoreError) -> SecretKey {
        let digits = text.extracting(SecretHex.start(text)..<text.count)
        guard digits.count == 64 else {
            throw .invalidField(
                Descriptor.secretField,
                reason: "has \(digits.count) characters; a BLS key has 64 digits"
            )
        }
        defer { scalar.wipe() }
        guard scalar.withMutableSpan({ SecretHex.decode(digits, into: &$0) }) else {
            throw .invalidField(Descriptor.secretField, reason: "contains a character that is not a hexadecimal digit")
        }
        do throws(SecretKey.Failure) {
            return try scalar.withBytes { bytes throws(SecretKey.Failure) in
                try SecretKey(bigEndian: bytes, arena: arena)
            }
        } catch { throw .notAScalar }
    }

    /// The same as a value, for callers that cannot throw.
    func result(digits: Span<UInt8>) -> Result<SecretKey, KeystoreError> {
        do throws(KeystoreError) { return .success(try key(digits: digits)) } catch { return .failure(error) }
    }
}
