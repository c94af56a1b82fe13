// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding

/// Where a chain stands after a line: its number and its hash.
package struct AuditHead: Hashable, Sendable {
    package var sequence: UInt64
    package var hash: Bytes<32>

    package init(sequence: UInt64, hash: Bytes<32>) {
        self.sequence = sequence
        self.hash = hash
    }

    /// Before the first line.
    package static let none = AuditHead(sequence: 0, hash: Bytes())
}

/// The end of a line, `,"seq":N,"hash":"H"}`, which chains it to the one before: H is SHA-256 over the hash of the line
/// before (32 bytes) and the bytes of this line up to `,"hash":"`. So whoever changes, moves, adds or takes away a line
/// has to make every later line anew, and the anchored head tells on him.
package enum AuditLine {
    private static let sequenceMark = Array(#","seq":"#.utf8)
    static let hashMark = Array(#","hash":""#.utf8)
    private static let end = Array(#""}"#.utf8)
    /// Mark, digits and the end.
    private static let hashLength = 9 + 64 + 2

    /// Closes the line that begins at `start` of a text and has neither closing bracket nor line feed yet.
    ///
    /// - Parameter scratch: where what is hashed is put together; kept by the caller, so that nothing is allocated.
    static func seal(
        _ text: inout [UInt8],
        from start: Int,
        after previous: AuditHead,
        _ scratch: inout [UInt8]
    )
        -> AuditHead
    {
        let sequence = previous.sequence + 1
        text += sequenceMark
        text += String(sequence).utf8
        let hash = hash(text[start...], after: previous.hash, &scratch)
        text += hashMark
        Hex.append(hash.span, to: &text)
        text += end
        text.append(UInt8(ascii: "\n"))
        return AuditHead(sequence: sequence, hash: hash)
    }

    /// What a line says of itself, without its line feed; nil where it is none of ours.
    package static func claim(of line: Span<UInt8>) -> AuditHead? {
        let mark = line.count - hashLength
        guard mark > 0, line[0] == UInt8(ascii: "{"), has(hashMark, in: line, at: mark),
            has(end, in: line, at: line.count - 2)
        else { return nil }
        var hash = Bytes<32>()
        for place in 0..<32 {
            let digits = mark + hashMark.count + 2 * place
            guard let high = digit(line[digits]), let low = digit(line[digits + 1]) else { return nil }
            hash[place] = high << 4 | low
        }
        guard let sequence = number(before: mark, in: line) else { return nil }
        return AuditHead(sequence: sequence, hash: hash)
    }

    /// Whether a line holds the end of another one, as where the line feed between them was changed.
    static func isJoined(_ line: Span<UInt8>) -> Bool {
        var place = 0
        while place < line.count - hashLength {
            if has(hashMark, in: line, at: place) { return true }
            place += 1
        }
        return false
    }

    /// The hash that a line must have; the line has the form of one.
    package static func hash(
        ofSealed line: [UInt8],
        after previous: Bytes<32>,
        _ scratch: inout [UInt8]
    ) -> Bytes<32> {
        hash(line[..<(line.count - hashLength)], after: previous, &scratch)
    }

    private static func hash(
        _ bytes: ArraySlice<UInt8>,
        after previous: Bytes<32>,
        _ scratch: inout [UInt8]
    ) -> Bytes<32> {
        scratch.removeAll(keepingCapacity: true)
        for place in 0..<32 { scratch.append(previous[place]) }
        scratch += bytes
        do throws(CryptoError) { return try Digest.sha256(scratch.span) } catch {
            preconditionFailure("SHA-256 cannot be computed: \(error)")
        }
    }

    private static func has(_ mark: [UInt8], in line: Span<UInt8>, at place: Int) -> Bool {
        guard place >= 0, place + mark.count <= line.count else { return false }
        for offset in mark.indices where line[place + offset] != mark[offset] { return false }
        return true
    }

    /// Lower case only: a line has one spelling.
    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// The number of the line, whose digits end at `end`.
    private static func number(before end: Int, in line: Span<UInt8>) -> UInt64? {
        var first = end
        while first > 0, end - first < 20, line[first - 1] >= UInt8(ascii: "0"), line[first - 1] <= UInt8(ascii: "9") {
            first -= 1
        }
        guard first < end, line[first] != UInt8(ascii: "0"), has(sequenceMark, in: line, at: first - sequenceMark.count)
        else { return nil }
        var number: UInt64 = 0
        for place in first..<end {
            let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = product.addingReportingOverflow(UInt64(line[place] - UInt8(ascii: "0")))
            guard !isTooLarge, !overflows else { return nil }
            number = sum
        }
        return number
    }
}
