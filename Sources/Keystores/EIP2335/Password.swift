// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Secrets

/// A password as EIP-2335 feeds it to the key derivation: Unicode form NFKD, then without the control characters C0, C1
/// and DEL, as UTF-8, in secret memory.
///
/// How far copies reach: a password of ASCII characters (NFKD leaves it alone) is never anywhere but in secret memory.
/// Of any other password, each non-ASCII character passes through Foundation by itself, as a `String` of one character
/// (mostly held in a register); the order of the characters, and so the password, is in secret memory only.
package final class Password: Sendable {
    private let bytes: SecretBytes

    /// Bytes of input. Far above what people and programs make.
    package static let limit = 16384

    /// Takes the content of a password file or a field. A newline at its end is a control character and goes with them,
    /// so the content of a file and the same without its newline are one password.
    package init(normalizing text: Span<UInt8>) throws(KeystoreError) {
        guard text.count <= Self.limit else { throw .passwordTooLong(bytes: text.count, limit: Self.limit) }
        var isASCII = true
        for position in text.indices where text[position] >= 0x80 { isASCII = false }
        bytes = isASCII ? Self.withoutControls(ascii: text) : try Self.decomposed(text)
    }

    package var isEmpty: Bool { bytes.count == 0 }

    /// The normal form, for the time of the borrow.
    package func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bytes.withSpan(body)
    }

    private static func withoutControls(ascii text: Span<UInt8>) -> SecretBytes {
        var kept = 0
        for position in text.indices where !isControl(UInt32(text[position])) { kept += 1 }
        var result = SecretBytes(count: kept) { _ in }
        var target = result.mutableSpan
        var next = 0
        for position in text.indices where !isControl(UInt32(text[position])) {
            target[next] = text[position]
            next += 1
        }
        return result
    }

    /// NFKD by its definition (UAX #15): every character's full compatibility decomposition, one after another, then the
    /// marks between two starters in the order of their combining classes. (Foundation's form of a whole text leaves marks
    /// that come out of a decomposition where they are, so U+0385 U+0327 would open no keystore of another tool's.)
    private static func decomposed(_ text: Span<UInt8>) throws(KeystoreError) -> SecretBytes {
        var count = 0
        try forEachDecomposed(text) { _ in count += 1 }
        var scalars = SecretScalars(count: count)
        try forEachDecomposed(text) { scalars.append($0) }
        return scalars.encoded(where: { !isControl($0.value) })
    }

    private static func forEachDecomposed(
        _ text: Span<UInt8>,
        _ body: (Unicode.Scalar) -> Void
    ) throws(KeystoreError) {
        let characters: UTF8Span
        do throws(UTF8.ValidationError) { characters = try UTF8Span(validating: text) } catch { throw .passwordNotUTF8 }
        var iterator = characters.makeUnicodeScalarIterator()
        while let scalar = iterator.next() {
            if scalar.isASCII {
                body(scalar)
            } else {
                for part in String(scalar).decomposedStringWithCompatibilityMapping.unicodeScalars { body(part) }
            }
        }
    }

    /// C0, DEL and C1.
    private static func isControl(_ value: UInt32) -> Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}

/// Characters in secret memory, four bytes each, kept in canonical order.
private struct SecretScalars: ~Copyable {
    private var memory: SecretBytes
    private var count = 0

    init(count: Int) { memory = SecretBytes(count: count * 4) { _ in } }

    /// Adds a character and moves it, if it is a mark, before the marks of higher class that it follows.
    mutating func append(_ scalar: Unicode.Scalar) {
        put(scalar, at: count)
        let combiningClass = scalar.properties.canonicalCombiningClass
        var position = count
        count += 1
        guard combiningClass != .notReordered else { return }
        while position > 0, self[position - 1].properties.canonicalCombiningClass > combiningClass {
            put(self[position - 1], at: position)
            position -= 1
            put(scalar, at: position)
        }
    }

    /// UTF-8 of the characters that `isKept` accepts.
    consuming func encoded(where isKept: (Unicode.Scalar) -> Bool) -> SecretBytes {
        var length = 0
        for position in 0..<count where isKept(self[position]) { length += self[position].utf8.count }
        var result = SecretBytes(count: length) { _ in }
        var target = result.mutableSpan
        var next = 0
        for position in 0..<count where isKept(self[position]) {
            for byte in self[position].utf8 {
                target[next] = byte
                next += 1
            }
        }
        return result
    }

    private subscript(position: Int) -> Unicode.Scalar {
        let bytes = memory.span
        var value: UInt32 = 0
        for offset in 0..<4 { value = value << 8 | UInt32(bytes[position * 4 + offset]) }
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }

    private mutating func put(_ scalar: Unicode.Scalar, at position: Int) {
        var bytes = memory.mutableSpan
        for offset in 0..<4 {
            bytes[position * 4 + offset] = UInt8(truncatingIfNeeded: scalar.value >> (24 - 8 * offset))
        }
    }
}
