// SPDX-License-Identifier: Apache-2.0

/// A file as text: strict PEM (RFC 7468 §3, figure 3) with a label of its own, "ASCII armor" in the specification. Every
/// file has one armor, but for line ends (LF or CRLF) and blanks before and behind all of it.
package enum AgeArmor {
    private static let beginning = Array("-----BEGIN AGE ENCRYPTED FILE-----".utf8)
    private static let end = Array("-----END AGE ENCRYPTED FILE-----".utf8)
    private static let lineFeed = UInt8(ascii: "\n")

    /// Characters of a line, and the bytes in them.
    static let columns = 64
    static let bytesOfLine = 48

    /// Whether a text begins as armor does.
    static func begins(_ text: Span<UInt8>) -> Bool { text.trimmed.begins(with: beginning) }

    package static func encode(_ file: Span<UInt8>) -> [UInt8] {
        var text = beginning + [lineFeed]
        text.reserveCapacity(file.count / 3 * 4 + file.count / bytesOfLine + 100)
        for start in stride(from: 0, to: file.count, by: bytesOfLine) {
            let line = file.extracting(start..<min(start + bytesOfLine, file.count))
            text += Base64.encode(line, padded: true)
            text.append(lineFeed)
        }
        return text + end + [lineFeed]
    }

    package static func decode(_ text: Span<UInt8>) throws(AgeError) -> [UInt8] {
        var lines = Lines(text.trimmed)
        guard let first = lines.next(), first.withoutCarriageReturn.isEqual(to: beginning) else {
            throw .armor(.noBeginning)
        }
        var file: [UInt8] = []
        file.reserveCapacity(text.count / 4 * 3)
        var isComplete = false
        while let line = lines.next() {
            let content = line.withoutCarriageReturn
            if content.isEqual(to: end) {
                guard lines.next() == nil else { throw .armor(.moreBehindEnd) }
                return file
            }
            // Only the last line may be short, in characters or by its padding.
            guard !isComplete, content.count <= columns else { throw .armor(.lineLength) }
            let before = file.count
            guard !content.isEmpty, Base64.decode(content, padded: true, into: &file) else {
                throw .armor(.notBase64)
            }
            isComplete = file.count - before < bytesOfLine
        }
        throw .armor(.noEnd)
    }
}
