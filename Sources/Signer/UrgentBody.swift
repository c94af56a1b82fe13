// SPDX-License-Identifier: Apache-2.0

/// Whether a body could be of the lane of proposals, told by its bytes alone: words that the types of this lane have in
/// common stand in it. What is let through by mistake is read, and finds its lane then.
enum UrgentBody {
    /// Longer ones are whole blocks.
    private static let longest = 2048
    /// `BLOCK` and `BLOCK_V2`, `RANDAO_REVEAL`, `EXECUTION_PAYLOAD_BID` and `…_ENVELOPE`, in lower case. A type is a string:
    /// it stands behind a quotation mark.
    private static let words = ["block", "randao", "execution_payload"].map { Array($0.utf8) }

    static func matches(_ body: [UInt8]) -> Bool {
        guard body.count <= longest else { return true }
        let text = body.span
        for place in text.indices where text[place] == UInt8(ascii: "\"") {
            if words.contains(where: { stands($0, in: text, at: place + 1) }) { return true }
        }
        return false
    }

    private static func stands(_ word: [UInt8], in text: Span<UInt8>, at place: Int) -> Bool {
        guard place + word.count <= text.count else { return false }
        for offset in word.indices {
            // Letters of both cases; of the other characters of these words none changes by this bit.
            guard text[place + offset] | 0x20 == word[offset] | 0x20 else { return false }
        }
        return true
    }
}
